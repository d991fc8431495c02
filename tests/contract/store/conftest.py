"""The store that `--store` names, fresh in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_core.engine.ports import Store
from support.every_store import Opener, opener_of


@pytest.fixture(scope="session")
def opener(pytestconfig: pytest.Config) -> Opener:
    return opener_of(pytestconfig.getoption("store"))


@pytest.fixture
def store(opener: Opener, tmp_path: Path) -> Iterator[Store]:
    opened = opener(tmp_path / "data")
    yield opened
    opened.close()
