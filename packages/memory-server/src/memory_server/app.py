"""Composition root: a service and settings become one ASGI application."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route as AsgiRoute
from starlette.routing import compile_path

from memory_core.memories import Memories
from memory_server import __version__, openapi
from memory_server.access_log import AccessLogMiddleware
from memory_server.activity import Activity, ActivityMiddleware, leave_when_idle, maintain_when_idle
from memory_server.auth import AuthMiddleware
from memory_server.deferred import Deferred, Endpoint
from memory_server.guard import GuardMiddleware, allowed_hosts
from memory_server.limits import LimitMiddleware, Limits
from memory_server.problems import HttpError, ProblemMiddleware, method_not_allowed, no_route, response_of
from memory_server.rest import Rest, Route, clear_transfers
from memory_server.settings import ServerSettings

CORS_HEADERS = (
    "authorization", "content-type", "x-api-key", "x-client-id", "x-project-id",
    "mcp-protocol-version", "mcp-method", "mcp-name",
)  # fmt: skip


class Service(Memories, Protocol):
    """The product with a beginning and an end."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def maintain(self) -> None: ...


class Local(msgspec.Struct, frozen=True, kw_only=True):
    """What a server of one machine has besides: a name for this run, and a way to be stopped by its clients."""

    instance: str
    stop: Callable[[], None]


def create_app(
    service: Service, settings: ServerSettings, *, activity: Activity | None = None, local: Local | None = None
) -> Starlette:
    """A new application around `service`, which it starts and closes. Enter its lifespan once."""
    limits = Limits.off() if local else Limits(reads=settings.limit_reads, writes=settings.limit_writes)
    mcp = Deferred(lambda: _mcp_endpoint(service, limits, max_body_bytes=settings.max_body_bytes))
    activity = activity or Activity()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        clear_transfers(settings.data_dir)
        await service.start()
        watching = [asyncio.create_task(maintain_when_idle(activity, service.maintain))]
        if local is not None:
            watching.append(asyncio.create_task(leave_when_idle(activity, settings.idle_exit, local.stop)))
        try:
            async with mcp.running():
                yield
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await service.close()

    app = Starlette(lifespan=lifespan)
    app.router.redirect_slashes = False
    routes = Rest(service, settings, instance=local.instance if local else None).routes()
    _add_routes(app, routes, mcp, local)
    _add_middleware(app, settings, limits, activity)
    return app


def _mcp_endpoint(service: Service, limits: Limits, *, max_body_bytes: int) -> Endpoint:
    # Imported on demand: see `deferred`.
    from memory_server.mcp import McpEndpoint

    return McpEndpoint(service, limits, max_body_bytes=max_body_bytes)


def _add_routes(app: Starlette, routes: list[Route], mcp: Endpoint, local: Local | None) -> None:
    spec = openapi.document(routes, version=__version__)
    described, shown = msgspec.json.encode(spec), openapi.page(spec)

    async def document(_: Request) -> Response:
        return Response(described, media_type="application/json")

    async def page(_: Request) -> Response:
        return HTMLResponse(shown)

    endpoints: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        *((route.method, route.path, route.handler) for route in routes),
        ("GET", "/openapi.json", document),
        ("GET", "/docs", page),
    ]
    if local is not None:
        endpoints.append(("POST", "/admin/stop", _stopping(local)))
    for method, path, endpoint in endpoints:
        app.router.routes.append(AsgiRoute(path, endpoint, methods=[method]))
    for path in ("/mcp", "/mcp/"):  # both, so that no client is redirected and loses its body or key on the way
        app.router.routes.append(AsgiRoute(path, mcp))
    app.add_exception_handler(HTTPException, _framework_error([(method, path) for method, path, _ in endpoints]))


def _stopping(local: Local) -> Callable[[Request], Awaitable[Response]]:
    async def stop(_: Request) -> Response:
        local.stop()
        return Response(b'{"stopping":true}', 202, media_type="application/json")

    return stop


def _framework_error(routes: list[tuple[str, str]]) -> Callable[[Request, Exception], Response]:
    """404 and 405 as problems, 405 with every method of the address: Starlette names those of its first route."""
    patterns = [(method, compile_path(path)[0]) for method, path in routes]

    def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        allowed = sorted({method for method, pattern in patterns if pattern.match(request.scope["path"])})
        allowed += ["HEAD"] if "GET" in allowed else []
        if error.status_code == 405:
            return response_of(method_not_allowed(request.method, ", ".join(allowed)))
        if error.status_code == 404:
            return response_of(no_route())
        return response_of(HttpError(error.status_code, "http", "Request refused", str(error.detail)))

    return answer


def _add_middleware(app: Starlette, settings: ServerSettings, limits: Limits, activity: Activity) -> None:
    """From the inside out: the last one added is the first to see a request."""
    app.add_middleware(LimitMiddleware, limits=limits)
    app.add_middleware(AuthMiddleware, api_key=settings.api_key, limits=limits)
    app.add_middleware(ActivityMiddleware, activity=activity)
    app.add_middleware(ProblemMiddleware)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=list(CORS_HEADERS),
            expose_headers=["retry-after", "x-memory-count"],
        )
    hosts = allowed_hosts(settings.api_key, settings.allowed_hosts)
    app.add_middleware(GuardMiddleware, hosts=hosts, origins=settings.cors_origins)
    app.add_middleware(ProblemMiddleware)  # for what the guard refuses
    app.add_middleware(AccessLogMiddleware)
