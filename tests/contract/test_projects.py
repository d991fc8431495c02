"""Projects: which there are, what other names mean them, and what moves from one to another.

Whoever says an old name means the project: a laptop that was not told, an outbox that was kept for weeks, a file.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory_core.changes import Action, By, TrashQuery, UndoRequest
from memory_core.errors import ConflictError, InvalidError, NotFoundError
from memory_core.memories import Memories
from memory_core.projects import MoveQuery, NewAlias, ProjectInfo, ProjectMerge
from memory_core.types import (
    ContextQuery,
    ExportQuery,
    FileFormat,
    ImportQuery,
    ListQuery,
    MemoryPatch,
    NewMemory,
    PurgeQuery,
    Scope,
    SearchMode,
    SearchQuery,
)

pytestmark = pytest.mark.needs("projects", "alias", "unalias", "merge_projects", "move", "list", "history", "undo")
LAPTOP = By(client_id="laptop")
OLD, NEW, OTHER = "github.com/acme/shop-old", "github.com/acme/shop", "gitlab.com/guild/shop"


async def keep(memories: Memories, content: str, project_id: str | None, **fields: object) -> str:
    new = NewMemory(content=content, project_id=project_id, **fields)  # type: ignore[arg-type]
    return (await memories.add(new, by=LAPTOP)).id


async def in_project(memories: Memories, project_id: str | None, **fields: object) -> set[str]:
    asked = ListQuery(project_id=project_id, limit=200, **fields)  # type: ignore[arg-type]
    return {memory.content for memory in (await memories.list(asked)).memories}


async def projects(memories: Memories) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {each.project_id: (each.memories, each.aliases) for each in (await memories.projects()).projects}


async def merged(memories: Memories, source: str, target: str) -> str:
    """The batch."""
    report = await memories.merge_projects(ProjectMerge(source=source, target=target, dry_run=False), by=LAPTOP)
    assert report.batch_id is not None
    return report.batch_id


# ── The list ──


async def test_every_project_is_listed_with_what_there_is_of_it(memories: Memories) -> None:
    await keep(memories, "one", NEW)
    last = await keep(memories, "two", NEW)
    await keep(memories, "of no project", None)
    gone = await keep(memories, "gone", OTHER)
    await memories.delete(gone)

    found = await memories.projects()

    assert found.count == 2
    newest = (await memories.get(last)).updated_at
    assert found.projects == (
        ProjectInfo(project_id=NEW, name="acme/shop", memories=2, updated_at=newest),
        ProjectInfo(project_id=OTHER, name="guild/shop", memories=0),
    )


async def test_a_name_is_as_short_as_it_can_be_and_still_is_one_projects_alone(memories: Memories) -> None:
    ids = ["github.com/acme/site", "github.com/acme/api", "gitlab.com/acme/api", "gitlab.com/b/wiki", "b/wiki", "tools"]
    for project_id in ids:
        await keep(memories, "something", project_id)

    names = {each.project_id: each.name for each in (await memories.projects()).projects}

    assert names == {
        "github.com/acme/site": "site",
        "github.com/acme/api": "github.com/acme/api",
        "gitlab.com/acme/api": "gitlab.com/acme/api",
        "gitlab.com/b/wiki": "gitlab.com/b/wiki",
        "b/wiki": "b/wiki",
        "tools": "tools",
    }


# ── Other names ──


async def test_whoever_says_another_name_means_the_project(memories: Memories) -> None:
    await keep(memories, "kept before", NEW)
    info = await memories.alias(NewAlias(alias=OLD, project_id=NEW), by=LAPTOP)
    assert (info.project_id, info.memories, info.aliases) == (NEW, 1, (OLD,))

    after = await memories.add(NewMemory(content="kept by a laptop that was not told", project_id=OLD))

    both = {"kept before", "kept by a laptop that was not told"}
    assert after.project_id == NEW
    assert await in_project(memories, OLD) == await in_project(memories, NEW) == both
    assert await in_project(memories, None, projects=(OLD,)) == set()
    everywhere = ListQuery(projects=(OLD,), limit=200)
    assert {memory.content for memory in (await memories.list(everywhere)).memories} == both
    found = await memories.search(SearchQuery(query="kept", project_id=OLD, search_mode=SearchMode.KEYWORD))
    assert {hit.content for hit in found.results} == both
    context = await memories.context(ContextQuery(project_id=OLD))
    assert (context.project_id, len(context.memories)) == (NEW, 2)
    stats = await memories.stats(Scope(project_id=OLD))
    assert (stats.total_memories, stats.by_project) == (2, {NEW: 2})


async def test_what_is_given_to_an_old_name_comes_to_the_project(memories: Memories) -> None:
    await memories.alias(NewAlias(alias=OLD, project_id=NEW))
    first = await keep(memories, "of no project yet", None)

    assert (await memories.update(first, MemoryPatch(project_id=OLD))).project_id == NEW
    purge = PurgeQuery(project_id=OLD, content_contains="yet", dry_run=False)
    assert (await memories.purge(purge)).purged == 1


async def test_a_repeat_and_a_topic_are_known_under_the_old_name_too(memories: Memories) -> None:
    first = await keep(memories, "the port is 8000", NEW, topic_key="port")
    repeated = await keep(memories, "said twice", NEW)
    await memories.alias(NewAlias(alias=OLD, project_id=NEW))

    assert await keep(memories, "the port is 9000", OLD, topic_key="port") == first
    assert await keep(memories, "said twice", OLD) == repeated


async def test_an_alias_of_an_alias_is_one_of_what_that_means(memories: Memories) -> None:
    await memories.alias(NewAlias(alias="older", project_id=OLD))
    await memories.alias(NewAlias(alias=OLD, project_id=NEW))
    info = await memories.alias(NewAlias(alias="oldest", project_id="older"))

    assert info.aliases == tuple(sorted((OLD, "older", "oldest")))
    assert (await memories.add(NewMemory(content="x", project_id="oldest"))).project_id == NEW


async def test_names_that_would_go_round_in_a_circle_are_refused(memories: Memories) -> None:
    await memories.alias(NewAlias(alias=OLD, project_id=NEW))

    with pytest.raises(ConflictError, match="would mean itself"):
        await memories.alias(NewAlias(alias=NEW, project_id=OLD))
    with pytest.raises(InvalidError, match="no alias of its own name"):
        await memories.alias(NewAlias(alias=NEW, project_id=NEW))
    with pytest.raises(InvalidError, match="no part that is"):
        await memories.alias(NewAlias(alias="../shop", project_id=NEW))


async def test_a_name_that_has_memories_or_a_meaning_is_no_alias(memories: Memories) -> None:
    gone = await keep(memories, "in the trash", OLD)
    await memories.delete(gone)
    with pytest.raises(ConflictError, match="has memories of its own; merge it"):
        await memories.alias(NewAlias(alias=OLD, project_id=NEW))

    await memories.alias(NewAlias(alias="short", project_id=NEW))
    with pytest.raises(ConflictError, match=r"short means github\.com/acme/shop"):
        await memories.alias(NewAlias(alias="short", project_id=OTHER))


async def test_to_say_the_same_again_changes_nothing(memories: Memories) -> None:
    first = await memories.alias(NewAlias(alias=OLD, project_id=NEW))

    assert await memories.alias(NewAlias(alias=OLD, project_id=NEW)) == first


@pytest.mark.parametrize("name", [OLD, "a name/with #?%2F and ünïcode", "C:\\src\\shop", "/srv/git/shop.git"])
async def test_a_name_that_is_taken_away_means_itself_again(memories: Memories, name: str) -> None:
    await memories.alias(NewAlias(alias=name, project_id=NEW))
    await keep(memories, "said under it", name)

    info = await memories.unalias(name)

    assert (info.project_id, info.aliases) == (NEW, ())
    assert await in_project(memories, name) == set()
    assert await in_project(memories, NEW) == {"said under it"}
    assert (await memories.add(NewMemory(content="x", project_id=name))).project_id == name
    with pytest.raises(NotFoundError, match="is no alias"):
        await memories.unalias(name)


# ── Merge and rename ──


async def test_a_merge_shows_first_what_it_would_move(memories: Memories) -> None:
    await keep(memories, "one", OLD, topic_key="port")
    await keep(memories, "other", NEW, topic_key="port")
    gone = await keep(memories, "gone", OLD)
    await memories.delete(gone)

    report = await memories.merge_projects(ProjectMerge(source=OLD, target=NEW))

    assert (report.dry_run, report.matched, report.moved, report.in_trash, report.clashes) == (True, 2, 0, 1, 1)
    assert {memory.content for memory in report.sample} == {"one", "gone"}
    assert (report.alias, report.batch_id) == (OLD, None)
    assert await projects(memories) == {OLD: (1, ()), NEW: (1, ())}


async def test_a_merge_moves_all_of_it_and_keeps_the_name(memories: Memories) -> None:
    one = await keep(memories, "one", OLD)
    gone = await keep(memories, "gone", OLD)
    await memories.delete(gone)
    replaced = await keep(memories, "replaced", OLD)
    await keep(memories, "its successor", OLD, supersedes=replaced)
    await keep(memories, "there before", NEW)

    report = await memories.merge_projects(
        ProjectMerge(source=OLD, target=NEW, dry_run=False), by=By(client_id="desk", reason="renamed on the forge")
    )

    assert (report.matched, report.moved, report.in_trash, report.alias) == (4, 4, 1, OLD)
    assert all(memory.project_id == NEW for memory in report.sample)
    assert await projects(memories) == {NEW: (3, (OLD,))}
    assert await in_project(memories, OLD) == {"one", "its successor", "there before"}
    assert await in_project(memories, NEW, trashed=True) == {"gone"}
    assert (await memories.restore(gone)).project_id == NEW
    last = (await memories.history(one)).revisions[0]
    assert (last.action, last.client_id, last.reason) == (Action.MOVE, "desk", "renamed on the forge")
    assert last.batch_id == report.batch_id
    assert last.memory.updated_at == (await memories.history(one)).revisions[1].memory.updated_at


async def test_two_memories_of_one_topic_both_stay(memories: Memories) -> None:
    older = await keep(memories, "the port is 8000", OLD, topic_key="port")
    await keep(memories, "the port is 9000", NEW, topic_key="port")

    report = await memories.merge_projects(ProjectMerge(source=OLD, target=NEW, dry_run=False))

    assert report.clashes == 1
    assert await in_project(memories, NEW) == {"the port is 8000", "the port is 9000"}
    assert await keep(memories, "the port is 1", NEW, topic_key="port") == older


async def test_a_merge_is_taken_back_with_its_alias(memories: Memories) -> None:
    await memories.alias(NewAlias(alias="older", project_id=OLD))
    await keep(memories, "one", OLD)
    gone = await keep(memories, "gone", OLD)
    await memories.delete(gone)
    await keep(memories, "there before", NEW)
    batch = await merged(memories, OLD, NEW)
    await keep(memories, "said under the old name since", OLD)

    report = await memories.undo(UndoRequest(batch_id=batch), by=LAPTOP)

    assert (report.action, report.undone, report.aliases) == (Action.MOVE, 2, (OLD, "older"))
    assert await projects(memories) == {OLD: (1, ("older",)), NEW: (2, ())}
    assert await in_project(memories, "older") == {"one"}
    assert await in_project(memories, OLD, trashed=True) == {"gone"}


async def test_what_was_taken_back_can_be_done_again(memories: Memories) -> None:
    await keep(memories, "one", OLD)
    batch = await merged(memories, OLD, NEW)
    undone = await memories.undo(UndoRequest(batch_id=batch))

    again = await memories.undo(UndoRequest(batch_id=undone.batch_id))
    assert await projects(memories) == {NEW: (1, (OLD,))}

    await memories.undo(UndoRequest(batch_id=again.batch_id))
    assert await projects(memories) == {OLD: (1, ())}


async def test_the_last_thing_a_client_did_may_be_a_merge(memories: Memories) -> None:
    await keep(memories, "one", OLD)
    await merged(memories, OLD, NEW)

    await memories.undo(UndoRequest(), by=LAPTOP)

    assert await projects(memories) == {OLD: (1, ())}


async def test_a_rename_of_nothing_is_taken_back_too(memories: Memories) -> None:
    batch = await merged(memories, OLD, NEW)
    assert await projects(memories) == {NEW: (0, (OLD,))}

    report = await memories.undo(UndoRequest(batch_id=batch))

    assert (report.undone, report.aliases) == (0, (OLD,))
    assert await projects(memories) == {}
    with pytest.raises(NotFoundError, match="has been changed since"):
        await memories.undo(UndoRequest(batch_id=batch))


async def test_what_was_changed_since_the_merge_stays_when_it_is_taken_back(memories: Memories) -> None:
    changed = await keep(memories, "one", OLD)
    await keep(memories, "two", OLD)
    batch = await merged(memories, OLD, NEW)
    await memories.update(changed, MemoryPatch(content="one, changed"))

    report = await memories.undo(UndoRequest(batch_id=batch))

    assert report.changed_since == (changed,)
    assert await projects(memories) == {OLD: (1, ()), NEW: (1, ())}


async def test_no_memory_goes_back_alone_to_a_name_that_means_where_it_is(memories: Memories) -> None:
    one = await keep(memories, "one", OLD)
    batch = await merged(memories, OLD, NEW)

    with pytest.raises(ConflictError, match=f"undo the batch {batch}"):
        await memories.undo(UndoRequest(memory_id=one))
    assert (await memories.restore(one, revision=1)).project_id == NEW
    await memories.delete(one)
    assert (await memories.undo(UndoRequest(memory_id=one))).sample[0].project_id == NEW


async def test_a_name_with_memories_since_does_not_become_an_alias_again(memories: Memories) -> None:
    await keep(memories, "one", OLD)
    undone = await memories.undo(UndoRequest(batch_id=await merged(memories, OLD, NEW)))
    await keep(memories, "of the project that has the name now", OLD)

    with pytest.raises(ConflictError, match="has memories of its own by now"):
        await memories.undo(UndoRequest(batch_id=undone.batch_id))

    assert await projects(memories) == {OLD: (2, ())}


async def test_a_project_can_take_its_old_name_again(memories: Memories) -> None:
    await keep(memories, "one", OLD)
    await memories.alias(NewAlias(alias="older", project_id=OLD))
    await merged(memories, OLD, NEW)
    await keep(memories, "two", NEW)

    await merged(memories, NEW, OLD)

    assert await projects(memories) == {OLD: (2, (NEW, "older"))}


async def test_three_projects_become_one_in_two_steps(memories: Memories) -> None:
    for name in (OLD, NEW, OTHER):
        await keep(memories, f"of {name}", name)
    first = await merged(memories, OLD, NEW)

    await merged(memories, NEW, OTHER)

    assert await projects(memories) == {OTHER: (3, (NEW, OLD))}
    assert len(await in_project(memories, OLD)) == 3
    with pytest.raises(NotFoundError, match="has been changed since"):
        await memories.undo(UndoRequest(batch_id=first))


async def test_a_name_that_is_an_alias_cannot_be_moved_from(memories: Memories) -> None:
    await keep(memories, "one", OLD)
    await merged(memories, OLD, NEW)

    for dry_run in (True, False):
        with pytest.raises(ConflictError, match=f"{OLD} means {NEW} already"):
            await memories.merge_projects(ProjectMerge(source=OLD, target=OTHER, dry_run=dry_run))


# ── Move ──


async def test_a_move_takes_what_fits_and_shows_it_first(memories: Memories) -> None:
    await keep(memories, "the API of the shop", OLD, tags=("api",))
    await keep(memories, "tea is at four", OLD)
    await keep(memories, "the API, told before", NEW, tags=("api",))
    asked = {"to": NEW, "tags": ("api",), "global_search": True}

    forecast = await memories.move(MoveQuery(**asked))  # type: ignore[arg-type]
    report = await memories.move(MoveQuery(**asked, dry_run=False), by=LAPTOP)  # type: ignore[arg-type]

    assert (forecast.dry_run, forecast.matched, forecast.moved, forecast.batch_id) == (True, 1, 0, None)
    assert (report.dry_run, report.matched, report.moved) == (False, 1, 1)
    assert await in_project(memories, NEW) == {"the API of the shop", "the API, told before"}
    await memories.undo(UndoRequest(batch_id=report.batch_id))
    assert await in_project(memories, OLD) == {"the API of the shop", "tea is at four"}


async def test_a_move_of_some_memories_takes_them_by_their_ids_and_no_alias_is_made(memories: Memories) -> None:
    one = await keep(memories, "one", OLD)
    two = await keep(memories, "two", None)
    await keep(memories, "three", OLD)

    report = await memories.move(MoveQuery(to=NEW, memory_ids=(one[:12], two[:12]), dry_run=False))
    assert (report.moved, report.alias) == (2, None)
    assert await projects(memories) == {OLD: (1, ()), NEW: (2, ())}

    back = await memories.move(MoveQuery(to=None, memory_ids=(one,), dry_run=False))
    assert back.moved == 1
    assert (await memories.get(one)).project_id is None
    assert (await memories.undo(UndoRequest(memory_id=one))).sample[0].project_id == NEW


async def test_a_move_to_an_old_name_goes_to_the_project(memories: Memories) -> None:
    await memories.alias(NewAlias(alias=OLD, project_id=NEW))
    one = await keep(memories, "one", OTHER)

    await memories.move(MoveQuery(to=OLD, memory_ids=(one,), dry_run=False))

    assert (await memories.get(one)).project_id == NEW


async def test_a_move_of_nothing_is_no_batch(memories: Memories) -> None:
    report = await memories.move(MoveQuery(to=NEW, content_contains="nothing", dry_run=False))

    assert (report.matched, report.moved, report.batch_id) == (0, 0, None)


async def test_a_move_without_any_filter_is_refused(memories: Memories) -> None:
    with pytest.raises(InvalidError, match="at least one filter"):
        await memories.move(MoveQuery(to=NEW))
    with pytest.raises(NotFoundError, match="no memory has the id"):
        await memories.move(MoveQuery(to=NEW, memory_ids=("abcdef01",), dry_run=False))


# ── The past, and other files ──


async def test_the_past_of_a_project_is_also_what_was_kept_under_its_old_name(memories: Memories) -> None:
    await keep(memories, "the port is 8000", OLD)
    before = datetime.now(UTC)
    await merged(memories, OLD, NEW)

    for name in (OLD, NEW):
        asked = SearchQuery(query="port", project_id=name, as_of=before, search_mode=SearchMode.KEYWORD)
        assert [hit.content for hit in (await memories.search(asked)).results] == ["the port is 8000"]
        assert await in_project(memories, name, as_of=before) == {"the port is 8000"}
        stats = await memories.stats(Scope(project_id=name, as_of=before))
        assert stats.by_project == {NEW: 1}


@pytest.mark.parametrize("file_format", FileFormat)
async def test_a_file_from_before_comes_to_the_project_that_its_names_mean(
    memories: Memories, tmp_path: Path, file_format: FileFormat
) -> None:
    one = await keep(memories, "one", OLD)
    await memories.update(one, MemoryPatch(content="one, changed"))
    await keep(memories, "of no project", None)
    before = datetime.now(UTC)
    await memories.export_file(tmp_path / "before", ExportQuery(format=file_format))
    await memories.purge(PurgeQuery(older_than_days=0, global_search=True, dry_run=False))
    await memories.empty_trash(TrashQuery(dry_run=False))
    await memories.alias(NewAlias(alias=OLD, project_id=NEW))

    report = await memories.import_file(tmp_path / "before", ImportQuery(project_id=OLD))

    assert (report.imported, report.conflicts) == (2, ())
    assert await in_project(memories, NEW) == {"one, changed", "of no project"}
    assert (await memories.history(one)).revisions[1].memory.project_id == OLD
    assert await in_project(memories, NEW, as_of=before) == {"one, changed", "of no project"}
    again = await memories.import_file(tmp_path / "before", ImportQuery(project_id=OLD))
    assert (again.imported, again.unchanged, again.conflicts) == (0, 2, ())


async def test_what_was_moved_since_a_file_was_written_is_no_conflict_with_it(
    memories: Memories, tmp_path: Path
) -> None:
    await keep(memories, "one", OLD)
    await keep(memories, "two", OTHER)
    await memories.export_file(tmp_path / "before.jsonl", ExportQuery(format=FileFormat.JSONL))
    await merged(memories, OLD, NEW)

    report = await memories.import_file(tmp_path / "before.jsonl")

    assert (report.imported, report.unchanged, report.conflicts) == (0, 2, ())
