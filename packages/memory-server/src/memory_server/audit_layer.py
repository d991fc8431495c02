"""Where requests meet the audit log: one layer around the handlers, one outside all that refuses."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory_core.auditing import Audit, AuditOutcome, AuditPage, AuditQuery
from memory_server.access import Level
from memory_server.audit import Action, Auditor, actor_of, facts, plain, result_of
from memory_server.decoding import read_query
from memory_server.routes import Route, encoded

_LOOKING = ("GET", "HEAD")


def is_audited(route: Route) -> bool:
    """What deletes, what is for admins, and what says so itself."""
    return route.audited or route.needs is Level.ADMIN or route.method == "DELETE" or route.path.startswith("/admin")


class Audited:
    """The audited addresses. Those that only show what is under /admin go on where the log cannot be written."""

    def __init__(self, routes: list[Route]) -> None:
        audited = [route for route in routes if is_audited(route)]
        self._changes = {(route.method, route.path): route.audited or route.method not in _LOOKING for route in audited}
        self._changes["POST", "/admin/stop"] = True
        self._compiled = {path: compile_path(path) for _, path in self._changes}

    def action(self, scope: Scope) -> tuple[str, bool] | None:
        """Its name and whether it changes something; null where it is not audited."""
        route, method = scope["state"]["route"], "GET" if scope["method"] == "HEAD" else scope["method"]
        changes = self._changes.get((method, route))
        # As the document names it, which knows nothing of what a part may hold.
        return None if changes is None else (f"{method} {self._compiled[route][1]}", changes)

    def named(self, scope: Scope) -> dict[str, str | int | bool]:
        """The parts of the address that are ids."""
        pattern, _, _ = self._compiled[scope["state"]["route"]]
        found = pattern.match(scope["path"])
        return plain(found.groupdict()) if found else {}


class AuditMiddleware:
    """Around the handlers: begins an action before it is done, and ends it before its answer goes out."""

    def __init__(self, app: ASGIApp, *, auditor: Auditor, audited: Audited) -> None:
        self.app = app
        self._auditor = auditor
        self._audited = audited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._audited.action(scope) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        name, changes = found
        scope["state"]["audited"] = True
        action = await self._auditor.begin(name, actor_of(Request(scope)), self._audited.named(scope), changes=changes)
        try:
            await self.app(scope, receive, _ending(action, scope, send))
        except BaseException as error:
            await action.fail(error, target=facts(scope["state"].get("asked", ())))
            raise


class RefusalMiddleware:
    """Outside all that refuses: an attempt at an audited address that came to nothing for want of a key."""

    def __init__(self, app: ASGIApp, *, auditor: Auditor, audited: Audited) -> None:
        self.app = app
        self._auditor = auditor
        self._audited = audited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._audited.action(scope) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            is_refusal = message["type"] == "http.response.start" and message["status"] in (401, 403)
            if is_refusal and not scope["state"].get("audited"):
                await self._auditor.refuse(found[0], actor_of(Request(scope)), status=message["status"])
            await send(message)

        await self.app(scope, receive, watched)


def _ending(action: Action, scope: Scope, send: Send) -> Callable[[Message], Awaitable[None]]:
    """Holds the head of the answer back until its body says what was done."""
    head: Message | None = None

    async def ended(message: Message) -> None:
        nonlocal head
        if message["type"] == "http.response.start":
            head = message
            return
        if head is not None:
            status = head["status"]
            await action.end(
                AuditOutcome.DONE if status < 400 else AuditOutcome.FAILED,
                status=status,
                target=facts(scope["state"].get("asked", ())),
                result=result_of(message.get("body", b"")) if status < 400 else None,
            )
            await send(head)
            head = None
        await send(message)

    return ended


class AuditRoutes:
    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/admin/audit", needs=Level.ADMIN, whole=True,
                  summary="Who deleted, exported or administered what, the newest first", handler=self.list_audit,
                  tag="server", query=AuditQuery, returns=AuditPage),
        ]  # fmt: skip

    async def list_audit(self, request: Request) -> Response:
        return encoded(await self._audit.list(read_query(request, AuditQuery)))
