"""Servers for the tests of this folder: one real process with a key for all of a module, or applications of a test."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from support.apps import MakeApp, calling
from support.servers import RunningServer, running_server

KEY = "the key of these tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    env = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}
    with running_server(tmp_path_factory.mktemp("server") / "data", api_key=KEY, env=env) as running:
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    """Calls the module's server with its key."""
    with httpx.Client(base_url=server.url, headers={"X-API-Key": KEY}, timeout=60) as client:
        yield client


@pytest.fixture
async def make_app(tmp_path: Path) -> AsyncIterator[MakeApp]:
    numbers = itertools.count()
    async with AsyncExitStack() as stack:

        async def make(**settings: object) -> httpx.AsyncClient:
            return await stack.enter_async_context(calling(tmp_path / f"app-{next(numbers)}", **settings))

        yield make
