"""GET and POST /authorize: show who asks for what, and take a person's answer.

The person proves by an admin key, typed each time, that the answer counts: nothing a browser sends by itself does. A
cookie and a seal over it and the request hold besides that the answer is to the page that was shown.
"""

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import time

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from memory_core.auditing import AuditOutcome
from memory_core.errors import ForbiddenError, InvalidError, RateLimitedError, StorageFullError, UnauthorizedError
from memory_core.keys import KeyScope, NewKey
from memory_server.access import Keyring, Level, Principal
from memory_server.audit import Action, Actor, Auditor, facts
from memory_server.auth import address_of, digest
from memory_server.decoding import media_type, read_body
from memory_server.limits import Kind, Limits
from memory_server.oauth.asking import Asked, fields_of, read_asked
from memory_server.oauth.clients import Clients
from memory_server.oauth.errors import OAuthError, UnknownClientError, WrongRequestError
from memory_server.oauth.grants import Grants
from memory_server.oauth.page import Choices, approval_page, headers, message_page
from memory_server.oauth.public import PublicUrl
from memory_server.oauth.redirects import answering, host_of
from memory_server.problems import unsupported_media

log = logging.getLogger("memory_server.oauth")

PAGE_S = 900
MAX_FORM_BYTES = 64 * 1024
FORM = "application/x-www-form-urlencoded"
_ACTION = "POST /authorize"


