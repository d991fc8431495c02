"""A key keeps no more than it may, by whichever verb it would, and nothing of what is refused stays."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from memory_core.changes import By, Quota, UndoRequest
from memory_core.engine.ports import Usage
from memory_core.engine.quotas import refuse_excess
from memory_core.engine.service import MemoryService
from memory_core.errors import QuotaError
from memory_core.types import ExportQuery, FileFormat, ImportQuery, ListQuery, MemoryPatch, NewMemory, PurgeQuery, Scope
from support.services import opened

TWO = By(key="one", quota=Quota(max_memories=2))
TEN_BYTES = By(key="one", quota=Quota(max_bytes=10))
FREELY = By(key="one")


@pytest_asyncio.fixture
async def service(tmp_path: Path) -> AsyncIterator[MemoryService]:
    async with opened(tmp_path / "here") as made:
        yield made


async def kept(service: MemoryService) -> list[str]:
    return [memory.content for memory in (await service.list(ListQuery())).memories]


async def refused(call: Awaitable[object]) -> str:
    with pytest.raises(QuotaError) as refusal:
        await call
    return str(refusal.value)


async def test_one_more_than_may_be_kept_is_refused_until_there_is_room(service: MemoryService) -> None:
    first = await service.add(NewMemory(content="first"), by=TWO)
    await service.add(NewMemory(content="second"), by=TWO)

    said = await refused(service.add(NewMemory(content="third"), by=TWO))
    there = await kept(service)
    await service.delete(first.id, by=TWO)
    await service.add(NewMemory(content="third"), by=TWO)

    assert said.startswith("this key keeps 2 of at most 2 memories, which is no room for what was sent; delete some")
    assert there == ["second", "first"]
    assert await kept(service) == ["third", "second"]


async def test_what_is_here_already_needs_no_room(service: MemoryService) -> None:
    for content in ("first", "second"):
        await service.add(NewMemory(content=content), by=TWO)

    again = await service.add(NewMemory(content="first", tags=("more",)), by=TWO)

    assert again.tags == ("more",)


async def test_text_may_become_shorter_and_not_longer_than_there_is_room(service: MemoryService) -> None:
    memory = await service.add(NewMemory(content="0123456789"), by=TEN_BYTES)

    await refused(service.update(memory.id, MemoryPatch(content="0123456789a"), by=TEN_BYTES))
    await service.update(memory.id, MemoryPatch(tags=("tag",)), by=TEN_BYTES)
    shorter = await service.update(memory.id, MemoryPatch(content="öööö"), by=TEN_BYTES)

    assert shorter.content == "öööö"
    assert "keeps 8 of at most 10 bytes" in await refused(service.add(NewMemory(content="abc"), by=TEN_BYTES))


async def test_who_has_too_much_by_a_quota_of_today_can_still_change_and_delete(service: MemoryService) -> None:
    ids = [(await service.add(NewMemory(content=f"memory {number}"), by=FREELY)).id for number in range(4)]

    await service.update(ids[0], MemoryPatch(content="memory nought"), by=TWO)
    await service.delete(ids[1], by=TWO)
    await service.purge(PurgeQuery(content_contains="memory 2", dry_run=False), by=TWO)

    assert await kept(service) == ["memory 3", "memory nought"]


@pytest.mark.parametrize("bring_back", ["restore", "undo"])
async def test_what_comes_out_of_the_trash_needs_room(service: MemoryService, bring_back: str) -> None:
    gone = await service.add(NewMemory(content="gone"), by=TWO)
    await service.delete(gone.id, by=TWO)
    for content in ("first", "second"):
        await service.add(NewMemory(content=content), by=TWO)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "restore": lambda: service.restore(gone.id, by=TWO),
        "undo": lambda: service.undo(UndoRequest(memory_id=gone.id), by=TWO),
    }

    await refused(calls[bring_back]())

    assert await kept(service) == ["second", "first"]


async def test_a_request_that_was_refused_is_done_when_it_comes_again_and_fits(service: MemoryService) -> None:
    """As from an outbox: its key must not remember the refusal."""
    memory = await service.add(NewMemory(content="0123456789"), by=TEN_BYTES)
    again = By(key="one", quota=TEN_BYTES.quota, request="request 1")
    await refused(service.add(NewMemory(content="waiting"), by=again))

    await service.delete(memory.id, by=TEN_BYTES)
    await service.add(NewMemory(content="waiting"), by=again)

    assert await kept(service) == ["waiting"]


async def test_other_keys_and_who_has_none_have_room_of_their_own(service: MemoryService) -> None:
    quota = Quota(max_memories=1)
    for key in ("one", "two", None):
        await service.add(NewMemory(content=f"of {key}"), by=By(key=key, quota=quota))

    assert len(await kept(service)) == 3


@pytest.mark.parametrize("file_format", [FileFormat.JSONL, FileFormat.PARQUET])
async def test_an_import_that_does_not_fit_is_refused_before_anything_of_it_is_taken(
    service: MemoryService, tmp_path: Path, file_format: FileFormat
) -> None:
    async with opened(tmp_path / "there") as there:
        for number in range(3):
            await there.add(NewMemory(content=f"memory {number}"))
        await there.export_file(tmp_path / "file", ExportQuery(format=file_format))

    await refused(service.import_file(tmp_path / "file", by=TWO))
    await refused(service.import_file(tmp_path / "file", ImportQuery(dry_run=True), by=TWO))

    assert await kept(service) == []
    assert (await service.stats(Scope())).in_trash == 0
    report = await service.import_file(tmp_path / "file", by=By(key="one", quota=Quota(max_memories=3)))
    assert report.imported == 3
    again = await service.import_file(tmp_path / "file", by=By(key="one", quota=Quota(max_memories=3)))
    assert (again.imported, again.unchanged) == (0, 3)


async def test_a_file_cannot_say_that_another_key_keeps_it(service: MemoryService, tmp_path: Path) -> None:
    """Its history names keys; whoever is no admin would let others pay, and be blamed."""
    async with opened(tmp_path / "there") as there:
        memory = await there.add(NewMemory(content="before"), by=By(key="another"))
        await there.update(memory.id, MemoryPatch(content="after"), by=By(key="another"))
        await there.export_file(tmp_path / "file")
    by = By(key="one", quota=Quota(max_memories=1), vouches=False)

    await service.import_file(tmp_path / "file", by=by)

    assert {one.key for one in (await service.history(memory.id)).revisions} == {"one"}
    await refused(service.add(NewMemory(content="one more"), by=by))


async def test_an_admin_brings_back_who_did_what(service: MemoryService, tmp_path: Path) -> None:
    async with opened(tmp_path / "there") as there:
        memory = await there.add(NewMemory(content="before"), by=By(key="another"))
        await there.update(memory.id, MemoryPatch(content="after"), by=By(key="another"))
        await there.export_file(tmp_path / "file")

    await service.import_file(tmp_path / "file", by=FREELY)

    assert {one.key for one in (await service.history(memory.id)).revisions} == {"another"}
    await refused(service.add(NewMemory(content="more"), by=By(key="another", quota=Quota(max_memories=1))))


AMOUNT = st.integers(0, 50)


@given(before=st.tuples(AMOUNT, AMOUNT), after=st.tuples(AMOUNT, AMOUNT), most=st.tuples(AMOUNT, AMOUNT))
def test_only_growth_beyond_a_limit_is_refused(
    before: tuple[int, int], after: tuple[int, int], most: tuple[int, int]
) -> None:
    is_too_much = any(limit and now > limit and now > old for old, now, limit in zip(before, after, most, strict=True))

    def check() -> None:
        was, is_now = (Usage(memories=pair[0], content_bytes=pair[1]) for pair in (before, after))
        refuse_excess(was, is_now, max_memories=most[0], max_bytes=most[1])

    if is_too_much:
        with pytest.raises(QuotaError):
            check()
    else:
        check()
