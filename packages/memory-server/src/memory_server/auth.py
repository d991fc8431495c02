"""Who is calling. With a key set, everything but /health needs it; without one, everyone is let in.

Leaves a `Principal` in the request's state for limits, logs and tools. What a caller says about its client and project
is a claim, not an identity: it chooses defaults and grants nothing.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import unquote

from msgspec import Struct
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from memory_core.changes import By
from memory_core.errors import InvalidError, UnauthorizedError
from memory_server.limits import Kind, Limits

OPEN_PATHS = frozenset({"/health"})


class Principal(Struct, frozen=True, kw_only=True):
    """`limited_as` is what its requests are counted under; `key_hint` stands in logs and tells nothing of the key."""

    limited_as: str
    key_hint: str | None = None


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks: what it claims to be, and what is kept of it with each change."""

    claims: "Claims"
    by: By


class Claims(Struct, frozen=True, kw_only=True):
    """What the headers say of the caller: its project and its machine."""

    project_id: str | None = None
    client_id: str | None = None


def digest(key: str) -> bytes:
    # latin-1 is what headers are made of, so every header value has a digest
    return hashlib.sha256(key.encode("latin-1", "replace")).digest()


class AuthMiddleware:
    def __init__(self, app: ASGIApp, *, api_key: str | None, limits: Limits) -> None:
        self.app = app
        self._digest = digest(api_key) if api_key else None
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["principal"] = self._principal(scope)
        await self.app(scope, receive, send)

    def _principal(self, scope: Scope) -> Principal:
        address = address_of(scope)
        key = sent_key(Headers(scope=scope))
        if self._digest is None:
            return Principal(limited_as=address)
        if key is None and scope["path"] in OPEN_PATHS:
            return Principal(limited_as=address)
        # Counted before the comparison: who has guessed too often learns nothing, not even from a right guess.
        self._limits.refuse_if_used_up(Kind.FAILED_LOGIN, address)
        if key is not None and hmac.compare_digest(digest(key), self._digest):
            hint = digest(key).hex()[:8]
            return Principal(limited_as=f"key {hint}", key_hint=hint)
        if key is not None:
            # Once for each wrong key: a machine that keeps trying an old one must not lock out all behind its proxy.
            self._limits.spend_once(Kind.FAILED_LOGIN, address, digest(key))
        if scope["path"] in OPEN_PATHS:
            return Principal(limited_as=address)
        raise UnauthorizedError(
            "the key is wrong; it must be the server's MEMORY_API_KEY"
            if key is not None
            else "a key is needed: send X-API-Key, or Authorization: Bearer"
        )


def address_of(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else "unknown"


def sent_key(headers: Mapping[str, str]) -> str | None:
    if key := headers.get("x-api-key"):
        return key
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def claims_of(headers: Mapping[str, str]) -> Claims:
    """The defaults a caller brings, percent-encoding undone. Raises InvalidError if they are no UTF-8."""
    return Claims(project_id=_claim(headers, "x-project-id"), client_id=_claim(headers, "x-client-id"))


def caller_of(request: Request) -> Caller:
    """Raises InvalidError for headers that cannot be."""
    claims = claims_of(request.headers)
    by = By(
        client_id=claims.client_id,
        key=request.state.principal.key_hint,
        reason=_claim(request.headers, "x-reason"),
        request=request.headers.get("idempotency-key"),
        ago_s=_seconds(request.headers.get("x-written-ago", "0")),
    )
    return Caller(claims=claims, by=by)


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise InvalidError("x-written-ago is a whole number of seconds")
    return int(text)


def _claim(headers: Mapping[str, str], name: str) -> str | None:
    try:
        return unquote(headers.get(name, ""), errors="strict").strip() or None
    except UnicodeDecodeError as error:
        raise InvalidError(f"{name} is not percent-encoded UTF-8") from error
