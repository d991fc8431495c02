"""The resource of the MCP endpoint: `memory://context`, the context of the caller's project, and that of any other.

The list names the caller's own by a name that is the same for everyone, so that a client may keep the list whatever
project it works in. Another project is named behind it, percent-encoded.
"""

from urllib.parse import unquote

from memory_core.errors import NotFoundError
from memory_core.types import ContextQuery, ListQuery
from memory_core.visible import one_line
from memory_server.auth import Caller
from memory_server.claims import scoped
from memory_server.desk import Desk
from memory_server.shown import context_text

CONTEXT = "memory://context"
TEMPLATE = "memory://context/{project}"
MEDIA_TYPE = "text/plain"

_SHOWN_CHARS = 200


async def read(desk: Desk, uri: str, caller: Caller) -> str:
    """Raises NotFoundError for another address, and for a project of which the caller's key sees nothing."""
    if uri == CONTEXT:
        return context_text(await desk.memories.context(scoped(ContextQuery(), caller.claims)))
    place, _, named = uri.partition(f"{CONTEXT}/")
    if place or not named:
        raise NotFoundError(f"there is no resource {_shown(uri)}; there are {CONTEXT} and {TEMPLATE}")
    project_id = _project(named)
    if not (await desk.memories.list(ListQuery(project_id=project_id, limit=1))).count:
        raise NotFoundError(f"nothing is kept for the project {_shown(project_id)}, as far as your key reaches")
    return context_text(await desk.memories.context(ContextQuery(project_id=project_id)))


def _project(named: str) -> str:
    try:
        return unquote(named, errors="strict")
    except UnicodeDecodeError:
        raise NotFoundError(f"{_shown(named)} is not percent-encoded UTF-8, so it names no project") from None


def _shown(text: str) -> str:
    return repr(one_line(text)[:_SHOWN_CHARS])
