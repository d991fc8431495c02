"""`Backups` of a store that is in use: in a thread of its own, so that neither reads nor writes wait for it."""

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from memory_core.backups import Backup, BackupList
from memory_core.engine.backups.keeping import Keeper
from memory_core.engine.backups.ports import BacksUp
from memory_core.engine.threads import submitted
from memory_core.errors import ConflictError, UnavailableError

T = TypeVar("T")


class BackupService:
    """`close` in two steps: `give_up` before the store is closed, which ends what is under way, `close` after."""

    def __init__(self, keeper: Keeper, store: BacksUp) -> None:
        self._keeper = keeper
        self._store = store
        self._stopping = threading.Event()
        self._busy = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="memory-backup")

    async def create(self, *, verify: bool = True) -> Backup:
        return await self._alone(
            functools.partial(self._keeper.create, self._store, verify=verify, go_on=self._require_going_on)
        )

    async def list(self) -> BackupList:
        return await asyncio.to_thread(self._keeper.list)

    async def verify(self, name: str) -> Backup:
        return await self._alone(functools.partial(self._keeper.verify, name, self._require_going_on))

    def give_up(self) -> None:
        self._stopping.set()

    def close(self) -> None:
        self.give_up()
        self._thread.shutdown()

    async def _alone(self, function: Callable[[], T]) -> T:
        """A second one is refused at once: it would wait for minutes."""
        if not self._busy.acquire(blocking=False):
            raise ConflictError("a backup is being made or verified already; try again when it is done")
        try:
            future = submitted(self._thread, function)
        except UnavailableError:
            self._busy.release()
            raise
        # Also where the caller left before it had begun, and before the caller is told.
        future.add_done_callback(lambda _: self._busy.release())
        return await asyncio.wrap_future(future)

    def _require_going_on(self) -> None:
        if self._stopping.is_set():
            raise UnavailableError("the server is stopping, so the backup was given up; make it again later")


class NoBackups:
    """For a store that is backed up by tools of its own."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    async def create(self, *, verify: bool = True) -> Backup:  # noqa: ARG002 - a verb of `Backups`
        raise self._refusal()

    async def list(self) -> BackupList:
        raise self._refusal()

    async def verify(self, name: str) -> Backup:  # noqa: ARG002 - as above
        raise self._refusal()

    def give_up(self) -> None: ...

    def close(self) -> None: ...

    def _refusal(self) -> UnavailableError:
        return UnavailableError(f"a {self._kind} store is backed up by tools of its own, not from here")
