"""`MemoryClient.connect` on a machine without MEMORY_SERVER: the local server is started, found again, and shared."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_client import local
from memory_client.sdk import MemoryClient
from memory_client.target import resolve_target
from memory_core.errors import InvalidError, UnavailableError
from memory_core.types import ListQuery, NewMemory, Scope
from support.platforms import home_of
from support.servers import environment


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A home of its own; the server that is started inherits this process's environment."""
    home = tmp_path / "home"
    home.mkdir()
    settings = environment({**home_of(home), "CLAUDE_PROJECT_DIR": str(home), "MEMORY_CLIENT_ID": "laptop"})
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield settings
    local.stop(str(home / ".claude-memory"))


async def test_a_client_outlives_the_server_that_it_found(environ: dict[str, str]) -> None:
    async with await MemoryClient.connect(environ=environ) as memories:
        kept = await memories.add(NewMemory(content="before the server left"))
        first = memories.url
        assert kept.client_id == "laptop"

        await asyncio.to_thread(local.stop, resolve_target(environ).data_dir)
        await memories.add(NewMemory(content="after it came back"))

        listed = await memories.list(ListQuery())
        assert [memory.content for memory in listed.memories] == ["after it came back", "before the server left"]
        assert memories.url != first


async def test_a_project_of_the_client_is_that_of_every_request_that_names_none(environ: dict[str, str]) -> None:
    target = resolve_target(environ, project="größe/shop")
    async with await MemoryClient.connect(target) as memories:
        kept = await memories.add(NewMemory(content="in the shop"))
        await memories.add(NewMemory(content="elsewhere", project_id="other"))
        await memories.add(NewMemory(content="for everyone", project_id=None))

        assert kept.project_id == "größe/shop"
        assert [m.content for m in (await memories.list(ListQuery())).memories] == ["in the shop"]
        assert (await memories.stats(Scope(global_search=True))).total_memories == 3


async def test_a_setting_that_cannot_be_meant_is_an_invalid_error() -> None:
    with pytest.raises(InvalidError, match="MEMORY_SERVER"):
        await MemoryClient.connect(environ={"MEMORY_SERVER": "memory.lan"})


async def test_a_local_server_that_cannot_start_is_an_unavailable_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UnavailableError):
        await MemoryClient.connect(environ={"HOME": str(tmp_path), "MEMORY_DATA_DIR": str(tmp_path / "file")})
