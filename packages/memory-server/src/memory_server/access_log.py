"""One line a request: method, path, status, time, address and a hint of the key. No query string, no content.

2025-12-18 12:34:56 | memory_server.access | INFO | POST /memories | 201 | 45.2ms | ip=192.168.1.5 key=3f2a9c1b...
"""

import logging
import sys
import time
from urllib.parse import quote

import msgspec
from h11 import LocalProtocolError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory_server.settings import LogFormat

log = logging.getLogger("memory_server.access")

MAX_PATH_CHARS = 200


class JsonFormatter(logging.Formatter):
    """For machines: the same, one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        line: dict[str, object] = {"time": moment, "logger": record.name, "level": record.levelname}
        line["message"] = record.getMessage()
        line |= getattr(record, "request", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class OnlyOurFaults(logging.Filter):
    """Without the traceback of an answer to a caller who broke HTTP in the middle: a line of uvicorn's says so already.

    Else anybody could fill the log, at a hundred lines for one request.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, BaseExceptionGroup):
            return error.split(LocalProtocolError)[1] is not None
        return not isinstance(error, LocalProtocolError)


def configure_logging(kind: LogFormat) -> None:
    """Everything to standard error, in UTC. Libraries speak up only from warnings on."""
    if kind is LogFormat.JSON:
        formatter: logging.Formatter = JsonFormatter()
    else:
        formatter = logging.Formatter("%(asctime)s | %(name)s | %(levelname)s | %(message)s", "%Y-%m-%d %H:%M:%S")
        formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(OnlyOurFaults())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in ("memory_server", "memory_core"):
        logging.getLogger(ours).setLevel(logging.INFO)


class AccessLogMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0  # stays so if the caller left before an answer began

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            _write(scope, status, (time.perf_counter() - started) * 1000)


def _write(scope: Scope, status: int, elapsed_ms: float) -> None:
    # Quoted, because a path may hold anything, line breaks included.
    path = quote(scope["path"], safe="/:@~,;=+$!*'()")[:MAX_PATH_CHARS]
    address = scope["client"][0] if scope.get("client") else "-"
    principal = scope.get("state", {}).get("principal")
    hint = f"{principal.key_hint}..." if principal is not None and principal.key_hint else "-"
    method = scope["method"]
    fields = {"method": method, "path": path, "status": status, "ms": round(elapsed_ms, 1), "ip": address, "key": hint}
    line = f"{method} {path} | {status} | {elapsed_ms:.1f}ms | ip={address} key={hint}"
    log.info(line, extra={"request": fields})
