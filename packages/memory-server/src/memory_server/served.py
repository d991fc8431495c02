"""The outermost layer: gives each request its name, and tells who wants to know how it ended.

What is told holds no query string, no body and no key.
"""

import time
from collections.abc import Callable, Sequence
from urllib.parse import unquote

from msgspec import Struct
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory_server import request_ids
from memory_server.templates import Templates

METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
OTHER = "other"


class Served(Struct, frozen=True, kw_only=True):
    """A request and how it ended. `status` is 0 if the caller left before an answer began.

    `client_id` is what the caller says of itself. `route` is a template, or a word for none; `method` one of the usual
    ones, or a word for another. `with_key` says that one was sent, whether or not it is good.
    """

    request_id: str
    method: str
    path: str
    route: str
    status: int
    seconds: float
    address: str | None
    key: str | None
    client_id: str | None
    with_key: bool


class ServedMiddleware:
    def __init__(self, app: ASGIApp, *, templates: Templates, tell: Sequence[Callable[[Served], None]]) -> None:
        self.app = app
        self._templates = templates
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = Headers(scope=scope)
        request_id = request_ids.taken_or_made(headers.get(request_ids.HEADER))
        scope.setdefault("state", {})["route"] = route = self._templates.of(scope["path"])
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(raw=message.setdefault("headers", []))[request_ids.HEADER] = request_id
            await send(message)

        with request_ids.Named(request_id):
            try:
                await self.app(scope, receive, watched)
            finally:
                principal = scope["state"].get("principal")
                served = Served(
                    request_id=request_id,
                    method=scope["method"] if scope["method"] in METHODS else OTHER,
                    path=scope["path"],
                    route=route,
                    status=status,
                    seconds=time.perf_counter() - began,
                    address=scope["client"][0] if scope.get("client") else None,
                    key=principal.key_hint if principal is not None else None,
                    with_key="x-api-key" in headers or "authorization" in headers,
                    client_id=unquote(headers.get("x-client-id", "")).strip() or None,
                )
                for tell in self._tell:
                    tell(served)
