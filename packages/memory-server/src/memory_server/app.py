"""Composition root: a service and settings become one ASGI application."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException
from starlette.routing import Route as AsgiRoute

from memory_core.backups import Backups
from memory_core.changes import Quota
from memory_core.diagnosis import Doctor
from memory_core.engine.names import Names
from memory_core.errors import InvalidError
from memory_core.memories import Memories
from memory_core.watching import Watch
from memory_server import access_log
from memory_server.access import AccessMiddleware, Doors, Keyring, Level
from memory_server.activity import Activity, ActivityMiddleware, leave_when_idle, maintain_when_idle
from memory_server.audit import Auditor
from memory_server.audit_file import AuditFile
from memory_server.audit_layer import Audited, AuditMiddleware, AuditRoutes, RefusalMiddleware
from memory_server.auth import AuthMiddleware, caller_of
from memory_server.backups import BackupRoutes
from memory_server.deferred import Deferred, Endpoint
from memory_server.desk import Desk
from memory_server.diagnosis import DiagnosisRoutes
from memory_server.guard import GuardMiddleware, allowed_hosts
from memory_server.headers import LIMIT_FIELDS, HeadersMiddleware
from memory_server.health import HealthRoutes
from memory_server.keyring import open_keys
from memory_server.keys import KeyRoutes
from memory_server.limits import AddressLimitMiddleware, LimitMiddleware, Limits
from memory_server.meters import Meters
from memory_server.metrics import CountedBackups, MetricsRoutes
from memory_server.openapi import Documented
from memory_server.place_routes import PlaceMiddleware, PlaceRoutes
from memory_server.problems import HttpError, ProblemMiddleware, method_not_allowed, no_route, response_of
from memory_server.projects import ProjectRoutes
from memory_server.rest import Rest
from memory_server.served import ServedMiddleware
from memory_server.sessions.calling import CallerSessions
from memory_server.sessions.routes import SessionRoutes
from memory_server.sessions.service import SessionService
from memory_server.settings import ServerSettings
from memory_server.telemetry import Several, Telling
from memory_server.templates import Templates
from memory_server.transfers import clear_transfers

if TYPE_CHECKING:
    from memory_server.oauth.authority import Authority
    from memory_server.tracing import Tracing

CORS_HEADERS = (
    "authorization", "content-type", "x-api-key", "x-client-id", "x-project-id", "x-project-dir",
    "x-reason",
    "idempotency-key", "x-written-ago",
    "x-request-id", "mcp-protocol-version", "mcp-method", "mcp-name",
)  # fmt: skip


class Service(Memories, Protocol):
    """The product with a beginning, an end, backups, a doctor and a watch, and as far as a key reaches it."""

    def within(self, projects: Sequence[str]) -> Memories: ...

    @property
    def names(self) -> Names: ...

    @property
    def backups(self) -> Backups: ...

    @property
    def doctor(self) -> Doctor: ...

    @property
    def watch(self) -> Watch: ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def maintain(self) -> None: ...


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What a request passes: who it is, how often it may come, what it may do."""

    keyring: Keyring
    doors: Doors
    limits: Limits
    oauth: "Authority | None"


class Local(msgspec.Struct, frozen=True, kw_only=True):
    """What a server of one machine has besides: a name for this run, and a way to be stopped by its clients."""

    instance: str
    stop: Callable[[], None]


