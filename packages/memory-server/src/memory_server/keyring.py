"""The keys that a server takes: MEMORY_API_KEY, and those in `access.sqlite`. A machine's own server takes its token.

Each request asks the file: 15 µs, so that a key that another process revoked a moment ago is none any more.
"""

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from memory_core.errors import MemoryServiceError
from memory_server.access import Principal, principal_of
from memory_server.auth import OneKey, digest
from memory_server.settings import ServerSettings

if TYPE_CHECKING:
    from memory_server.key_store import KeyStore

log = logging.getLogger(__name__)

NOTED_EVERY_S = 60.0


class Keys:
    """A keyring. `store` is null where there are no named keys. Belongs to one event loop."""

    def __init__(self, bootstrap: OneKey, store: "KeyStore | None") -> None:
        self.store = store
        self.has_bootstrap = not bootstrap.is_open
        self._bootstrap = bootstrap
        self._lookup = None if store is None else store.lookup()
        self._used: dict[tuple[str, str], datetime] = {}
        self._was_used = asyncio.Event()

    @property
    def is_open(self) -> bool:
        if self.has_bootstrap or self._lookup is None:
            return not self.has_bootstrap
        try:
            return not self._lookup.any_made()
        except MemoryServiceError:
            return False  # whether there are keys cannot be told; who sends one is told why

    def now(self) -> datetime:
        return datetime.now(UTC) if self.store is None else self.store.clock()

    def principal(self, key: str) -> Principal | None:
        found = self._bootstrap.principal(key)
        if found is not None or self._lookup is None:
            return found
        now = self.now()
        held = self._lookup.holder(digest(key), now)
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
        if self._lookup is not None:
            self._lookup.close()


def open_keys(settings: ServerSettings) -> Keys:
    bootstrap = OneKey(settings.api_key, named=not settings.local)
    if settings.local:
        return Keys(bootstrap, None)
    from memory_server.key_store import KeyStore  # and with it SQLite, of which a machine's own server has no use

    return Keys(bootstrap, KeyStore(settings.data_dir))
