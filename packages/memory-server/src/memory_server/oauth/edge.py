"""Around the application: where to get a token is said with a 401 at /mcp, and pages elsewhere may ask for one."""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory_server.auth import sent_key
from memory_server.oauth.asking import SCOPES
from memory_server.oauth.public import PublicUrl


class ChallengeMiddleware:
    """RFC 9728, 5.1 and RFC 6750, 3. REST is for keys: who has none there is not sent to find a token."""

    def __init__(self, app: ASGIApp, *, public: PublicUrl) -> None:
        self.app = app
        self._told = f'resource_metadata="{public.resource_metadata}", scope="{" ".join(SCOPES)}"'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in ("/mcp", "/mcp/"):
            await self.app(scope, receive, send)
            return
        wrong = 'error="invalid_token", ' if sent_key(Headers(scope=scope)) else ""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 401:
                MutableHeaders(scope=message)["www-authenticate"] = f"Bearer {wrong}{self._told}"
            await send(message)

        await self.app(scope, receive, told)


class OpenToPagesMiddleware:
    """Lets pages of every origin call `paths`, as clients in browsers do; outside of what refuses foreign pages.

    What is there goes by codes and tokens that are in the request itself, never by cookies, so that a page learns and
    does no more than any program.
    """

    def __init__(self, app: ASGIApp, *, paths: Collection[str]) -> None:
        self.app = app
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in self._paths or "origin" not in Headers(scope=scope):
            await self.app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
            return

        async def opened(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["access-control-allow-origin"] = "*"
            await send(message)

        headers = [(name, value) for name, value in scope["headers"] if name not in _OF_A_PAGE]
        await self.app({**scope, "headers": headers}, receive, opened)


_OF_A_PAGE = (b"origin", b"sec-fetch-site")  # by which the guard knows a foreign one
_PREFLIGHT = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "content-type, authorization, mcp-protocol-version",
    "access-control-max-age": "3600",
}
