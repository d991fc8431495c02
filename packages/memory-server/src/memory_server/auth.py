"""Who is calling. With a key set, everything but what is open needs one; without any, everyone is let in.

Leaves a `Principal` in the request's state for access, limits, logs and tools. What a caller says about its client and
project is a claim, not an identity: it chooses defaults and grants nothing.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import unquote

from msgspec import Struct, structs
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from memory_core.changes import By
from memory_core.errors import ForbiddenError, InvalidError, UnauthorizedError
from memory_server.access import Doors, Keyring, Level, Principal
from memory_server.limits import Kind, Limits
from memory_server.settings import is_loopback


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks: what it claims to be, and what is kept of it with each change."""

    claims: "Claims"
    by: By


class Claims(Struct, frozen=True, kw_only=True):
    """What the headers say of the caller: its project and its machine. `is_bound`: the key says which machine it is.

    `is_lost`: it named a directory in place of a project, and nobody knows which one that is.
    """

    project_id: str | None = None
    client_id: str | None = None
    is_bound: bool = False
    is_lost: bool = False


class Placed(Struct, frozen=True, kw_only=True):
    """The project of the directory that a request named in place of one; null for one that is unknown."""

    project_id: str | None


DIRECTORY = "x-project-dir"


def digest(key: str) -> bytes:
    # latin-1 is what headers are made of, so every header value has a digest
    return hashlib.sha256(key.encode("latin-1", "replace")).digest()


class OneKey:
    """The keyring of a server that has one key, or none. Its holder is an admin."""

    def __init__(self, api_key: str | None, *, named: bool = True) -> None:
        self._digest = digest(api_key) if api_key else None
        self._named = named

    @property
    def is_open(self) -> bool:
        return self._digest is None

    def principal(self, key: str) -> Principal | None:
        sent = digest(key)
        if self._digest is None or not hmac.compare_digest(sent, self._digest):
            return None
        hint = sent.hex()[:8]
        return Principal(limited_as=f"key {hint}", key_hint=hint if self._named else None, level=Level.ADMIN)


class AuthMiddleware:
    def __init__(self, app: ASGIApp, *, keyring: Keyring, doors: Doors, limits: Limits) -> None:
        self.app = app
        self._keyring = keyring
        self._doors = doors
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["principal"] = self._principal(scope)
        await self.app(scope, receive, send)

    def _principal(self, scope: Scope) -> Principal:
        address = address_of(scope)
        # Only for its own machine: from elsewhere people come where a proxy was put in front.
        if self._keyring.is_open and is_loopback(address):
            return Principal(limited_as=address, level=Level.ADMIN)
        key = sent_key(Headers(scope=scope))
        if key is None and self._is_open(scope):
            return Principal(limited_as=address)
        # Counted before the comparison: who has guessed too often learns nothing, not even from a right guess.
        self._limits.refuse_if_used_up(Kind.FAILED_LOGIN, address)
        if key is not None and (principal := self._keyring.principal(key)) is not None:
            return principal
        if key is not None:
            # Once for each wrong key: a machine that keeps trying an old one must not lock out all behind its proxy.
            self._limits.spend_once(Kind.FAILED_LOGIN, address, digest(key))
        if self._is_open(scope):
            return Principal(limited_as=address)
        if self._keyring.is_open:
            raise UnauthorizedError(
                "this server has no key, so it answers its own machine alone; make one with "
                "`memory-server keys create NAME --scope admin`"
            )
        raise UnauthorizedError(
            "the key is wrong, revoked or expired; an admin makes another with `claude-memory keys create`"
            if key is not None
            else "a key is needed: send X-API-Key, or Authorization: Bearer"
        )

    def _is_open(self, scope: Scope) -> bool:
        return self._doors.is_open(scope["method"], scope["path"])


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
    """Raises InvalidError for headers that cannot be, ForbiddenError for another machine than the key's."""
    principal: Principal = request.state.principal
    claims = _bound(claims_of(request.headers), principal)
    placed: Placed | None = getattr(request.state, "placed", None)
    if placed is not None and claims.project_id is None:
        claims = structs.replace(claims, project_id=placed.project_id, is_lost=placed.project_id is None)
    by = By(
        client_id=claims.client_id,
        key=principal.key_hint,
        reason=_claim(request.headers, "x-reason"),
        request=request.headers.get("idempotency-key"),
        ago_s=_seconds(request.headers.get("x-written-ago", "0")),
        quota=request.state.quota,
        vouches=principal.level is Level.ADMIN,
    )
    return Caller(claims=claims, by=by)


def _bound(claims: Claims, principal: Principal) -> Claims:
    """A key that is bound to a machine speaks for it, also where its holder says nothing."""
    if principal.client_id is None:
        return claims
    if claims.client_id not in (None, principal.client_id):
        raise ForbiddenError(f"your key speaks for the client {principal.client_id!r} and for no other")
    return structs.replace(claims, client_id=principal.client_id, is_bound=True)


def directory_of(headers: Mapping[str, str]) -> str | None:
    """Where a caller says that it works. Raises InvalidError if that is no UTF-8."""
    return _claim(headers, DIRECTORY)


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise InvalidError("x-written-ago is a whole number of seconds")
    return int(text)


def _claim(headers: Mapping[str, str], name: str) -> str | None:
    try:
        return unquote(headers.get(name, ""), errors="strict").strip() or None
    except UnicodeDecodeError as error:
        raise InvalidError(f"{name} is not percent-encoded UTF-8") from error
