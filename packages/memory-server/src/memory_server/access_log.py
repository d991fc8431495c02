"""One line a request: method, path, status, time, address, a hint of the key, its name. No query string, no content.

2025-12-18 12:34:56 | memory_server.access | INFO | POST /memories | 201 | 45.2ms | ip=192.168.1.5 key=3f2a9c1b... \
request=9d0e6f5a1c2b3d4e
"""

import logging
import re
import sys
import time
from urllib.parse import quote

import msgspec
from h11 import LocalProtocolError

from memory_core.engine.redaction.finding import redact
from memory_server import request_ids
from memory_server.served import Served
from memory_server.settings import LogFormat

log = logging.getLogger("memory_server.access")

MAX_PATH_CHARS = 200
MAX_CLIENT_CHARS = 64
_DIGEST = re.compile("[0-9a-f]{8}")


class JsonFormatter(logging.Formatter):
    """For machines: the same and some more, one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z"
        line: dict[str, object] = {"time": moment, "logger": record.name, "level": record.levelname}
        line["message"] = record.getMessage()
        if (request_id := request_ids.current()) is not None:
            line["request_id"] = request_id
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
        line = "%(asctime)s | %(name)s | %(levelname)s | %(message)s"
        formatter = request_ids.RequestIdFormatter(line, "%Y-%m-%d %H:%M:%S")
        formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(OnlyOurFaults())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in ("memory_server", "memory_core"):
        logging.getLogger(ours).setLevel(logging.INFO)


def _shown_key(key: str | None) -> str:
    """A key that has a name is shown by it, another by the beginning of its digest."""
    return f"{key}..." if key and _DIGEST.fullmatch(key) else key or "-"


def write(served: Served) -> None:
    # Quoted, because a path may hold anything, line breaks included, and a key that somebody put there.
    path = quote(redact(served.path)[0], safe="/:@~,;=+$!*'()[]")[:MAX_PATH_CHARS]
    address, key = served.address or "-", _shown_key(served.key)
    elapsed_ms = served.seconds * 1000
    fields = {
        "method": served.method,
        "path": path,
        "route": served.route,
        "status": served.status,
        "ms": round(elapsed_ms, 1),
        "ip": address,
        "key": served.key or "-",
        "client": served.client_id and redact(served.client_id)[0][:MAX_CLIENT_CHARS],
    }
    line = f"{served.method} {path} | {served.status} | {elapsed_ms:.1f}ms | ip={address} key={key}"
    log.info(line, extra={"request": fields})
