"""One server process: take the port and the store, say when ready, serve, and leave with everything on disk.

What can be refused quickly is tried first: the folder, the port, the store, and only then a second of imports.
"""

import contextlib
import secrets
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from memory_core import system
from memory_core.errors import InvalidError, UnavailableError
from memory_core.files import FileLock
from memory_server import __version__
from memory_server.forwarded import trusted_proxies
from memory_server.settings import ServerSettings, is_loopback
from memory_server.supervisor import Supervisor

GRACE_S = 10


class InUseError(UnavailableError):
    """Another server has the data folder. Its process may be about to announce itself, or to leave."""


def run(settings: ServerSettings, supervisor: Supervisor) -> None:
    """Serve until told to stop. Raises MemoryServiceError if it cannot start."""
    require_key(settings)
    held = hold(settings.data_dir)
    listener = bind(settings.host, settings.port)
    # Heavy parts are imported here, once the port and the folder are ours.
    from memory_core.engine.compose import EngineOptions, open_engine
    from memory_server.access_log import configure_logging
    from memory_server.companions import companions
    from memory_server.meters import Meters
    from memory_server.telemetry import Several, open_tracing

    configure_logging(settings.log_format)  # before the store, which may have something to say of an upgrade
    meters, tracing = Meters(), open_tracing(settings.tracing)
    service = open_engine(
        EngineOptions(
            data_dir=settings.data_dir,
            store=settings.store,
            embedder=settings.embedder,
            reranker=settings.reranker,
            embedder_url=settings.embedder_url,
            embedder_key=settings.embedder_key,
            model_cache=settings.model_cache,
            model_download=settings.model_download,
            threads=settings.threads,
            memory_limit=settings.memory_limit,
            fusion=settings.fusion,
            trash_days=settings.trash_days or None,
            secrets=settings.secrets,
            backup_dir=settings.backup_dir,
            backup_keep=settings.backup_keep,
            companions=companions(),
        ),
        observer=meters if tracing is None else Several(meters, tracing),
    )
    import uvicorn

    from memory_server import state
    from memory_server.activity import Activity
    from memory_server.app import Local, create_app
    from memory_server.footprint import keep_small

    instance = secrets.token_hex(8)

    def ready() -> None:
        port = listener.getsockname()[1]
        if settings.local and settings.api_key:
            state.announce(settings.data_dir, port=port, token=settings.api_key, instance=instance)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        with contextlib.suppress(OSError):  # nobody may be reading
            print(f"memory-server {__version__} listening on http://{host}:{port}", flush=True)  # noqa: T201

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()
            supervisor.ready()

        async def on_tick(self, counter: int) -> bool:
            supervisor.alive()
            return await super().on_tick(counter)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            supervisor.leaving()
            await super().shutdown(sockets)

    def stop() -> None:
        server.should_exit = True

    local = Local(instance=instance, stop=stop) if settings.local else None
    app = create_app(service, settings, activity=Activity(), local=local, meters=meters, tracing=tracing)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
        forwarded_allow_ips=trusted_proxies(settings.forwarded_allow_ips),
        lifespan="on",
        ws="none",
    )
    server = Server(config)
    leave_quietly()
    keep_small()
    try:
        server.run(sockets=[listener])
    except SystemExit as error:  # how uvicorn says that the application did not start; it has logged why
        raise UnavailableError("the server could not start; the lines above say why") from error
    finally:
        if settings.local:
            state.withdraw(settings.data_dir, instance=instance)
        held.release()


def require_key(settings: ServerSettings) -> None:
    """Raise InvalidError where other machines could do everything, UnavailableError for keys that cannot be read."""
    if settings.local:
        return
    from memory_server.key_store import KeyStore  # and with it SQLite, of which a machine's own server has no use

    keys = KeyStore(settings.data_dir)
    keys.file.prepare()
    if not settings.api_key and not is_loopback(settings.host) and not keys.any_made():
        raise InvalidError(
            f"{settings.host} can be reached by other machines, so a key is needed: set MEMORY_API_KEY, make one with "
            "`memory-server keys create NAME --scope admin`, or listen on 127.0.0.1"
        )


def hold(data_dir: Path) -> FileLock:
    """One server a data folder: the loser of a race for it knows so at once, before it imports or opens anything.

    Raises InUseError. The store has a lock of its own, against programs that are no server.
    """
    lock = FileLock(data_dir / "server.lock")
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = lock.acquire()
    except OSError as error:
        raise UnavailableError(
            f"{data_dir} cannot hold the memories ({error.strerror}); make it a folder this user can write, or choose "
            "another with --data-dir"
        ) from error
    if not free:
        raise InUseError(f"{data_dir} is in use by another memory-server; stop that one, or talk to it")
    return lock


def bind(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet: nobody is let in before there is someone to answer."""
    name = host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        system.claim(listener)
        listener.bind(address)
    except OSError as error:
        raise InvalidError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with --port"
        ) from error
    return listener


def leave_quietly() -> None:
    """uvicorn raises a signal again once it has stopped in order; by then it has been obeyed."""
    ignore: Callable[[int, object], None] = lambda _signal, _frame: None  # noqa: E731 - a name for its type
    for number in system.stop_signals():
        signal.signal(number, ignore)
