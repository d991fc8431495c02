"""What time does to memories: expiry, the trash, past states; and what is found out later about what came before."""

import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from memory_core.changes import Action, By, Kind, ReviewQuery, TrashQuery, UndoRequest
from memory_core.engine.ports import StoreOptions
from memory_core.engine.service import MemoryService
from memory_core.engine.stores.duckdb import open_store
from memory_core.errors import InvalidError, NotFoundError
from memory_core.types import (
    ContextQuery,
    EmbeddingState,
    ListQuery,
    Memory,
    MemoryPatch,
    NewMemory,
    PurgeQuery,
    Scope,
    SearchMode,
    SearchQuery,
)
from support.services import NOON, Clock, opened, until
from support.toys import ToyEmbedder

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def seen(service: MemoryService, word: str, **scope: Any) -> set[str]:
    """The contents that search, list and context show, which must be the same."""
    searched = await service.search(SearchQuery(query=word, search_mode=SearchMode.KEYWORD, **scope))
    listed = (await service.list(ListQuery(limit=200, **scope))).memories
    context = (await service.context(ContextQuery(**scope))).memories
    found = {hit.content for hit in searched.results}
    assert found == {memory.content for memory in listed if word in memory.content}
    assert found == {memory.content for memory in context if word in memory.content}
    return found


async def test_a_memory_leaves_at_its_end_and_lies_in_the_trash(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock) as service:
        kept = await service.add(NewMemory(content="the freeze holds", expires_at=NOON + HOUR))
        clock.now = NOON + HOUR - timedelta(microseconds=1)
        assert await seen(service, "freeze") == {"the freeze holds"}

        clock.now = NOON + HOUR

        assert await seen(service, "freeze") == set()
        with pytest.raises(NotFoundError, match="in the trash"):
            await service.get(kept.id)
        (gone,) = (await service.list(ListQuery(trashed=True))).memories
        assert gone.deleted_at == NOON + HOUR
        assert (await service.history(kept.id)).revisions[0].action is Action.EXPIRE


async def test_what_has_expired_comes_back_without_its_end(tmp_path: Path) -> None:
    """Or it would leave again at once."""
    clock = Clock()
    async with opened(tmp_path, clock=clock) as service:
        kept = [await service.add(NewMemory(content=f"back {n}", expires_at=NOON + HOUR)) for n in range(2)]
        clock.now = NOON + DAY

        restored = await service.restore(kept[0].id)
        undone = await service.undo(UndoRequest(memory_id=kept[1].id))

        assert (restored.expires_at, undone.sample[0].expires_at) == (None, None)
        assert await seen(service, "back") == {"back 0", "back 1"}


async def test_an_end_that_has_passed_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path, clock=Clock()) as service:
        with pytest.raises(InvalidError, match="expires_at is 2026-11-23 12:00 UTC, which has passed"):
            await service.add(NewMemory(content="too late", expires_at=NOON))


async def test_on_a_full_disk_what_is_over_is_hidden_and_nothing_else(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock) as service:
        await service.add(NewMemory(content="over soon", expires_at=NOON + HOUR))
        await service.add(NewMemory(content="over never"))
    store = open_store("", StoreOptions(data_dir=tmp_path, min_free_bytes=1 << 60))
    clock.now = NOON + DAY

    async with opened(tmp_path, store=store, clock=clock) as service:
        assert await seen(service, "over") == {"over never"}
        assert (await service.stats(Scope())).total_memories == 1
        await service.maintain()

    async with opened(tmp_path, clock=clock) as service:
        assert len((await service.list(ListQuery(trashed=True))).memories) == 1


async def test_the_trash_is_emptied_after_its_time_and_not_before(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, ToyEmbedder, clock=clock, trash_days=30) as service:
        kept = await service.add(NewMemory(content="thrown away"))
        await service.add(NewMemory(content="stays"))
        await until(service, EmbeddingState.READY)
        await service.delete(kept.id)

        clock.now = NOON + timedelta(days=29)
        await service.maintain()
        assert (await service.history(kept.id)).count == 2
        clock.now = NOON + timedelta(days=30)
        await service.maintain()

        with pytest.raises(NotFoundError):
            await service.history(kept.id)
        assert await seen(service, "stays") == {"stays"}
        assert (await service.stats(Scope())).in_trash == 0


