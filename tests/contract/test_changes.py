"""What becomes of memories as they are changed: one rule a test, each said by its name.

On the service and over REST; through the MCP tools where one exists. That the rules hold in any order is
`test_lives`.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from memory_core.changes import Action, By, Decision, Kind, Outcome, ReviewQuery, Settlement, TrashQuery, UndoRequest
from memory_core.errors import ConflictError, InvalidError, NotFoundError
from memory_core.memories import Memories
from memory_core.types import (
    ContextQuery,
    ListQuery,
    Memory,
    MemoryPatch,
    MemoryType,
    NewMemory,
    PurgeQuery,
    SearchMode,
    SearchQuery,
)

needs = pytest.mark.needs
LAPTOP, DESK = By(client_id="laptop"), By(client_id="desk")
LONG_AGO = datetime(2020, 3, 1, tzinfo=UTC)
NEXT_YEAR = datetime.now(UTC) + timedelta(days=365)


def contents(memories: Iterable[Memory]) -> list[str]:
    return [memory.content for memory in memories]


async def found(memories: Memories, words: str, *, as_of: datetime | None = None) -> list[str]:
    asked = SearchQuery(query=words, search_mode=SearchMode.KEYWORD, as_of=as_of)
    return contents((await memories.search(asked)).results)


async def trash_of(memories: Memories) -> list[str]:
    return contents((await memories.list(ListQuery(trashed=True))).memories)


async def purged(memories: Memories, word: str, *, by: By = LAPTOP) -> str:
    """The batch in which all that has the word went to the trash."""
    report = await memories.purge(PurgeQuery(content_contains=word, dry_run=False), by=by)
    assert report.batch_id is not None
    return report.batch_id


# ── History ──


@needs("history")
async def test_history_shows_every_state_with_who_made_it_and_why(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="the port is 8000"), by=LAPTOP)
    await memories.update(
        kept.id, MemoryPatch(content="the port is 9000"), by=By(client_id="desk", reason="moved behind the proxy")
    )
    await memories.delete(kept.id, by=LAPTOP)

    history = await memories.history(kept.id)

    assert [(one.revision, one.action, one.client_id, one.reason) for one in history.revisions] == [
        (3, Action.DELETE, "laptop", None),
        (2, Action.UPDATE, "desk", "moved behind the proxy"),
        (1, Action.CREATE, "laptop", None),
    ]
    assert contents(one.memory for one in history.revisions) == ["the port is 9000"] * 2 + ["the port is 8000"]
    assert history.revisions[-1].memory == kept.memory


@needs("history")
async def test_a_change_to_what_is_so_already_is_no_state(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="as it is", tags=("a",)))
    await memories.update(kept.id, MemoryPatch(content="as it is", tags=("a",)))

    assert (await memories.history(kept.id)).count == 1


@needs("history", "get")
async def test_being_found_changes_nothing_of_a_memory(memories: Memories) -> None:
    """What is found often must not look newer or surer for it: a popular error would never age."""
    kept = await memories.add(NewMemory(content="the build takes an hour", expires_at=NEXT_YEAR, review_by=LONG_AGO))

    for _ in range(3):
        assert await found(memories, "build hour") == ["the build takes an hour"]
        assert (await memories.context(ContextQuery())).has_context

    assert await memories.get(kept.id) == kept.memory
    assert (await memories.history(kept.id)).count == 1


# ── Undo ──


@needs("undo", "get")
async def test_an_update_that_is_undone_has_its_old_text_and_is_found_by_it(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="we use mercurial", tags=("vcs",)))
    await memories.update(kept.id, MemoryPatch(content="we use git", tags=()))

    report = await memories.undo(UndoRequest(memory_id=kept.id))

    assert (report.action, report.undone) == (Action.UPDATE, 1)
    assert await memories.get(kept.id) == replace(kept.memory, revision=3)
    assert await found(memories, "mercurial") == ["we use mercurial"]
    assert await found(memories, "git") == []


@needs("undo", "get")
async def test_a_deletion_that_is_undone_was_none(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="think again"))
    await memories.delete(kept.id)

    await memories.undo(UndoRequest(memory_id=kept.id))

    assert await memories.get(kept.id) == replace(kept.memory, revision=3)


@needs("undo", "list")
async def test_a_creation_that_is_undone_lies_in_the_trash(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="said in error"))

    await memories.undo(UndoRequest(memory_id=kept.id))

    assert await found(memories, "error") == []
    assert await trash_of(memories) == ["said in error"]


@needs("undo", "get")
async def test_undoing_an_undo_brings_the_change_back(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="one"))
    await memories.update(kept.id, MemoryPatch(content="two"))

    seen = []
    for _ in range(3):
        await memories.undo(UndoRequest(memory_id=kept.id))
        seen.append((await memories.get(kept.id)).content)

    assert seen == ["one", "two", "one"]


@needs("undo", "purge", "list")
async def test_a_purge_is_undone_as_one(memories: Memories) -> None:
    for number in range(3):
        await memories.add(NewMemory(content=f"draft {number}"))
    batch_id = await purged(memories, "draft")
    assert len(await trash_of(memories)) == 3

    report = await memories.undo(UndoRequest(batch_id=batch_id))

    assert (report.action, report.undone, report.changed_since) == (Action.PURGE, 3, ())
    assert await trash_of(memories) == []
    await memories.undo(UndoRequest(batch_id=report.batch_id))
    assert len(await trash_of(memories)) == 3


@needs("undo", "purge", "restore", "update", "list")
async def test_what_was_changed_since_a_purge_stays_so_and_is_named(memories: Memories) -> None:
    first, _ = [await memories.add(NewMemory(content=f"draft {number}")) for number in range(2)]
    batch_id = await purged(memories, "draft")
    await memories.restore(first.id)
    await memories.update(first.id, MemoryPatch(content="final"))

    report = await memories.undo(UndoRequest(batch_id=batch_id))

    assert (report.undone, report.changed_since) == (1, (first.id,))
    assert contents((await memories.list(ListQuery())).memories) == ["draft 1", "final"]


@needs("undo", "purge", "list")
async def test_the_last_change_of_a_client_is_undone_as_a_whole(memories: Memories) -> None:
    for number in range(2):
        await memories.add(NewMemory(content=f"draft {number}"), by=LAPTOP)
    await purged(memories, "draft", by=LAPTOP)
    await memories.add(NewMemory(content="of another"), by=DESK)

    report = await memories.undo(UndoRequest(), by=LAPTOP)

    assert (report.action, report.undone) == (Action.PURGE, 2)
    assert len((await memories.list(ListQuery())).memories) == 3


@needs("undo", "get")
async def test_what_another_has_changed_since_is_not_a_clients_last_change_to_undo(memories: Memories) -> None:
    """Nor is the change before it: nobody means that by "the last"."""
    await memories.add(NewMemory(content="earlier"), by=LAPTOP)
    kept = await memories.add(NewMemory(content="later"), by=LAPTOP)
    await memories.update(kept.id, MemoryPatch(content="later, by another"), by=DESK)

    with pytest.raises(NotFoundError, match=f"{kept.id[:8]}, has been changed since"):
        await memories.undo(UndoRequest(), by=LAPTOP)

    assert await found(memories, "earlier") == ["earlier"]


@needs("undo", "export_file", "import_file", "empty_trash", "list", "history")
async def test_an_import_is_undone_as_a_whole(memories: Memories, tmp_path: Path) -> None:
    plain = await memories.add(NewMemory(content="as it came"))
    changed = await memories.add(NewMemory(content="first"))
    await memories.update(changed.id, MemoryPatch(content="second"))
    await memories.export_file(tmp_path / "all.parquet")
    for memory in (plain, changed):
        await memories.delete(memory.id)
    await memories.empty_trash(TrashQuery(dry_run=False))

    report = await memories.import_file(tmp_path / "all.parquet")

    assert contents((await memories.list(ListQuery())).memories) == ["second", "as it came"]
    actions = [one.action for one in (await memories.history(changed.id)).revisions]
    assert actions == [Action.UPDATE, Action.CREATE], "as where it comes from"
    undone = await memories.undo(UndoRequest(batch_id=report.batch_id))
    assert (undone.action, undone.undone) == (Action.IMPORT, 2)
    assert (await memories.list(ListQuery())).memories == ()
    await memories.undo(UndoRequest(batch_id=undone.batch_id))
    assert contents((await memories.list(ListQuery())).memories) == ["second", "as it came"]


# ── Restore ──


@needs("restore", "get", "history")
async def test_restoring_a_revision_brings_that_state_back_as_the_next_one(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="one", tags=("a",)))
    await memories.update(kept.id, MemoryPatch(content="two", tags=("b",)))
    await memories.update(kept.id, MemoryPatch(content="three"))

    restored = await memories.restore(kept.id, revision=1)

    assert restored == replace(kept.memory, revision=4)
    assert await memories.get(kept.id) == restored
    assert (await memories.history(kept.id)).revisions[0].action is Action.RESTORE
    assert (await memories.restore(kept.id, revision=2)).content == "two"


@needs("restore", "undo", "get")
async def test_restoring_a_state_that_lay_in_the_trash_brings_what_it_said(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="one"))
    await memories.update(kept.id, MemoryPatch(content="two"))
    await memories.delete(kept.id)
    await memories.restore(kept.id, revision=1)
    await memories.undo(UndoRequest(memory_id=kept.id))  # revision 5: "two", in the trash again
    await memories.restore(kept.id, revision=1)

    restored = await memories.restore(kept.id, revision=5)

    assert (restored.content, restored.deleted_at) == ("two", None)


@needs("restore")
async def test_a_revision_that_never_was_is_refused_with_those_there_are(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="one"))
    await memories.update(kept.id, MemoryPatch(content="two"))

    with pytest.raises(NotFoundError, match="no revision 7; it has 1, 2"):
        await memories.restore(kept.id, revision=7)


# ── As of a moment ──


async def test_a_search_as_of_a_moment_finds_what_was_said_then(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="we use mercurial"))
    between = datetime.now(UTC)
    await memories.update(kept.id, MemoryPatch(content="we use git"))

    assert await found(memories, "mercurial", as_of=between) == ["we use mercurial"]
    assert await found(memories, "git", as_of=between) == []
    assert await found(memories, "git", as_of=datetime.now(UTC)) == ["we use git"]
    assert await found(memories, "mercurial", as_of=LONG_AGO) == []


@needs("list")
async def test_what_was_deleted_since_is_there_as_of_before(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="obsolete thing"))
    before = datetime.now(UTC)
    await memories.delete(kept.id)
    await memories.add(NewMemory(content="not known then"))

    then = await memories.list(ListQuery(as_of=before))
    opening = await memories.context(ContextQuery(as_of=before))

    assert then.memories == (kept.memory,)
    assert contents(opening.memories) == ["obsolete thing"]


# ── Ends and review dates ──


@needs("list", "history")
async def test_what_has_expired_is_out_of_search_and_in_the_trash(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="the tunnel is down", expires_at=NEXT_YEAR))
    assert await found(memories, "tunnel") == ["the tunnel is down"]

    await memories.update(kept.id, MemoryPatch(expires_at=LONG_AGO))

    assert await found(memories, "tunnel") == []
    assert not (await memories.context(ContextQuery())).has_context
    assert await trash_of(memories) == ["the tunnel is down"]
    assert (await memories.history(kept.id)).revisions[0].action is Action.EXPIRE


async def test_what_would_be_over_at_once_is_refused(memories: Memories) -> None:
    with pytest.raises(InvalidError, match="2020-03-01 00:00 UTC, which has passed"):
        await memories.add(NewMemory(content="too late", expires_at=LONG_AGO))


@needs("restore", "list")
async def test_what_comes_back_after_its_end_has_no_end_any_more(memories: Memories) -> None:
    """Else it would leave again at once."""
    kept = await memories.add(NewMemory(content="the tunnel is down", expires_at=NEXT_YEAR))
    await memories.update(kept.id, MemoryPatch(expires_at=LONG_AGO))
    assert await trash_of(memories) == ["the tunnel is down"]

    restored = await memories.restore(kept.id)

    assert (restored.expires_at, restored.deleted_at) == (None, None)
    assert await found(memories, "tunnel") == ["the tunnel is down"]


@needs("review")
async def test_a_review_date_that_has_passed_hides_nothing(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="the vendor is Acme", review_by=LONG_AGO))

    review = await memories.review(ReviewQuery())

    assert (review.due, review.overdue) == (1, (kept.memory,))
    assert await found(memories, "vendor") == ["the vendor is Acme"]


# ── Topics and successors ──


async def test_a_memory_of_a_topic_that_is_there_is_an_update_of_it(memories: Memories) -> None:
    first = await memories.add(NewMemory(content="release is on Monday", topic_key="release", project_id="p"))
    second = await memories.add(NewMemory(content="release is on Friday", topic_key="release", project_id="p"))
    elsewhere = await memories.add(NewMemory(content="release is daily", topic_key="release", project_id="q"))

    assert (first.outcome, second.outcome, elsewhere.outcome) == (
        Outcome.CREATED,
        Outcome.UPDATED,
        Outcome.CREATED,
    )
    assert second.id == first.id
    assert await found(memories, "Monday") == []
    assert await found(memories, "Friday") == ["release is on Friday"]


@needs("history")
async def test_an_update_cannot_take_the_topic_of_another(memories: Memories) -> None:
    await memories.add(NewMemory(content="one", topic_key="release", project_id="p"))
    other = await memories.add(NewMemory(content="two", project_id="p"))
    elsewhere = await memories.add(NewMemory(content="three", topic_key="release", project_id="q"))

    with pytest.raises(ConflictError, match="topic_key 'release'"):
        await memories.update(other.id, MemoryPatch(topic_key="release"))
    with pytest.raises(ConflictError, match="topic_key 'release'"):
        await memories.update(elsewhere.id, MemoryPatch(project_id="p"))


async def test_a_memory_that_was_superseded_is_out_of_search(memories: Memories) -> None:
    old = await memories.add(NewMemory(content="we deploy with Jenkins"))

    await memories.add(NewMemory(content="we deploy with Actions", supersedes=old.id))

    assert await found(memories, "deploy") == ["we deploy with Actions"]
    assert "Jenkins" not in (await memories.context(ContextQuery())).summary


@needs("list", "get", "undo")
async def test_a_memory_that_was_superseded_points_to_its_successor_until_that_is_undone(memories: Memories) -> None:
    old = await memories.add(NewMemory(content="we deploy with Jenkins"))
    new = await memories.add(NewMemory(content="we deploy with Actions", supersedes=old.id))
    assert (await memories.get(old.id)).superseded_by == new.id
    assert len((await memories.list(ListQuery(include_superseded=True))).memories) == 2

    await memories.undo(UndoRequest(memory_id=new.id))

    assert await found(memories, "deploy") == ["we deploy with Jenkins"]
    assert await trash_of(memories) == ["we deploy with Actions"]


# ── Said twice, and nearly the same ──


async def test_an_exact_repeat_is_kept_once_and_says_so(memories: Memories) -> None:
    first = await memories.add(NewMemory(content="The API listens on port 8000"))

    again = await memories.add(NewMemory(content="The API listens on port 8000  "))

    assert (again.id, again.outcome) == (first.id, Outcome.UNCHANGED)
    assert await found(memories, "API") == ["The API listens on port 8000"]


@needs("history")
async def test_a_repeat_that_says_more_adds_its_tags_and_the_later_end(memories: Memories) -> None:
    first = await memories.add(NewMemory(content="same", tags=("a",), expires_at=NEXT_YEAR))

    again = await memories.add(
        NewMemory(content="same", tags=("b",), expires_at=NEXT_YEAR + timedelta(days=1)), by=DESK
    )

    assert (again.id, again.outcome) == (first.id, Outcome.UPDATED)
    assert (again.tags, again.expires_at) == (("a", "b"), NEXT_YEAR + timedelta(days=1))
    assert (await memories.history(first.id)).count == 2


async def test_what_is_nearly_the_same_is_kept_and_named(memories: Memories) -> None:
    first = await memories.add(NewMemory(content="The API server listens on port 8000"))

    second = await memories.add(NewMemory(content="The API server listens on port 9000"))

    assert second.outcome is Outcome.CREATED
    (alike,) = second.alike
    assert (alike.memory_id[:8], alike.kind, alike.differences) == (first.id[:8], Kind.DIFFERS, ("8000 → 9000",))
    assert len(await found(memories, "API server")) == 2


async def test_of_those_that_come_at_once_each_knows_all_that_were_kept_before(memories: Memories) -> None:
    """What is like a new memory is looked for beside the writes of others, and must not miss one of them for that."""
    ports = (8000, 9000, 7000)

    kept = await asyncio.gather(
        *(memories.add(NewMemory(content=f"The API server listens on port {port}")) for port in ports)
    )

    assert sorted(len(one.alike) for one in kept) == [0, 1, 2]


@needs("review", "settle")
async def test_a_pair_waits_until_it_is_settled_and_is_not_asked_about_again(memories: Memories) -> None:
    first = await memories.add(NewMemory(content="The API server listens on port 8000"))
    second = await memories.add(NewMemory(content="The API server listens on port 9000"))
    (pair,) = (await memories.review(ReviewQuery())).pairs
    assert (pair.newer, pair.older) == (second.memory, first.memory)

    await memories.settle(Settlement(keep=first.id, other=second.id, decision=Decision.KEEP_BOTH))

    assert (await memories.review(ReviewQuery())).open == 0
    assert len(await found(memories, "API server")) == 2


@needs("settle", "undo", "get", "review")
async def test_a_merge_makes_one_of_two_and_is_undone_as_one(memories: Memories) -> None:
    first = await memories.add(NewMemory(content="The API server listens on port 8000", tags=("net",)))
    second = await memories.add(NewMemory(content="The API server listens on port 9000", tags=("api",)))

    settled = await memories.settle(
        Settlement(keep=first.id, other=second.id, decision=Decision.MERGE, content="API: 8000, later 9000")
    )

    assert (settled.memory.content, settled.memory.tags) == ("API: 8000, later 9000", ("net", "api"))
    assert (await memories.get(second.id)).superseded_by == first.id
    assert (await memories.review(ReviewQuery())).open == 0
    await memories.undo(UndoRequest(batch_id=settled.batch_id))
    assert await memories.get(first.id) == replace(first.memory, revision=3)
    assert (await memories.get(second.id)).superseded_by is None


@needs("review")
async def test_sessions_that_went_alike_are_no_duplicates(memories: Memories) -> None:
    """Most of them do, and nobody would want to look at each pair."""
    said = "Ran the tests of the importer. All 42 tests pass."
    await memories.add(NewMemory(content=said, memory_type=MemoryType.SESSION))
    statement = await memories.add(NewMemory(content="Ran the tests of the importer: all 42 tests pass"))
    again = await memories.add(NewMemory(content=said.replace("42", "57"), memory_type=MemoryType.SESSION))

    assert (statement.alike, again.alike) == ((), ())
    assert (await memories.review(ReviewQuery())).open == 0


# ── One request, once ──


@needs("history")
async def test_a_request_with_a_key_is_done_once_and_answered_alike(memories: Memories) -> None:
    by = By(client_id="laptop", request="a key of this request")
    first = await memories.add(NewMemory(content="once"), by=by)
    changed = await memories.update(first.id, MemoryPatch(content="changed since"))

    assert await memories.add(NewMemory(content="once"), by=by) == first
    assert contents((await memories.list(ListQuery())).memories) == ["changed since"]
    assert (await memories.history(first.id)).count == changed.revision == 2


@needs("history")
async def test_a_key_that_came_with_another_request_is_refused(memories: Memories) -> None:
    by = By(request="a key of this request")
    kept = await memories.add(NewMemory(content="once"), by=by)

    with pytest.raises(InvalidError, match="idempotency key"):
        await memories.add(NewMemory(content="something else"), by=by)
    with pytest.raises(InvalidError, match="idempotency key"):
        await memories.delete(kept.id, by=by)

    assert contents((await memories.list(ListQuery())).memories) == ["once"]


@needs("empty_trash")
async def test_a_request_that_comes_again_is_answered_when_its_memory_is_gone_for_good(memories: Memories) -> None:
    """Who heard no answer the first time must not be told that it failed."""
    kept = await memories.add(NewMemory(content="fleeting"))
    by = By(request="a key of this request")
    deleted = await memories.delete(kept.id, by=by)
    await memories.empty_trash(TrashQuery(dry_run=False))

    assert await memories.delete(kept.id, by=by) == deleted


# ── The end ──


@needs("purge", "list")
async def test_a_purge_on_trial_changes_nothing(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="draft"))

    shown = await memories.purge(PurgeQuery(content_contains="draft"))

    assert (shown.matched, shown.purged, shown.batch_id, shown.sample) == (1, 0, None, (kept.memory,))
    assert (await memories.list(ListQuery())).memories == (kept.memory,)


@needs("empty_trash", "history", "restore", "list")
async def test_what_is_removed_from_the_trash_is_gone_with_its_history(memories: Memories) -> None:
    kept = await memories.add(NewMemory(content="confidential"))
    then = datetime.now(UTC)
    await memories.delete(kept.id)
    shown = await memories.empty_trash(TrashQuery())
    assert (shown.dry_run, shown.matched, shown.removed) == (True, 1, 0)
    assert await trash_of(memories) == ["confidential"]

    report = await memories.empty_trash(TrashQuery(dry_run=False))

    assert (report.matched, report.removed) == (1, 1)
    assert await trash_of(memories) == []
    assert await found(memories, "confidential", as_of=then) == []
    for gone in (memories.history, memories.restore):
        with pytest.raises(NotFoundError):
            await gone(kept.id)


@needs("empty_trash", "list")
async def test_the_trash_keeps_what_has_not_lain_there_so_long(memories: Memories) -> None:
    await memories.delete((await memories.add(NewMemory(content="recent"))).id)

    report = await memories.empty_trash(TrashQuery(older_than_days=1, dry_run=False))

    assert (report.matched, report.removed) == (0, 0)
    assert await trash_of(memories) == ["recent"]
