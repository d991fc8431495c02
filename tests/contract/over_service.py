"""The engine itself, in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from memory_core.engine.compose import EngineOptions, open_engine
from memory_core.memories import Memories
from support.implementations import Place, register


@asynccontextmanager
async def open_service(place: Place) -> AsyncIterator[Memories]:
    options = EngineOptions(
        data_dir=place.data_dir,
        store=place.store,
        embedder=place.embedder,
        model_cache=place.model_cache,
        model_download=False,
    )
    service = open_engine(options)
    await service.start()
    try:
        yield service
    finally:
        await service.close()


register("service", open_service)