async def test_a_trash_without_a_time_keeps_everything(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock, trash_days=None) as service:
        kept = await service.add(NewMemory(content="thrown away"))
        await service.delete(kept.id)
        clock.now = NOON + timedelta(days=10_000)
        await service.maintain()

        assert (await service.restore(kept.id)).content == "thrown away"


async def test_emptying_removes_states_words_vectors_and_pairs(tmp_path: Path) -> None:
    async with opened(tmp_path, ToyEmbedder, clock=Clock()) as service:
        kept = await service.add(NewMemory(content="the port is 8000"))
        await service.add(NewMemory(content="the port is 8001"))
        await service.update(kept.id, MemoryPatch(tags=("x",)))
        await until(service, EmbeddingState.READY)
        await service.delete(kept.id)

        shown = await service.empty_trash(TrashQuery())
        done = await service.empty_trash(TrashQuery(dry_run=False))

        assert (shown.matched, shown.removed, [one.id for one in shown.sample]) == (1, 0, [kept.id])
        assert (done.matched, done.removed) == (1, 1)
        assert (await service.review(ReviewQuery())).open == 0
    with contextlib.closing(open_store("", StoreOptions(data_dir=tmp_path))) as store:
        assert store.flaws() == []


async def test_a_past_state_is_back_with_its_vector_at_once(tmp_path: Path) -> None:
    """Also after upkeep, which clears what belongs to no state of any memory."""
    clock = Clock()
    async with opened(tmp_path, ToyEmbedder, clock=clock) as service:
        kept = await service.add(NewMemory(content="apples are red"))
        await until(service, EmbeddingState.READY)
        await service.update(kept.id, MemoryPatch(content="pears are green"))
        await until(service, EmbeddingState.READY)
        await service.maintain()

        await service.undo(UndoRequest(memory_id=kept.id))

        assert (await service.health()).embedding.pending == 0
        (hit,) = (await service.search(SearchQuery(query="apples red", search_mode=SearchMode.SEMANTIC))).results
        assert (hit.content, hit.revision) == ("apples are red", 3)


async def test_search_by_meaning_shows_what_was_known_then(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, ToyEmbedder, clock=clock) as service:
        kept = await service.add(NewMemory(content="apples are red"))
        await until(service, EmbeddingState.READY)
        clock.now = NOON + DAY
        await service.update(kept.id, MemoryPatch(content="pears are green"))
        await service.add(NewMemory(content="apples are blue"))
        await until(service, EmbeddingState.READY)
        await service.maintain()

        def asked(**scope: Any) -> SearchQuery:
            return SearchQuery(query="apples", search_mode=SearchMode.SEMANTIC, limit=5, **scope)

        then = (await service.search(asked(as_of=NOON + HOUR))).results
        now = (await service.search(asked())).results

        assert [hit.content for hit in then] == ["apples are red"]
        assert [hit.content for hit in now] == ["apples are blue", "pears are green"]


async def test_as_of_tells_what_was_deleted_superseded_or_over_since(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock) as service:
        deleted = await service.add(NewMemory(content="word deleted"))
        old = await service.add(NewMemory(content="word closed"))
        await service.add(NewMemory(content="word over", expires_at=NOON + 2 * HOUR))
        clock.now = NOON + HOUR
        await service.delete(deleted.id)
        await service.add(NewMemory(content="word new", supersedes=old.id))
        clock.now = NOON + DAY

        assert await seen(service, "word", as_of=NOON - HOUR) == set()
        assert await seen(service, "word", as_of=NOON) == {"word deleted", "word closed", "word over"}
        assert await seen(service, "word", as_of=NOON + HOUR) == {"word new", "word over"}
        assert await seen(service, "word", as_of=NOON + 3 * HOUR) == {"word new"}
        assert await seen(service, "word") == {"word new"}


async def test_a_clock_that_was_set_back_makes_no_state_begin_before_the_one_it_follows(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock) as service:
        kept = await service.add(NewMemory(content="first"))
        clock.now = NOON - DAY
        await service.update(kept.id, MemoryPatch(content="second"))
        await service.delete(kept.id)

        moments = [revision.at for revision in (await service.history(kept.id)).revisions]

    assert moments == sorted(moments, reverse=True)
    assert moments[-1] == NOON


