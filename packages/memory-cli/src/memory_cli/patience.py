"""A search that would find less because its server has only just begun: it is asked again until it need not.

A person would rather wait for some seconds than be told that nothing was found. Hooks and agents have no such patience:
they ask the server by themselves.
"""

import asyncio
import time
from collections.abc import Callable

from memory_core.memories import Memories
from memory_core.types import EmbeddingState, EmbeddingStatus, SearchMode, SearchQuery, SearchResult

PATIENCE_S = 10.0
_PAUSE_S = 0.2
_LITTLE_WORK = 64  # memories that are embedded while one waits; more of them are a large import

WAITING = f"the server is getting ready for search by meaning; waiting for it, {PATIENCE_S:g} s at most"


async def found_in_time(memories: Memories, wanted: SearchQuery, *, note: Callable[[str], None]) -> SearchResult:
    """What a server answers that is ready for it, or what it answers when the time is over.

    `note` is told of the wait, once. A model that failed, or that is switched off, is not waited for.
    """
    deadline = time.monotonic() + PATIENCE_S
    found = await memories.search(wanted)
    told = False
    while _is_less(wanted, found) and await _is_soon_more(memories) and time.monotonic() < deadline:
        if not told:
            note(WAITING)
            told = True
        await asyncio.sleep(_PAUSE_S)  # each search waits too, at the server, for a model that is about to be there
        found = await memories.search(wanted)
    return found


def _is_less(wanted: SearchQuery, found: SearchResult) -> bool:
    """Perhaps: whatever a server has to say of a search, it says in its notice."""
    return wanted.search_mode is not SearchMode.KEYWORD and found.notice is not None


async def _is_soon_more(memories: Memories) -> bool:
    status = (await memories.health()).embedding
    return status.state is EmbeddingState.LOADING or _is_catching_up(status)


def _is_catching_up(status: EmbeddingStatus) -> bool:
    return status.state is EmbeddingState.READY and status.detail is None and 0 < status.pending <= _LITTLE_WORK
