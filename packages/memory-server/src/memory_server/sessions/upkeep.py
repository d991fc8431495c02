"""What nobody asks for: memories of sessions that ended without a word, the end of those that fell silent, and room."""

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from memory_core.changes import By, Quota
from memory_core.errors import MemoryServiceError
from memory_core.memories import Memories
from memory_server.sessions.entries import Row
from memory_server.sessions.summing import extract

if TYPE_CHECKING:
    from memory_server.sessions.service import SessionService

log = logging.getLogger("memory_server")

EVERY_S = 600.0
SILENT = timedelta(hours=1)
"""A laptop sleeps, or a window was killed: what was noted becomes a memory."""

GONE = timedelta(hours=12)
"""Nobody will come back to it, or it is opened again."""

_AT_ONCE = 500


async def keep_up(service: "SessionService", memories: Memories) -> None:
    while True:
        try:
            await once(service, memories)
        except MemoryServiceError as error:
            log.warning("upkeep of the sessions failed and will be tried again: %s", error)
        await asyncio.sleep(EVERY_S)


async def once(service: "SessionService", memories: Memories) -> None:
    if not service.exists():
        return
    now = service.clock()
    for row in await service.journal(lambda book: book.unsummed(now - SILENT, limit=_AT_ONCE)):
        try:
            await _write(service, memories, row.session_id)
        except MemoryServiceError as error:  # such as a quota that is used up: the others have theirs
            log.warning("session %s has no memory yet: %s", row.session_id[:8], error)
    await service.journal(lambda book: book.tidy(now, silent_since=now - GONE))


async def _write(service: "SessionService", memories: Memories, session_id: str) -> None:
    async with service.turn(session_id):
        row = await service.journal(lambda book: book.one(session_id))
        await extract(service.journal, memories, row, _by(row))


def _by(row: Row) -> By:
    """Whoever noted last: in the history, and for what it may keep."""
    quota = None if row.quota is None else msgspec.json.decode(row.quota, type=Quota)
    return By(client_id=row.client_id, key=row.key, reason="the session fell silent", quota=quota)