def create_app(
    service: Service,
    settings: ServerSettings,
    *,
    activity: Activity | None = None,
    local: Local | None = None,
    meters: Meters | None = None,
    tracing: "Tracing | None" = None,
) -> FastAPI:
    """A new application around `service`, which it starts and closes. Enter its lifespan once."""
    meters = meters or Meters()
    telling: Telling = meters if tracing is None else Several(meters, tracing)
    limits = Limits.off() if local else _limits(settings, meters)
    auditor = Auditor(AuditFile(settings.data_dir), meters)
    keyring = open_keys(settings)
    oauth = _authority(settings, keyring, limits, auditor)
    doors = Doors()

    def memories(request: Request) -> Memories:
        """The product as far as the key of a request reaches."""
        reach = request.state.principal.projects
        return service if reach is None else service.within(reach)

    sessions = SessionService(
        settings.data_dir, names=service.names, notes=settings.session_notes, secrets=settings.secrets
    )

    def sessions_of(request: Request) -> CallerSessions:
        return sessions.of(memories(request), caller_of(request), request.state.principal.projects)

    def desk(request: Request) -> Desk:
        return Desk(memories(request), sessions_of(request), service.names.meant(caller_of(request).claims.project_id))

    mcp = Deferred(lambda: _mcp_endpoint(desk, limits, telling, auditor, max_body_bytes=settings.max_body_bytes))
    activity = activity or Activity()

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        clear_transfers(settings.data_dir)
        await service.start()
        watching = [asyncio.create_task(maintain_when_idle(activity, service.maintain))]
        watching.append(asyncio.create_task(keyring.keep_noting()))
        watching.append(asyncio.create_task(sessions.keep_up(service)))
        if local is not None:
            watching.append(asyncio.create_task(leave_when_idle(activity, settings.idle_exit, local.stop)))
        try:
            async with mcp.running():
                health.serving = True
                yield
        finally:
            health.serving = False
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await keyring.close()
            await sessions.close()
            await service.close()
            if oauth is not None:
                oauth.close()
            if tracing is not None:
                await asyncio.to_thread(tracing.close)

    health = HealthRoutes(service.watch)
    rest = Rest(service, settings, memories=memories, instance=local.instance if local else None)
    backups = CountedBackups(service.backups, meters)
    metrics = MetricsRoutes(meters, service.watch, service.backups)
    diagnosis = DiagnosisRoutes(service.doctor, sessions.trouble)
    admin = [*BackupRoutes(backups).routes(), *diagnosis.routes(), *AuditRoutes(auditor).routes()]
    admin += KeyRoutes(keyring, max_body_bytes=settings.max_body_bytes).routes()
    if oauth is not None:
        admin += oauth.admin_routes()
    projects = ProjectRoutes(memories, max_body_bytes=settings.max_body_bytes)
    of_sessions = SessionRoutes(sessions_of, max_body_bytes=settings.max_body_bytes).routes()
    places = PlaceRoutes(sessions.places, service.names, max_body_bytes=settings.max_body_bytes)
    of_projects = [*projects.routes(), *places.routes()]
    rows = [*rest.routes(), *of_projects, *of_sessions, *health.routes(), *metrics.routes(), *admin]
    app = Documented(rows, doors=doors, lifespan=lifespan)
    for path in ("/mcp", "/mcp/"):  # both, so that no client is redirected and loses its body or key on the way
        app.router.routes.append(AsgiRoute(path, mcp))
        doors.add(path, (), Level.READ)  # and each tool by itself
    if oauth is not None:
        oauth.add_routes(app, doors)
    if local is not None:
        app.add_route("/admin/stop", _stopping(local), methods=["POST"], include_in_schema=False)
        doors.add("/admin/stop", ("POST",), Level.ADMIN)
    doors.check(app.routes)
    app.add_exception_handler(HTTPException, _framework_error)
    app.add_exception_handler(RequestValidationError, _framework_error)
    audited = Audited(rows)
    app.add_middleware(AuditMiddleware, auditor=auditor, audited=audited)  # the innermost
    app.add_middleware(PlaceMiddleware, places=sessions.places, names=service.names)
    gate = Gate(keyring=oauth.keyring if oauth else keyring, doors=doors, limits=limits, oauth=oauth)
    _add_middleware(app, settings, gate, activity)
    app.add_middleware(RefusalMiddleware, auditor=auditor, audited=audited)
    if tracing is not None:
        from memory_server.tracing import TracingMiddleware  # with what only tracing needs

        app.add_middleware(TracingMiddleware, tracing=tracing)
    templates = Templates(route.path for route in app.routes if isinstance(route, AsgiRoute))
    app.add_middleware(ServedMiddleware, templates=templates, tell=[access_log.write, meters.served])  # the outermost
    return app


