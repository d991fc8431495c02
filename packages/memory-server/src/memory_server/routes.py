"""What a route is: one row, which FastAPI and the document are told of. Encoding of what it answers."""

from collections.abc import Awaitable, Callable

import msgspec
from fastapi import Response
from msgspec import Struct

from memory_server.access import Level


class MemoryFile(Struct, frozen=True):
    """Stands in a route for a body that is a file of one of the media types in `transfers.MEDIA`."""


class PlainText(Struct, frozen=True):
    """Stands in a route for an answer that is text."""


class Route(Struct, frozen=True, kw_only=True):
    """`body` and `query` are structs that the handler reads; `returns` is what it answers with `status`."""

    method: str
    path: str
    summary: str
    handler: Callable[..., Awaitable[Response]]  # FastAPI reads from its signature what it takes
    needs: Level
    returns: type[Struct]
    whole: bool = False  # not for keys that are limited to projects
    tag: str = "memories"
    status: int = 200
    or_status: int | None = None  # where nothing new came to be
    body: type[Struct] | None = None
    query: type[Struct] | None = None
    changes: bool = False  # it takes Idempotency-Key and X-Reason
    errors: tuple[int, ...] = ()
    audited: bool = False  # written down, and not done where that fails; see `audit` for what always is


def encoded(value: Struct, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
