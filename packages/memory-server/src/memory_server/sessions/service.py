"""The sessions of a server: their journal, opened with the first use, and what every caller shares of it."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from memory_core.engine.names import Names
from memory_core.errors import StorageFullError, UnavailableError
from memory_core.memories import Memories
from memory_core.types import SecretPolicy
from memory_server.auth import Caller
from memory_server.data_files import SESSIONS
from memory_server.places import Places
from memory_server.sessions.calling import CallerSessions
from memory_server.sessions.upkeep import keep_up

if TYPE_CHECKING:
    from memory_server.sessions.journal import Journal

T = TypeVar("T")


class SessionService:
    """One for each server. `names` says which project a name means, `secrets` what becomes of secrets in notes.

    Without `notes`, nothing that is said in a session is kept, but what its agent writes as its summary.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        names: Names,
        notes: bool = True,
        secrets: SecretPolicy = SecretPolicy.REDACT,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.names = names
        self.notes = notes
        self.secrets = secrets
        self.clock = clock
        self.places = Places(self.journal, clock)
        self._data_dir = data_dir
        self._journal: Journal | None = None
        # One thread, so that the journal needs no lock; it is started with the first use.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sessions")
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, memories: Memories, caller: Caller, projects: Sequence[str] | None) -> CallerSessions:
        """As far as a caller's key reaches: `projects`, null for all; `memories` are the product as far as that."""
        return CallerSessions(self, memories, caller, projects)

    async def journal(self, work: "Callable[[Journal], T]") -> T:
        """`work` in the thread that has the journal. Raises UnavailableError, StorageFullError."""

        def done() -> T:
            return work(self._opened())

        try:
            future = self._thread.submit(contextvars.copy_context().run, done)
        except RuntimeError as closed:
            raise UnavailableError("the server is stopping; try again in a moment") from closed
        return await asyncio.wrap_future(future)

    @contextlib.asynccontextmanager
    async def turn(self, session_id: str) -> AsyncIterator[None]:
        """One at a time for each session: two prompts at once must not be told the same."""
        lock = self._turns.setdefault(session_id, asyncio.Lock())
        async with lock:
            yield

    async def keep_up(self, memories: Memories) -> None:
        """Without end: write what ended without a word, close what fell silent, drop what is old."""
        await keep_up(self, memories)

    async def trouble(self) -> str | None:
        """What is wrong with the journal, in a sentence; null for nothing."""
        try:
            if self.exists():
                await self.journal(lambda book: book.check())
        except (UnavailableError, StorageFullError) as error:
            return str(error)
        return None

    async def close(self) -> None:
        await asyncio.to_thread(self._thread.shutdown)
        if self._journal is not None:
            await asyncio.to_thread(self._journal.close)

    def exists(self) -> bool:
        return (self._data_dir / SESSIONS).exists()

    def _opened(self) -> "Journal":
        if self._journal is None:
            from memory_server.sessions.journal import Journal  # and with it SQLite: a start does without

            self._journal = Journal(self._data_dir)
        return self._journal
