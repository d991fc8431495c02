"""What the service adds to the contract of `Memories`: ids, clocks, waiting, and going away at the wrong moment."""

import asyncio
import itertools
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from memory_core.engine.parquet import write_parquet
from memory_core.engine.ports import EmbeddedEntry, Embedder
from memory_core.errors import AmbiguousIdError, ModelUnavailableError, NotFoundError, UnavailableError
from memory_core.types import (
    ContextQuery,
    EmbeddingState,
    ExportQuery,
    FileFormat,
    ListQuery,
    MemoryPatch,
    NewMemory,
    PurgeQuery,
    Scope,
    SearchMode,
    SearchQuery,
)
from support.samples import a_memory
from support.services import NOON, Clock, counting_ids, opened, until
from support.toys import ToyEmbedder

EVERYWHERE = Scope(global_search=True)


# ── Ids ──


async def test_a_beginning_that_several_share_shows_enough_digits_of_each(tmp_path: Path) -> None:
    ids = [f"abcd12345678{last}" for last in "012345"]
    async with opened(tmp_path, new_id=counting_ids(*ids, "abcdffff")) as service:
        for i in range(7):
            await service.add(NewMemory(content=f"n{i}"))

        with pytest.raises(AmbiguousIdError) as refusal:
            await service.get("abcd")
        with pytest.raises(AmbiguousIdError) as close:
            await service.delete("ABCD-12345678")

        assert (await service.get("abcdf")).content == "n6"
        assert (await service.get("abcd123456783")).content == "n3"

    assert str(refusal.value) == (
        "several memories begin with abcd: abcd123456780, abcd123456781, abcd123456782, abcd123456783, "
        "abcd123456784, …; give more digits"
    )
    assert "begin with abcd12345678:" in str(close.value)


async def test_a_memory_in_the_trash_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, new_id=counting_ids("12345678")) as service:
        await service.add(NewMemory(content="x"))
        await service.delete("1234")

        with pytest.raises(NotFoundError, match="memory 12345678 is in the trash; restore it first"):
            await service.get("1234")


# ── Time ──


async def test_times_come_from_the_clock(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock) as service:
        kept = await service.add(NewMemory(content="x"))
        clock.now += timedelta(hours=1)
        changed = await service.update(kept.id, MemoryPatch(content="y"))
        clock.now += timedelta(hours=1)
        deleted = await service.delete(kept.id)

    assert (kept.created_at, kept.updated_at) == (NOON, NOON)
    assert (changed.created_at, changed.updated_at) == (NOON, NOON + timedelta(hours=1))
    assert deleted.deleted_at == NOON + timedelta(hours=2)


async def test_a_clock_set_back_never_makes_a_change_older(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock) as service:
        kept = await service.add(NewMemory(content="x"))
        clock.now -= timedelta(days=1)

        changed = await service.update(kept.id, MemoryPatch(content="y"))

    assert changed.updated_at == kept.updated_at


async def test_the_same_values_again_are_no_change(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock) as service:
        kept = await service.add(NewMemory(content="x", tags=("a",)))
        clock.now += timedelta(hours=1)

        assert (await service.update(kept.id, MemoryPatch(content="x", tags=("a",)))).memory == kept.memory


async def test_a_purge_by_age_takes_what_is_older_and_keeps_to_the_narrower_time(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock) as service:
        for days in (40, 20, 5):
            clock.now = NOON - timedelta(days=days)
            await service.add(NewMemory(content=f"{days} days old"))
        clock.now = NOON

        month = await service.purge(PurgeQuery(older_than_days=30))
        week = await service.purge(PurgeQuery(older_than_days=7))
        narrower = await service.purge(PurgeQuery(older_than_days=7, created_before=NOON - timedelta(days=30)))
        wider = await service.purge(PurgeQuery(older_than_days=30, created_before=NOON))

    assert [report.matched for report in (month, week, narrower, wider)] == [1, 2, 1, 1]


async def test_a_context_of_days_shows_what_changed_in_them(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock) as service:
        clock.now = NOON - timedelta(days=10)
        old = await service.add(NewMemory(content="old"))
        changed = await service.add(NewMemory(content="old but changed"))
        clock.now = NOON - timedelta(days=2)
        await service.update(changed.id, MemoryPatch(content="changed since"))
        clock.now = NOON

        week = await service.context(ContextQuery(days=7))
        ever = await service.context(ContextQuery())

    assert [memory.content for memory in week.memories] == ["changed since"]
    assert [memory.id for memory in ever.memories] == [changed.id, old.id]
    assert "2 days ago" in week.summary


# ── Models that are slow, absent or fail ──


