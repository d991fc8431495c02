"""The keys that a server takes: MEMORY_API_KEY, and those in `access.sqlite`. A machine's own server takes its token.

Each request asks the file: 10 µs, so that a key that another process revoked a moment ago is none any more.
"""

import asyncio
import logging
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from memory_core.errors import MemoryServiceError, UnavailableError
from memory_server.access import Principal, principal_of
from memory_server.access_file import AccessFile
from memory_server.auth import OneKey, digest
from memory_server.key_store import KeyStore, any_made, holder
from memory_server.settings import ServerSettings

log = logging.getLogger(__name__)

NOTED_EVERY_S = 60.0


class Keys:
    """A keyring. `store` is null where there are no named keys. Belongs to one event loop."""

    def __init__(self, bootstrap: OneKey, store: KeyStore | None) -> None:
        self.store = store
        self.has_bootstrap = not bootstrap.is_open
        self._bootstrap = bootstrap
        self._file = None if store is None else _OpenFile(store.file)
        self._used: dict[tuple[str, str], datetime] = {}
        self._was_used = asyncio.Event()

    def now(self) -> datetime:
        return datetime.now(UTC) if self.store is None else self.store.clock()

    @property
    def is_open(self) -> bool:
        if self.has_bootstrap or self._file is None:
            return not self.has_bootstrap
        try:
            return not self._file.any_made()
        except MemoryServiceError:
            return False  # whether there are keys cannot be told; who sends one is told why

    def principal(self, key: str) -> Principal | None:
        found = self._bootstrap.principal(key)
        if found is not None or self.store is None or self._file is None:
            return found
        sent, now = digest(key), self.now()
        connection = self._file.connection()
        if connection is None:
            return None
        with self.store.file.errors():
            held = holder(connection, sent, now)
        if held is None:
            return None
        self._used[held.name, held.secrets[0].hint] = now
        self._was_used.set()
        return principal_of(held)

    async def keep_noting(self, every_s: float = NOTED_EVERY_S) -> None:
        """When keys were last used, at most once in that time. Nothing wakes up while none is used."""
        while True:
            await self._was_used.wait()
            await asyncio.sleep(every_s)
            await self.note_used()

    async def note_used(self) -> None:
        used, self._used = self._used, {}
        self._was_used.clear()
        if used and self.store is not None:
            try:
                await asyncio.to_thread(self.store.uses.add, used)
            except MemoryServiceError as error:
                log.warning("it could not be noted when keys were used: %s", error)

    async def close(self) -> None:
        await self.note_used()
        if self._file is not None:
            self._file.close()


class _OpenFile:
    """The file as it lies there now: also where it was made, or put back from a backup, while the server runs."""

    def __init__(self, file: AccessFile) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._which: tuple[int, int] | None = None
        self._any_made = False

    def any_made(self) -> bool:
        if not self._any_made:  # and once it is so, it stays so
            connection = self.connection()
            if connection is not None:
                with self._file.errors():
                    self._any_made = any_made(connection)
        return self._any_made

    def connection(self) -> sqlite3.Connection | None:
        """Null where there never was a file. Raises UnavailableError."""
        which = _which(self._file.path)
        if which is None and self._which is not None:
            raise UnavailableError(
                f"{self._file.path} is gone, so nobody gets in by one of its keys; put it back, or restart the server"
            )
        if which != self._which:
            self.close()
            self._connection, self._which = self._file.open(), which
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._which = None


def _which(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def open_keys(settings: ServerSettings) -> Keys:
    bootstrap = OneKey(settings.api_key, named=not settings.local)
    return Keys(bootstrap, None if settings.local else KeyStore(settings.data_dir))
