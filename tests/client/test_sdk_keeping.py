"""`MemoryClient` and writes: a key for each, the same if it is sent again; kept while the server is away, if wanted."""

from pathlib import Path

import pytest

from memory_client.delivery import Courier
from memory_client.sdk import MemoryClient
from memory_client.target import resolve_target
from memory_client.writing import AwayError, QueuedError
from memory_core.errors import NotFoundError, UnavailableError
from memory_core.types import MemoryPatch, NewMemory, PurgeQuery, SearchQuery
from support.ledger import ledger, problem
from support.sockets import free_port


def keeping(tmp_path: Path, port: int) -> Courier:
    target = resolve_target({"HOME": str(tmp_path), "MEMORY_SERVER": f"http://127.0.0.1:{port}"})
    return Courier(target, version="1")


async def test_each_write_has_a_key_of_its_own_and_reads_have_none() -> None:
    with ledger() as (server, url):
        async with MemoryClient(url) as memories:
            await memories.add(NewMemory(content="one"))
            await memories.add(NewMemory(content="one"))
            await memories.update("1a2b3c4d", MemoryPatch(content="two"))
            await memories.delete("1a2b3c4d")
            await memories.search(SearchQuery(query="x"))

    keys = [request.get("idempotency-key") for request in server.requests]
    assert keys[-1] is None
    assert len({key for key in keys[:-1] if key}) == 4


async def test_a_purge_has_a_key_too() -> None:
    with ledger() as (server, url):
        server.fault = lambda _: problem(404, "not-found", "no")
        async with MemoryClient(url) as memories:
            with pytest.raises(NotFoundError):
                await memories.purge(PurgeQuery(content_contains="x"))

    assert server.requests[0]["idempotency-key"]


async def test_a_local_server_that_has_left_is_asked_again_with_the_same_key() -> None:
    """Nobody listened, so nothing was sent the first time; and if it had been, the key would tell."""
    with ledger() as (server, url):
        gone = f"http://127.0.0.1:{free_port()}"
        async with MemoryClient(gone, locate=lambda: (url, None)) as memories:
            await memories.add(NewMemory(content="one"))

    assert server.done == ["add: one"]


async def test_without_an_outbox_a_write_fails_while_the_server_is_away() -> None:
    async with MemoryClient(f"http://127.0.0.1:{free_port()}") as memories:
        with pytest.raises(AwayError, match="cannot reach"):
            await memories.add(NewMemory(content="one"))


async def test_with_one_it_is_kept_and_goes_first_when_the_server_is_back(tmp_path: Path) -> None:
    port = free_port()
    async with MemoryClient(f"http://127.0.0.1:{port}", courier=keeping(tmp_path, port)) as memories:
        with pytest.raises(QueuedError, match="Kept on this machine") as caught:
            await memories.add(NewMemory(content="before"))
        assert isinstance(caught.value, UnavailableError)
        assert caught.value.queued.waiting == 1

    with ledger(port) as (server, url):
        async with MemoryClient(url, courier=keeping(tmp_path, port)) as memories:
            await memories.add(NewMemory(content="after"))

    assert server.done == ["add: before", "add: after"]


async def test_what_the_server_refuses_is_not_kept(tmp_path: Path) -> None:
    with ledger() as (server, url):
        courier = keeping(tmp_path, int(url.rpartition(":")[2]))
        server.fault = lambda _: problem(404, "not-found", "no memory 1a2b3c4d")
        async with MemoryClient(url, courier=courier) as memories:
            with pytest.raises(NotFoundError):
                await memories.delete("1a2b3c4d")

    assert courier.outbox.empty()


async def test_where_nothing_can_be_kept_both_reasons_are_told(tmp_path: Path) -> None:
    (tmp_path / ".claude-memory").write_text("in the way")
    port = free_port()
    async with MemoryClient(f"http://127.0.0.1:{port}", courier=keeping(tmp_path, port)) as memories:
        with pytest.raises(UnavailableError, match=r"cannot reach .* could not be kept on this machine") as caught:
            await memories.add(NewMemory(content="one"))

    assert not isinstance(caught.value, QueuedError)