class Seal:
    """Ties a form to the browser it was shown in and to what it showed, for a quarter of an hour."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)  # a page does not outlive the server

    def of(self, cookie: str, query: str) -> str:
        return self._signed(int(time.time()), cookie, query)

    def fits(self, token: str, cookie: str, query: str) -> bool:
        begun = token.partition(".")[0]
        if not (begun.isascii() and begun.isdecimal() and len(begun) < 12):
            return False
        return 0 <= time.time() - int(begun) <= PAGE_S and hmac.compare_digest(
            token.encode(), self._signed(int(begun), cookie, query).encode()
        )

    def _signed(self, begun: int, cookie: str, query: str) -> str:
        signed = f"{begun}\n{cookie}\n{query}".encode("utf-8", "replace")
        return f"{begun}.{hmac.new(self._secret, signed, hashlib.sha256).hexdigest()}"


class Approval:
    """`keyring` holds the keys of people; `limits` counts wrong ones as at every other door."""

    def __init__(
        self,
        clients: Clients,
        grants: Grants,
        *,
        public: PublicUrl,
        keyring: Keyring,
        limits: Limits,
        auditor: Auditor,
    ) -> None:
        self._clients = clients
        self._grants = grants
        self._public = public
        self._keyring = keyring
        self._limits = limits
        self._auditor = auditor
        self._seal = Seal()
        self._cookie = "__Host-memory-approval" if public.is_https else "memory-approval"

    async def show(self, request: Request) -> Response:
        try:
            asked = await self._asked(request.scope["query_string"].decode("latin-1"))
        except (UnknownClientError, WrongRequestError) as error:
            return _refusal(error)
        return self._page(request, asked, Choices(scope=asked.scope, name=name_of(asked.client.name)))

    async def answer(self, request: Request) -> Response:
        """To the client with a code or a no; else the page again, with what is wrong."""
        if media_type(request) != FORM:
            raise unsupported_media(FORM)
        try:
            form = fields_of((await read_body(request, max_bytes=MAX_FORM_BYTES)).decode("latin-1"))
            asked = await self._asked(form.get("asked", ""))
        except OAuthError as error:
            return _message("This cannot be approved", str(error))
        except (UnknownClientError, WrongRequestError) as error:
            return _refusal(error)
        choices = _choices(form, asked.scope)
        if not self._seal.fits(form.get("token", ""), request.cookies.get(self._cookie, ""), asked.query):
            wrong = "this page was too old, or the browser keeps no cookies; please answer again"
            return self._page(request, asked, choices, wrong=wrong, status=400)
        if form.get("decision") != "approve":
            return self._back(asked, error="access_denied", error_description="the request was turned down")
        return await self._approve(request, asked, choices, form.get("key", ""))

    async def _approve(self, request: Request, asked: Asked, choices: Choices, key: str) -> Response:
        try:
            admin = self._admin(key.strip(), address_of(request.scope))
            given = _given(asked, choices)
            action = await self._begun(request, admin, asked, given)
        except (ForbiddenError, UnauthorizedError) as error:
            await self._auditor.refuse(_ACTION, Actor(address=address_of(request.scope)), status=error.status)
            return self._page(request, asked, choices, wrong=str(error), status=error.status)
        except (RateLimitedError, InvalidError, StorageFullError) as error:
            return self._page(request, asked, choices, wrong=str(error), status=error.status)
        try:
            code = await asyncio.to_thread(self._grants.approve, asked, given, by=admin.key_hint)
        except BaseException as error:
            await action.fail(error)
            raise
        await action.end(AuditOutcome.DONE, status=303)
        log.info("%s approved a connector for %s to %s", admin.key_hint, host_of(asked.redirect_uri), given.scope.value)
        return self._back(asked, code=code)

    async def _begun(self, request: Request, admin: Principal, asked: Asked, given: NewKey) -> Action:
        actor = Actor(key=admin.key_hint, address=address_of(request.scope))
        target = facts([given]) | {"sends_to": host_of(asked.redirect_uri)}
        return await self._auditor.begin(_ACTION, actor, target, changes=True)

    def _admin(self, key: str, address: str) -> Principal:
        """Raises RateLimitedError before it looks at the key, as `AuthMiddleware` does; ForbiddenError, …"""
        self._limits.refuse_if_used_up(Kind.FAILED_LOGIN, address)
        principal = self._keyring.principal(key) if key else None
        if principal is None:
            self._limits.spend_once(Kind.FAILED_LOGIN, address, digest(key))
            raise UnauthorizedError("the key is wrong, revoked or expired")
        if principal.level < Level.ADMIN:
            raise ForbiddenError("only an admin key approves, and this one may do less")
        return principal

    async def _asked(self, query: str) -> Asked:
        return await asyncio.to_thread(read_asked, query, find=self._clients.find, public=self._public)

    def _page(
        self, request: Request, asked: Asked, choices: Choices, *, wrong: str | None = None, status: int = 200
    ) -> Response:
        cookie = request.cookies.get(self._cookie) or secrets.token_urlsafe(24)
        page = approval_page(asked, choices, token=self._seal.of(cookie, asked.query), wrong=wrong)
        answer = HTMLResponse(page, status, headers(sends_to=asked.redirect_uri))
        answer.set_cookie(
            self._cookie, cookie, max_age=PAGE_S, httponly=True, samesite="strict", secure=self._public.is_https
        )
        return answer

    def _back(self, asked: Asked, **answer: str) -> Response:
        """See Other, so that the form with the key goes nowhere else (RFC 9700, 4.12)."""
        target = answering(asked.redirect_uri, **answer, state=asked.state, iss=self._public.issuer)
        return RedirectResponse(target, 303, headers(sends_to=asked.redirect_uri))


def _choices(form: dict[str, str], asked: KeyScope) -> Choices:
    return Choices(
        scope=KeyScope.WRITE if form.get("scope") == "write" and asked is KeyScope.WRITE else KeyScope.READ,
        all_projects=form.get("reach") == "all",
        projects=form.get("projects", ""),
        without_project=form.get("without_project") == "yes",
        name=form.get("name", "").strip(),
        client_id=form.get("client_id", "").strip(),
    )


def _given(asked: Asked, choices: Choices) -> NewKey:
    """Raises InvalidError."""
    projects = None
    if not choices.all_projects:
        named = [line.strip() for line in choices.projects.splitlines() if line.strip()]
        projects = tuple(dict.fromkeys([*named, *([""] if choices.without_project else [])]))
        if not projects:
            raise InvalidError("name a project, or choose all projects")
    name = choices.name or name_of(asked.client.name)
    return NewKey(name=name, scope=choices.scope, projects=projects, client_id=choices.client_id or None)


def name_of(client_name: str) -> str:
    """A name for a grant, from what a client calls itself."""
    return re.sub(r"[^a-z0-9]+", "-", client_name.lower()).strip("-")[:40].strip("-") or "connector"


def _refusal(error: UnknownClientError | WrongRequestError) -> Response:
    """No redirect: anyone can register an address, and this server's name must not lead people there unasked."""
    back_to = error.back_to if isinstance(error, WrongRequestError) else None
    return _message("This cannot be approved", str(error), back_to=back_to)


def _message(title: str, text: str, *, back_to: str | None = None) -> Response:
    return HTMLResponse(message_page(title, text, back_to=back_to), 400, headers())
