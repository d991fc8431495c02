"""A real server process with a key, and `MemoryClient` talking to it over REST."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from memory_client.sdk import MemoryClient
from memory_core.memories import Memories
from support.implementations import Place, register
from support.servers import running_server


@asynccontextmanager
async def open_rest(place: Place) -> AsyncIterator[Memories]:
    settings = {
        "MEMORY_EMBEDDER": place.embedder,
        "MEMORY_MODEL_CACHE": str(place.model_cache),
        "MEMORY_LIMIT_READS": "off",
        "MEMORY_LIMIT_WRITES": "off",
    }
    with running_server(place.data_dir, api_key="the key of this test", env=settings) as server:
        async with MemoryClient(server.url, key="the key of this test") as client:
            yield client


register("rest", open_rest)
