"""The server's application in the process of a test, over a real store: where a process of its own is too slow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import httpx

from memory_core.engine.compose import EngineOptions, open_engine
from memory_server.app import create_app
from memory_server.companions import companions
from memory_server.settings import ServerSettings


class MakeApp(Protocol):
    """Gives a client of a new application with these settings (see `ServerSettings`)."""

    async def __call__(self, **settings: object) -> httpx.AsyncClient: ...


@asynccontextmanager
async def calling(
    folder: Path, *, embedder: str | None = "none", **settings: object
) -> AsyncIterator[httpx.AsyncClient]:
    service = open_engine(
        EngineOptions(data_dir=folder, embedder=embedder, model_download=False, threads=1, companions=companions())
    )
    app = create_app(service, ServerSettings(data_dir=folder, embedder=embedder, **settings))  # type: ignore[arg-type]
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8420") as client:
            yield client