async def test_a_search_waits_for_a_model_that_is_loading(tmp_path: Path) -> None:
    ready = threading.Event()

    def load() -> Embedder:
        ready.wait()
        return ToyEmbedder()

    async with opened(tmp_path, load, patience_s=30) as service:
        await service.add(NewMemory(content="red kettle"))
        searching = asyncio.create_task(service.search(SearchQuery(query="red kettle")))
        by_word = await service.search(SearchQuery(query="kettle", search_mode=SearchMode.KEYWORD))
        assert (by_word.count, searching.done()) == (1, False)

        ready.set()
        found = await searching

    assert (found.search_mode, found.notice, found.count) == (SearchMode.HYBRID, None, 1)
    assert (found.results[0].semantic or 0) > 0.3


async def test_a_search_that_cannot_wait_longer_goes_by_words_and_says_why(tmp_path: Path) -> None:
    never = threading.Event()

    def load() -> Embedder:
        never.wait()
        raise ModelUnavailableError("too late")

    async with opened(tmp_path, load, patience_s=0.05) as service:
        await service.add(NewMemory(content="red kettle"))

        found = await service.search(SearchQuery(query="kettle"))
        health = await service.health()
        never.set()

    assert (found.count, found.search_mode) == (1, SearchMode.KEYWORD)
    assert found.notice == "the embedding model is still loading; this is keyword search"
    assert health.status == "ok"


async def test_without_its_model_the_service_is_degraded_and_finds_by_words(tmp_path: Path) -> None:
    def load() -> Embedder:
        raise ModelUnavailableError("the model toy is not here; put it there")

    async with opened(tmp_path, load) as service:
        await service.add(NewMemory(content="red kettle"))
        await until(service, EmbeddingState.UNAVAILABLE, pending=1)

        found = await service.search(SearchQuery(query="kettle"))
        health = await service.health()

    assert (found.count, found.search_mode) == (1, SearchMode.KEYWORD)
    assert "the model toy is not here; put it there; this is keyword search" in (found.notice or "")
    assert (health.status, health.version) == ("degraded", "1.2.3")


async def test_what_could_not_be_embedded_is_found_by_words_and_counted(tmp_path: Path) -> None:
    async with opened(tmp_path, lambda: ToyEmbedder(poison="arsenic")) as service:
        await service.add(NewMemory(content="red kettle"))
        await service.add(NewMemory(content="arsenic in the red kettle"))
        await until(service, EmbeddingState.READY, pending=1)

        found = await service.search(SearchQuery(query="arsenic"))
        stats = await service.stats(EVERYWHERE)
        report = await service.backfill()

    assert found.results[0].content == "arsenic in the red kettle"
    assert found.notice == "1 memory has no embedding yet and can be found by keyword only"
    assert (stats.memories_with_embeddings, stats.total_memories, stats.embeddings_available) == (1, 2, True)
    assert report.pending == 1


async def test_similar_goes_by_words_while_there_is_no_vector(tmp_path: Path) -> None:
    async with opened(tmp_path) as service:
        one = await service.add(NewMemory(content="the red kettle whistles"))
        await service.add(NewMemory(content="a blue kettle"))
        await service.add(NewMemory(content="nothing of it"))

        found = await service.similar(one.id)

    assert [hit.content for hit in found.results] == ["a blue kettle"]
    assert found.search_mode is SearchMode.KEYWORD
    assert "no embedding" in (found.notice or "")


# ── Files ──


@pytest.mark.parametrize("file_format", FileFormat)
async def test_vectors_of_the_same_model_come_along_and_others_are_made_anew(
    tmp_path: Path, file_format: FileFormat
) -> None:
    file = tmp_path / "all"
    async with opened(tmp_path / "a", ToyEmbedder) as service:
        for i in range(3):
            await service.add(NewMemory(content=f"note {i}"))
        await until(service, EmbeddingState.READY)
        assert await service.export_file(file, ExportQuery(format=file_format)) == 3

    same, other = ToyEmbedder(), ToyEmbedder("another")
    assert await taken_in(file, tmp_path / "b", same) == 3
    assert await taken_in(file, tmp_path / "c", other) == 3

    notes = [[text for text in toy.embedded if "note" in text] for toy in (same, other)]
    assert (len(notes[0]), len(notes[1])) == (0, 3)


async def taken_in(file: Path, folder: Path, embedder: Embedder) -> int:
    """How many memories have a vector of this model in the end."""
    progress: list[int] = []
    async with opened(folder, lambda: embedder) as service:
        await until(service, EmbeddingState.READY)
        report = await service.import_file(file, progress=lambda done, _: progress.append(done))
        await until(service, EmbeddingState.READY)
        assert (report.imported, progress) == (3, [3])
        return (await service.stats(EVERYWHERE)).memories_with_embeddings


