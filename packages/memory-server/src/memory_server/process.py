"""One server process: take the port and the store, say when ready, serve, and leave with everything on disk.

Opening the store comes before importing the web part, so that the loser of a race for it leaves quickly.
"""

import contextlib
import secrets
import signal
import socket
import sys
from collections.abc import Callable

from memory_core.engine.compose import EngineOptions, open_engine
from memory_core.errors import InvalidError, UnavailableError
from memory_server import __version__
from memory_server.settings import ServerSettings

GRACE_S = 10


def run(settings: ServerSettings) -> None:
    """Serve until told to stop. Raises MemoryServiceError if it cannot start."""
    listener = bind(settings.host, settings.port)
    service = open_engine(
        EngineOptions(
            data_dir=settings.data_dir,
            store=settings.store,
            embedder=settings.embedder,
            model_download=settings.model_download,
            threads=settings.threads,
            memory_limit=settings.memory_limit,
        )
    )
    # Imported here: the web part takes a second, which a server that cannot have its store need not spend.
    import uvicorn

    from memory_server import state
    from memory_server.access_log import configure_logging
    from memory_server.activity import Activity
    from memory_server.app import Local, create_app

    configure_logging(settings.log_format)
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

    def stop() -> None:
        server.should_exit = True

    local = Local(instance=instance, stop=stop) if settings.local else None
    app = create_app(service, settings, activity=Activity(), local=local)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        lifespan="on",
        ws="none",
    )
    server = Server(config)
    leave_quietly()
    try:
        server.run(sockets=[listener])
    except SystemExit as error:  # how uvicorn says that the application did not start; it has logged why
        raise UnavailableError("the server could not start; the lines above say why") from error
    finally:
        if settings.local:
            state.withdraw(settings.data_dir, instance=instance)


def bind(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet: nobody is let in before there is someone to answer."""
    name = host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        if sys.platform != "win32":  # there it would let two programs share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise InvalidError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with --port"
        ) from error
    return listener


def leave_quietly() -> None:
    """uvicorn raises a signal again once it has stopped in order; by then it has been obeyed."""
    ignore: Callable[[int, object], None] = lambda _signal, _frame: None  # noqa: E731 - a name for its type
    signal.signal(signal.SIGTERM, ignore)
    signal.signal(signal.SIGINT, ignore)
