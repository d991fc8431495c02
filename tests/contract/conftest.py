"""Gives every contract test each implementation of `Memories` that offers what the test needs.

`memories` has no model (keyword search only, and quick); `understanding` has the real one, and so has `choosing`, where
no setting names it. `@needs("list")` names the verbs that a test calls beyond those every implementation offers.
"""

import importlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from memory_core.memories import Memories
from support.implementations import IMPLEMENTATIONS, Place

MODEL = "onnx:all-MiniLM-L6-v2"

for file in sorted(Path(__file__).parent.glob("over_*.py")):
    importlib.import_module(f"contract.{file.stem}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*verbs): verbs of Memories that the test calls")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture in {"memories", "understanding", "choosing"} & set(metafunc.fixturenames):
        marks = metafunc.definition.iter_markers("needs")
        needed = {verb for mark in marks for verb in mark.args}
        names = [name for name, implementation in IMPLEMENTATIONS.items() if needed <= implementation.verbs]
        metafunc.parametrize(fixture, names, indirect=True)


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest_asyncio.fixture
async def memories(request: pytest.FixtureRequest, tmp_path: Path, model_cache: Path) -> AsyncIterator[Memories]:
    place = _place(request, tmp_path, model_cache, embedder="none")
    async with IMPLEMENTATIONS[request.param].open(place) as opened:
        yield opened


@pytest_asyncio.fixture
async def understanding(request: pytest.FixtureRequest, tmp_path: Path, model_cache: Path) -> AsyncIterator[Memories]:
    place = _place(request, tmp_path, model_cache, embedder=MODEL)
    async with IMPLEMENTATIONS[request.param].open(place) as opened:
        yield opened


@pytest_asyncio.fixture
async def choosing(request: pytest.FixtureRequest, tmp_path: Path, model_cache: Path) -> AsyncIterator[Memories]:
    place = _place(request, tmp_path, model_cache, embedder=None)
    async with IMPLEMENTATIONS[request.param].open(place) as opened:
        yield opened


def _place(request: pytest.FixtureRequest, tmp_path: Path, model_cache: Path, *, embedder: str | None) -> Place:
    store = request.config.getoption("store")
    return Place(data_dir=tmp_path / "data", embedder=embedder, model_cache=model_cache, store=store)
