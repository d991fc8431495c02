"""`Watch` of an engine in use. Not in the threads of requests: a probe must not wait for what it is to tell of."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from memory_core.engine.embedding import EmbeddingQueue
from memory_core.engine.ports import Store
from memory_core.engine.reranking import Reranking
from memory_core.errors import MemoryServiceError
from memory_core.watching import Gauges, Readiness, Tally

PATIENCE_S = 3.0

_log = logging.getLogger(__name__)


class Room(Struct, frozen=True, kw_only=True):
    """Below `floor_bytes` of `free_bytes` a store refuses writes. `size_bytes` is all of it, `log_bytes` its log."""

    schema_version: int
    size_bytes: int
    log_bytes: int
    free_bytes: int
    floor_bytes: int


@runtime_checkable
class Watchable(Protocol):
    """What a kind of store can do so that it is watched from here."""

    def room(self) -> Room:
        """Quick, and with one read from the store."""
        ...

    def tally(self) -> Sequence[Tally]:
        """Reads every memory's type and state, but only when something was written since the last time."""
        ...


class EngineWatch:
    """See `Watch`."""

    def __init__(self, store: Store, embeddings: EmbeddingQueue, reranking: Reranking | None = None) -> None:
        self._store = store
        self._embeddings = embeddings
        self._reranking = reranking

    async def readiness(self) -> Readiness:
        try:
            return await asyncio.wait_for(asyncio.to_thread(self._readiness), PATIENCE_S)
        except TimeoutError:
            return Readiness(ready=False, missing=(f"the store did not answer within {PATIENCE_S:.0f} s",))
        except Exception as error:  # noqa: BLE001 - whatever it is, the store cannot be used
            # Not the error's own words: anyone may read this, and they may name folders.
            _log.warning("the store cannot be read: %s", error, exc_info=not isinstance(error, MemoryServiceError))
            return Readiness(ready=False, missing=("the store cannot be read; the server's log says why",))

    async def gauges(self) -> Gauges:
        return await asyncio.to_thread(self._gauges)

    def _gauges(self) -> Gauges:
        embedding = self._embeddings.status()
        reranker = None if self._reranking is None else self._reranking.status()
        if not isinstance(self._store, Watchable):
            return Gauges(embedding=embedding, reranker=reranker)
        room = self._store.room()
        return Gauges(
            embedding=embedding,
            reranker=reranker,
            schema_version=room.schema_version,
            size_bytes=room.size_bytes,
            log_bytes=room.log_bytes,
            free_bytes=room.free_bytes,
            floor_bytes=room.floor_bytes,
            memories=tuple(self._store.tally()),
        )

    def _readiness(self) -> Readiness:
        room = self._room()
        embedding = self._embeddings.status()
        missing: tuple[str, ...] = ()
        if room is not None and room.free_bytes < room.floor_bytes:
            missing = ("the disk has too little room, so that writes are refused; make room on it",)
        return Readiness(
            ready=not missing,
            missing=missing,
            schema_version=None if room is None else room.schema_version,
            embedding=embedding,
        )

    def _room(self) -> Room | None:
        if isinstance(self._store, Watchable):
            return self._store.room()
        self._store.model()  # any store has this to read
        return None