async def test_a_file_that_holds_a_memory_twice_brings_it_once(tmp_path: Path) -> None:
    same = [EmbeddedEntry(memory=a_memory("x", id="a" * 32), model=None, vectors=None) for _ in range(2)]
    other = EmbeddedEntry(memory=a_memory("y", id="a" * 32), model=None, vectors=None)
    write_parquet(tmp_path / "twice.parquet", iter([[*same, other]]))

    async with opened(tmp_path / "data") as service:
        report = await service.import_file(tmp_path / "twice.parquet")
        listed = await service.list(ListQuery())

    assert (report.imported, report.unchanged, report.conflicts) == (1, 1, ("a" * 32,))
    assert [memory.content for memory in listed.memories] == ["x"]


async def test_readers_go_on_during_an_import_and_see_it_batch_by_batch(tmp_path: Path) -> None:
    batches = [
        [
            EmbeddedEntry(memory=a_memory(f"needle {i}", id=f"{n:016x}{i:016x}"), model=None, vectors=None)
            for i in range(500)
        ]
        for n in range(4)
    ]
    write_parquet(tmp_path / "many.parquet", iter(batches))

    async with opened(tmp_path / "data") as service:
        importing = asyncio.create_task(service.import_file(tmp_path / "many.parquet"))
        seen: list[int] = []
        while not importing.done():
            seen.append((await service.stats(EVERYWHERE)).total_memories)
            found = await service.search(SearchQuery(query="needle", search_mode=SearchMode.KEYWORD, limit=5))
            assert len(found.results) == 5 or seen[-1] == 0
        assert (await importing).imported == 2000

    assert len(seen) > 1, "the loop went round while the import was under way"
    assert seen == sorted(seen)
    assert set(seen) <= {0, 500, 1000, 1500, 2000}


# ── Going away ──


async def test_a_caller_who_goes_away_leaves_no_half_write_and_no_lock(tmp_path: Path) -> None:
    """Whatever the moment: each memory is there with its words, or not at all, and the next write works."""
    async with opened(tmp_path, ToyEmbedder) as service:
        for i in range(40):
            writing = asyncio.create_task(service.add(NewMemory(content=f"fleeting {i}")))
            for _ in range(i % 8):
                await asyncio.sleep(0)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
        kept = await service.add(NewMemory(content="after all"))

        listed = await service.list(ListQuery(limit=200))
        by_words = await service.search(SearchQuery(query="fleeting", search_mode=SearchMode.KEYWORD, limit=200))

    assert listed.memories[0] == kept.memory
    assert {hit.id for hit in by_words.results} == {memory.id for memory in listed.memories[1:]}


async def test_closing_waits_for_what_has_begun_and_refuses_what_comes_later(tmp_path: Path) -> None:
    async with opened(tmp_path) as service:
        writes = [asyncio.create_task(service.add(NewMemory(content=f"n{i}"))) for i in range(20)]
        await asyncio.sleep(0)
        await service.close()
        kept = await asyncio.gather(*writes)
        with pytest.raises(UnavailableError, match="stopping"):
            await service.add(NewMemory(content="too late"))
        with pytest.raises(UnavailableError, match="stopping"):
            await service.search(SearchQuery(query="n1"))

    async with opened(tmp_path) as again:
        assert (await again.stats(EVERYWHERE)).total_memories == len(kept) == 20


async def test_how_things_stand_is_said_while_all_who_read_are_busy(tmp_path: Path) -> None:
    """Whoever restarts a server that does not answer must not take a busy one for a dead one."""
    async with opened(tmp_path) as service:
        free = threading.Event()
        busy = [asyncio.create_task(service._threads.read(free.wait)) for _ in range(20)]
        await asyncio.sleep(0)

        async with asyncio.timeout(30):
            assert (await service.health()).status == "ok"

        free.set()
        await asyncio.gather(*busy)


async def test_the_event_loop_goes_on_while_the_store_works(tmp_path: Path) -> None:
    async with opened(tmp_path) as service:
        ticks = itertools.count()

        async def tick() -> None:
            while True:
                next(ticks)
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        await service.add(NewMemory(content="word " * 10_000))
        ticking.cancel()

    assert next(ticks) > 10


async def test_idle_work_changes_nothing_that_can_be_seen(tmp_path: Path) -> None:
    async with opened(tmp_path) as service:
        kept = await service.add(NewMemory(content="red kettle"))
        await service.maintain()
        found = await service.search(SearchQuery(query="kettle", search_mode=SearchMode.KEYWORD))

    assert [hit.id for hit in found.results] == [kept.id]
