from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.desks import Place, placed


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with placed(tmp_path) as place:
        yield place
