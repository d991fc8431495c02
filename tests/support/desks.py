"""Sessions of a laptop over a real service, with a clock that a test sets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from memory_core.changes import By
from memory_core.engine.service import MemoryService
from memory_core.types import ListQuery
from memory_server.auth import Caller, Claims
from memory_server.sessions.calling import CallerSessions
from memory_server.sessions.service import SessionService
from memory_server.sessions.upkeep import once
from support.services import Clock, opened

SESSION = "11112222-3333-4444-8555-666677778888"


class Place(NamedTuple):
    clock: Clock
    memories: MemoryService
    service: SessionService
    sessions: CallerSessions

    async def upkeep(self, later: timedelta = timedelta()) -> None:
        self.clock.now += later
        await once(self.service, self.memories)

    async def kept(self) -> int:
        return (await self.memories.list(ListQuery())).count

    def calling(self, client_id: str | None, project_id: str | None = "shop") -> CallerSessions:
        caller = Caller(claims=Claims(project_id=project_id, client_id=client_id), by=By(client_id=client_id))
        return self.service.of(self.memories, caller, None)


@asynccontextmanager
async def placed(folder: Path) -> AsyncIterator[Place]:
    clock = Clock()
    async with opened(folder, clock=clock) as memories:
        service = SessionService(folder, names=memories.names, clock=clock)
        caller = Caller(claims=Claims(project_id="shop", client_id="laptop"), by=By(client_id="laptop"))
        try:
            yield Place(clock, memories, service, service.of(memories, caller, None))
        finally:
            await service.close()
