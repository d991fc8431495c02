"""The real service on a real store in a folder, with a clock that a test sets and a model small enough to read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memory_core.engine.catalog import Catalog
from memory_core.engine.compose import FILES, check_embedder
from memory_core.engine.embedding import EmbeddingQueue
from memory_core.engine.lexical import indexed_text
from memory_core.engine.ports import Embedder, Store, StoreOptions
from memory_core.engine.service import MemoryService
from memory_core.engine.stores.duckdb import open_store
from memory_core.types import EmbeddingState

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def _nothing() -> Embedder:
    raise AssertionError("embedding is off")


def service_on(store: Store, load: Callable[[], Embedder] | None = None, **options: Any) -> MemoryService:
    loaded = load or _nothing
    queue = EmbeddingQueue(store, lambda _: loaded(), indexed_text, embedder="toy" if load else None)
    catalog = Catalog(fixed=False, check=check_embedder, installed=list)
    return MemoryService(store, queue, FILES, catalog, version="1.2.3", **options)


@asynccontextmanager
async def opened(
    folder: Path, load: Callable[[], Embedder] | None = None, *, store: Store | None = None, **options: Any
) -> AsyncIterator[MemoryService]:
    service = service_on(store or open_store("", StoreOptions(data_dir=folder)), load, **options)
    await service.start()
    try:
        yield service
    finally:
        await service.close()


async def until(service: MemoryService, state: EmbeddingState, *, pending: int = 0, failed: int | None = None) -> None:
    """Until the model is in that state, with so many memories to embed; a null `failed` asks for no number of those."""
    async with asyncio.timeout(30):
        while True:
            embedding = (await service.health()).embedding
            is_so = embedding.state is state and embedding.pending == pending
            if is_so and failed in (None, embedding.failed):
                return
            await asyncio.sleep(0.01)


def counting_ids(*ids: str) -> Callable[[], str]:
    return iter(f"{memory_id:0<32}" for memory_id in ids).__next__
