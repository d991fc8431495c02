"""The server's application on a real port, and `MemoryClient` talking to it with a key.

It runs in a thread of this process: a process for each test would cost seconds. Tests of the server and of the
command line start real ones.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from memory_client.sdk import MemoryClient
from memory_core.engine.compose import EngineOptions, open_engine
from memory_core.memories import Memories
from memory_server.app import create_app
from memory_server.settings import ServerSettings
from support.implementations import Place, register
from support.ways import served

KEY = "the key of this test"


@contextmanager
def serving(place: Place) -> Iterator[str]:
    """The application over the engine of `place`; its URL."""
    options = EngineOptions(
        data_dir=place.data_dir,
        store=place.store,
        embedder=place.embedder,
        model_cache=place.model_cache,
        model_download=False,
    )
    settings = ServerSettings(data_dir=place.data_dir, api_key=KEY, limit_reads="off", limit_writes="off")
    app = create_app(open_engine(options), settings)
    with served(app) as url:
        yield url


@asynccontextmanager
async def open_rest(place: Place) -> AsyncIterator[Memories]:
    with serving(place) as url:
        async with MemoryClient(url, key=KEY) as client:
            yield client


register("rest", open_rest)