def _limits(settings: ServerSettings, meters: Meters) -> Limits:
    return Limits(
        reads=settings.limit_reads,
        writes=settings.limit_writes,
        protocol=settings.limit_protocol,
        logins=settings.limit_logins,
        address=settings.limit_address,
        refused=meters.refused,
    )


def _authority(settings: ServerSettings, keys: Keyring, limits: Limits, auditor: Auditor) -> "Authority | None":
    if not settings.public_url:
        return None
    # Imported on demand: few servers are reached by connectors.
    from memory_server.oauth.authority import Authority

    return Authority(settings.public_url, keys, limits, auditor, folder=settings.data_dir)


def _mcp_endpoint(
    desk: Callable[[Request], Desk], limits: Limits, telling: Telling, auditor: Auditor, *, max_body_bytes: int
) -> Endpoint:
    # Imported on demand: see `deferred`.
    from memory_server.mcp import McpEndpoint

    return McpEndpoint(desk, limits, telling, auditor, max_body_bytes=max_body_bytes)


def _stopping(local: Local) -> Callable[[Request], Awaitable[Response]]:
    async def stop(_: Request) -> Response:
        local.stop()
        return Response(b'{"stopping":true}', 202, media_type="application/json")

    return stop


def _framework_error(request: Request, error: Exception) -> Response:
    """What FastAPI refuses, as a problem."""
    if isinstance(error, RequestValidationError):
        return response_of(InvalidError("; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors())))
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 405:
        return response_of(method_not_allowed(request.method, ", ".join(_methods_at(request))))
    if error.status_code == 404:
        return response_of(no_route())
    return response_of(HttpError(error.status_code, "http", "Request refused", str(error.detail)))


def _methods_at(request: Request) -> list[str]:
    """Every method of the address: the framework names those of its first route."""
    here = [route for route in request.app.routes if route.path_regex.match(request.scope["path"])]
    return sorted({method for route in here for method in route.methods or ()}, key=lambda name: (name == "HEAD", name))


def _add_middleware(app: FastAPI, settings: ServerSettings, gate: Gate, activity: Activity) -> None:
    """From the inside out: the last one added is the first to see a request."""
    app.add_middleware(AccessMiddleware, doors=gate.doors)
    quota = Quota(max_memories=settings.quota_memories, max_bytes=settings.quota_bytes)
    app.add_middleware(LimitMiddleware, limits=gate.limits, quota=quota)
    app.add_middleware(AuthMiddleware, keyring=gate.keyring, doors=gate.doors, limits=gate.limits)
    app.add_middleware(AddressLimitMiddleware, limits=gate.limits)
    app.add_middleware(ActivityMiddleware, activity=activity)
    app.add_middleware(ProblemMiddleware)
    if gate.oauth is not None:
        gate.oauth.add_inner(app)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=list(CORS_HEADERS),
            expose_headers=["retry-after", "www-authenticate", "x-memory-count", "x-request-id", *LIMIT_FIELDS],
        )
    hosts = allowed_hosts(settings.allowed_hosts, is_open=gate.keyring.is_open)
    origins = settings.cors_origins
    if gate.oauth is not None:
        hosts = hosts and hosts | {gate.oauth.public.authority}
        origins = (*origins, gate.oauth.public.issuer)  # its own page, whatever Host a proxy passes on
    app.add_middleware(GuardMiddleware, hosts=hosts, origins=origins)
    app.add_middleware(ProblemMiddleware)  # for what the guard refuses
    app.add_middleware(HeadersMiddleware, is_https=(settings.public_url or "").startswith("https:"))
    if gate.oauth is not None:
        gate.oauth.add_outer(app)