async def test_what_came_without_a_model_is_compared_by_meaning_once_there_is_one(tmp_path: Path) -> None:
    one = "alpha beta gamma delta epsilon zeta eta theta iota kappa port 8000"
    async with opened(tmp_path, clock=Clock()) as service:
        first = await service.add(NewMemory(content=one))
        second = await service.add(NewMemory(content=one.replace("8000", "9000")))
        assert [alike.memory_id for alike in second.alike] == [first.id], "words alone are enough here"

    async with opened(tmp_path, ToyEmbedder, clock=Clock()) as service:
        await until(service, EmbeddingState.READY)
        await service.maintain()
        review = await service.review(ReviewQuery())

    (pair,) = review.pairs
    assert (pair.kind, pair.differences) == (Kind.DIFFERS, ("8000 → 9000",))
    with contextlib.closing(open_store("", StoreOptions(data_dir=tmp_path))) as store:
        assert store.uncompared(limit=5) == []


async def test_a_key_is_remembered_for_ninety_days(tmp_path: Path) -> None:
    clock = Clock()
    by = By(request="k-1")
    async with opened(tmp_path, clock=clock) as service:
        first = await service.add(NewMemory(content="once"), by=by)
        await service.update(first.id, MemoryPatch(content="changed meanwhile"))
        clock.now = NOON + timedelta(days=89)
        await service.maintain()
        assert await service.add(NewMemory(content="once"), by=by) == first, "the same answer, whatever happened since"

        clock.now = NOON + timedelta(days=91)
        await service.maintain()
        again = await service.add(NewMemory(content="once"), by=by)

        assert again.id != first.id


async def test_a_request_that_comes_again_after_the_end_that_it_named_gets_its_answer(tmp_path: Path) -> None:
    """Who heard no answer, and asks again later, must not be told that nothing was kept."""
    clock = Clock()
    new, by = NewMemory(content="the freeze holds", expires_at=NOON + HOUR), By(request="k-1")
    async with opened(tmp_path, clock=clock) as service:
        first = await service.add(new, by=by)
        clock.now = NOON + DAY

        assert await service.add(new, by=by) == first


async def test_nothing_is_said_to_be_like_what_is_over(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock) as service:
        await service.add(NewMemory(content="The API server listens on port 8000", expires_at=NOON + HOUR))
        clock.now = NOON + DAY

        kept = await service.add(NewMemory(content="The API server listens on port 9000"))

        assert kept.alike == ()
        assert (await service.list(ListQuery())).memories == (kept.memory,)


async def test_being_found_changes_nothing_of_a_memory(tmp_path: Path) -> None:
    """Recall never renews: a popular error would never age."""
    clock = Clock()
    async with opened(tmp_path, clock=clock) as service:
        kept: Memory = (await service.add(NewMemory(content="a wrong fact"))).memory
        clock.now = NOON + timedelta(days=100)
        for _ in range(20):
            await seen(service, "wrong")

        assert await service.get(kept.id) == kept
        assert (await service.history(kept.id)).count == 1


async def test_the_last_change_of_a_client_is_taken_back_as_a_whole(tmp_path: Path) -> None:
    clock, laptop, desk = Clock(), By(client_id="laptop"), By(client_id="desk")
    async with opened(tmp_path, clock=clock) as service:
        for number in range(3):
            await service.add(NewMemory(content=f"plum {number}"), by=laptop)
        clock.now = NOON + HOUR
        await service.purge(PurgeQuery(content_contains="plum", dry_run=False), by=laptop)
        clock.now = NOON + 2 * HOUR
        await service.add(NewMemory(content="pear"), by=desk)

        undone = await service.undo(UndoRequest(), by=laptop)

        assert (undone.action, undone.undone) == (Action.PURGE, 3)
        assert await seen(service, "plum") == {"plum 0", "plum 1", "plum 2"}
        with pytest.raises(NotFoundError, match="phone has changed nothing that could be undone"):
            await service.undo(UndoRequest(), by=By(client_id="phone"))


async def test_an_import_that_is_asked_for_again_gets_the_same_answer(tmp_path: Path) -> None:
    by, file = By(request="import-1"), tmp_path / "all.parquet"
    async with opened(tmp_path / "from") as service:
        await service.add(NewMemory(content="brought along"))
        await service.export_file(file)
    async with opened(tmp_path / "to") as service:
        first = await service.import_file(file, by=by)
        assert first.imported == 1
        assert await service.import_file(file, by=by) == first
        file.write_bytes(file.read_bytes() + b" ")
        with pytest.raises(InvalidError, match="came with another request before"):
            await service.import_file(file, by=by)
