"""Each store of `support.every_store`, fresh in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_core.engine.ports import Store
from support.every_store import STORES, Opener


@pytest.fixture(params=STORES)
def opener(request: pytest.FixtureRequest) -> Opener:
    return STORES[request.param]


@pytest.fixture
def store(opener: Opener, tmp_path: Path) -> Iterator[Store]:
    opened = opener(tmp_path / "data")
    yield opened
    opened.close()
