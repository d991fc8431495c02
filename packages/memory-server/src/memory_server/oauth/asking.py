"""What a client asks for at /authorize, read from the query and checked to the last word."""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from msgspec import Struct

from memory_core.keys import KeyScope
from memory_server.oauth.clients import Client
from memory_server.oauth.errors import OAuthError, UnknownClientError, WrongRequestError
from memory_server.oauth.public import PublicUrl
from memory_server.oauth.redirects import answering, is_one_of

READ, WRITE = "memory:read", "memory:write"
SCOPES = (READ, WRITE)
MAX_FIELDS = 40
MAX_STATE_CHARS = 4_096
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # what S256 makes of anything


class Asked(Struct, frozen=True, kw_only=True):
    """`query` is all of it as it came, by which the page asks again."""

    client: Client
    redirect_uri: str
    challenge: str
    scope: KeyScope
    state: str | None
    query: str


def read_asked(query: str, *, find: Callable[[str], Client | None], public: PublicUrl) -> Asked:
    """Raises UnknownClientError where nobody may be sent anywhere, else WrongRequestError."""
    try:
        fields = fields_of(query)
    except OAuthError as error:
        raise UnknownClientError(str(error)) from error
    client = find(fields.get("client_id", ""))
    if client is None:
        raise UnknownClientError(
            "the client is not known here; remove the connector where you added it, and add it again"
        )
    redirect_uri = fields.get("redirect_uri", "")
    if not redirect_uri and len(client.redirect_uris) == 1:
        redirect_uri = client.redirect_uris[0]
    if not is_one_of(redirect_uri, client.redirect_uris):
        raise UnknownClientError("the client wants the answer at another address than it has registered")
    state = fields.get("state")
    if fault := _fault(fields, public):
        name, text = fault
        back = answering(redirect_uri, error=name, error_description=text, state=state, iss=public.issuer)
        raise WrongRequestError(text, back_to=back)
    return Asked(
        client=client,
        redirect_uri=redirect_uri,
        challenge=fields["code_challenge"],
        scope=scopes_in(fields.get("scope", "")) or KeyScope.WRITE,
        state=state,
        query=query,
    )


def _fault(fields: dict[str, str], public: PublicUrl) -> tuple[str, str] | None:
    """The error's name and what is wrong; null where nothing is."""
    if fields.get("response_type") != "code":
        return "unsupported_response_type", "response_type is code, and nothing else"
    if "code_challenge" not in fields:
        return "invalid_request", "code_challenge is missing: this server wants PKCE"
    if fields.get("code_challenge_method") != "S256":
        return "invalid_request", "code_challenge_method is S256, and nothing else"
    if not _CHALLENGE.fullmatch(fields["code_challenge"]):
        return "invalid_request", "code_challenge is no SHA-256 in base64url"
    if "resource" in fields and not public.is_resource(fields["resource"]):
        return "invalid_target", f"tokens of this server are for {public.resource}"
    if len(fields.get("state", "")) > MAX_STATE_CHARS:
        return "invalid_request", f"state is longer than {MAX_STATE_CHARS} characters"
    return None


def fields_of(text: str) -> dict[str, str]:
    """A query or a form. Raises OAuthError where a field comes twice (RFC 6749, 3.1) or it is no text."""
    try:
        pairs = parse_qsl(text, max_num_fields=MAX_FIELDS, errors="strict")
    except (ValueError, UnicodeError) as error:
        raise OAuthError("invalid_request", "the request is no list of fields in UTF-8") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise OAuthError("invalid_request", "a field comes twice")
    return fields


def scopes_in(text: str) -> KeyScope | None:
    """The most that is asked for. Names of other servers are passed over, as RFC 6749, 3.3 lets a server do."""
    names = set(text.split())
    return KeyScope.WRITE if WRITE in names else KeyScope.READ if READ in names else None


def scope_text(scope: KeyScope) -> str:
    return READ if scope is KeyScope.READ else f"{READ} {WRITE}"
