"""All memories out to a file and in again, in process and over REST, in each format that a server writes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from memory_core.changes import Action, By, History, UndoRequest
from memory_core.errors import ConflictError, InvalidError, NotFoundError
from memory_core.formats.jsonl import line_of
from memory_core.memories import Memories
from memory_core.types import (
    ExportQuery,
    FileFormat,
    ImportQuery,
    ListQuery,
    Memory,
    MemoryPatch,
    MemoryType,
    NewMemory,
    Scope,
)
from support.implementations import IMPLEMENTATIONS, Place
from support.kept import kept

needs = pytest.mark.needs
formats = pytest.mark.parametrize("file_format", FileFormat)
EVERYTHING = Scope(global_search=True, include_superseded=True)


@asynccontextmanager
async def elsewhere(folder: Path) -> AsyncIterator[Memories]:
    """Another server, with nothing in it."""
    async with IMPLEMENTATIONS["rest"].open(Place(data_dir=folder, embedder="none", model_cache=folder)) as other:
        yield other


async def keep_what_a_store_can_hold(memories: Memories) -> None:
    """Plain, changed, in the trash, superseded, timed; with clients, reasons and a batch."""
    await memories.add(NewMemory(content="plain"), by=By(client_id="laptop", reason="asked to"))
    changed = await memories.add(NewMemory(content="first words", tags=("a", "b"), project_id="p"))
    await memories.update(changed.id, MemoryPatch(content="second words"), by=By(reason="it was wrong"))
    await memories.update(changed.id, MemoryPatch(memory_type=MemoryType.DECISION, source="a talk"))
    gone = await memories.add(NewMemory(content="in the trash", session_id="s"))
    await memories.delete(gone.id)
    old = await memories.add(NewMemory(content="old", topic_key="t/1"))
    await memories.add(NewMemory(content="new", supersedes=old.id, certainty_score=0.1 + 0.2, quality_score=1.0))


async def everything(memories: Memories) -> dict[str, tuple[Memory, History]]:
    here: Sequence[Memory] = (await memories.list(ListQuery(global_search=True, include_superseded=True))).memories
    here = (*here, *(await memories.list(ListQuery(global_search=True, trashed=True))).memories)
    return {memory.id: (memory, await memories.history(memory.id)) for memory in here}


@formats
@needs("export_file", "import_file", "list", "history")
async def test_a_file_brings_every_memory_its_past_and_the_trash_to_another_server(
    memories: Memories, file_format: FileFormat, tmp_path: Path
) -> None:
    await keep_what_a_store_can_hold(memories)
    file = tmp_path / "all"

    count = await memories.export_file(file, ExportQuery(format=file_format))

    async with elsewhere(tmp_path / "other") as other:
        taken = await other.import_file(file)
        assert (taken.imported, taken.unchanged, taken.conflicts) == (count, 0, ())
        before = await everything(memories)
        assert len(before) == count == 5
        assert await everything(other) == before
        again = await other.import_file(file)
        assert (again.imported, again.unchanged, again.conflicts, again.batch_id) == (0, 5, (), None)
        await other.export_file(tmp_path / "again", ExportQuery(format=FileFormat.JSONL))
    await memories.export_file(tmp_path / "lines", ExportQuery(format=FileFormat.JSONL))
    assert (tmp_path / "again").read_bytes() == (tmp_path / "lines").read_bytes()


@formats
@needs("export_file", "import_file", "list", "undo", "history")
async def test_an_import_is_undone_as_one_with_the_memories_that_had_a_past(
    memories: Memories, file_format: FileFormat, tmp_path: Path
) -> None:
    await keep_what_a_store_can_hold(memories)
    file = tmp_path / "all"
    await memories.export_file(file, ExportQuery(format=file_format))

    async with elsewhere(tmp_path / "other") as other:
        mine = await other.add(NewMemory(content="mine"))
        batch = (await other.import_file(file)).batch_id
        changed = next(memory for memory, _ in (await everything(other)).values() if memory.content == "plain")
        await other.update(changed.id, MemoryPatch(content="changed here"))

        undone = await other.undo(UndoRequest(batch_id=batch))
        assert (undone.action, undone.undone, undone.changed_since) == (Action.IMPORT, 4, (changed.id,))
        left = (await other.list(ListQuery(global_search=True, include_superseded=True))).memories
        assert {memory.content for memory in left} == {"mine", "changed here"}

        await other.undo(UndoRequest(batch_id=undone.batch_id))
        assert (await other.stats(EVERYTHING)).total_memories == 5
        assert (await other.get(mine.id)) == mine.memory


@formats
@needs("export_file", "import_file", "get", "list")
async def test_what_differs_here_is_named_and_stays(
    memories: Memories, file_format: FileFormat, tmp_path: Path
) -> None:
    one, other = [(await memories.add(NewMemory(content=f"note {number}"))).id for number in range(2)]
    file = tmp_path / "all"
    await memories.export_file(file, ExportQuery(format=file_format))
    await memories.update(one, MemoryPatch(content="changed since"))

    report = await memories.import_file(file)

    assert (report.imported, report.unchanged, report.conflicts) == (0, 1, (one,))
    assert (await memories.get(one)).content == "changed since"
    assert (await memories.get(other)).content == "note 1"


@formats
@needs("export_file", "import_file", "list")
async def test_a_dry_run_says_what_would_come_and_changes_nothing(
    memories: Memories, file_format: FileFormat, tmp_path: Path
) -> None:
    await keep_what_a_store_can_hold(memories)
    file = tmp_path / "all"
    await memories.export_file(file, ExportQuery(format=file_format))

    async with elsewhere(tmp_path / "other") as other:
        asked = ImportQuery(dry_run=True)
        first = await other.import_file(file, asked)
        assert (first.imported, first.unchanged, first.batch_id, first.dry_run) == (5, 0, None, True)
        assert (await other.stats(EVERYTHING)).total_memories == 0
        real = await other.import_file(file)
        assert (real.imported, real.dry_run) == (5, False)
        assert real.batch_id is not None
        assert (await other.import_file(file, asked)).unchanged == 5


@needs("import_file", "get")
async def test_memories_of_no_project_come_into_the_one_that_is_named(memories: Memories, tmp_path: Path) -> None:
    placed, homeless = kept("has one", id="a" * 32), kept("has none", id="b" * 32, project_id=None)
    file = tmp_path / "two.jsonl"
    file.write_bytes(line_of(placed) + line_of(homeless))
    asked = ImportQuery(project_id="shop")

    await memories.import_file(file, asked)

    assert await memories.get(placed.id) == placed
    assert await memories.get(homeless.id) == replace(homeless, project_id="shop")
    assert (await memories.import_file(file, asked)).unchanged == 2


@needs("import_file")
async def test_another_time_alone_is_no_conflict_where_it_is_of_no_account(memories: Memories, tmp_path: Path) -> None:
    before, after = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    one, other = kept(id="a" * 32), kept("another", id="b" * 32)
    touched = [replace(each, updated_at=each.updated_at.replace(year=2027)) for each in (one, other)]
    before.write_bytes(line_of(one) + line_of(other))
    after.write_bytes(line_of(touched[0]) + line_of(replace(touched[1], content="another text")))
    await memories.import_file(before)

    assert (await memories.import_file(after)).conflicts == (one.id, other.id)
    assert (await memories.import_file(after, ImportQuery(ignore_times=True))).conflicts == (other.id,)


@needs("import_file", "list")
async def test_what_left_by_itself_since_is_no_conflict(memories: Memories, tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    file.write_bytes(line_of(kept(expires_at=kept().updated_at)))
    await memories.import_file(file)
    assert len((await memories.list(ListQuery(trashed=True, global_search=True))).memories) == 1

    assert (await memories.import_file(file)).unchanged == 1


@needs("import_file", "undo")
async def test_what_was_undone_is_not_brought_again_and_the_report_says_where_it_is(
    memories: Memories, tmp_path: Path
) -> None:
    file = tmp_path / "one.jsonl"
    file.write_bytes(line_of(kept()))
    batch = (await memories.import_file(file)).batch_id
    await memories.undo(UndoRequest(batch_id=batch))

    report = await memories.import_file(file)

    assert (report.imported, report.conflicts, report.in_trash) == (0, (kept().id,), 1)


@needs("import_file")
async def test_a_bad_line_at_the_end_refuses_the_file_before_anything_is_taken(
    memories: Memories, tmp_path: Path
) -> None:
    file = tmp_path / "long.jsonl"
    good = [line_of(kept(f"note {number}", id=f"{number:032x}")) for number in range(1200)]
    file.write_bytes(b"".join(good) + b"{broken\n")

    with pytest.raises(InvalidError, match="line 1201 of the file"):
        await memories.import_file(file)

    assert (await memories.stats(EVERYTHING)).total_memories == 0


@needs("import_file", "history")
async def test_what_comes_without_a_past_says_that_it_was_imported(memories: Memories, tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    file.write_bytes(line_of(kept()))

    report = await memories.import_file(file, by=By(client_id="laptop", reason="moving in"))

    (only,) = (await memories.history(kept().id)).revisions
    assert (only.action, only.batch_id, only.client_id, only.reason) == (
        Action.IMPORT,
        report.batch_id,
        "laptop",
        "moving in",
    )


@needs("export_file", "import_file", "history")
async def test_a_bare_file_has_the_memories_alone(memories: Memories, tmp_path: Path) -> None:
    await keep_what_a_store_can_hold(memories)
    file = tmp_path / "bare.jsonl"

    assert await memories.export_file(file, ExportQuery(format=FileFormat.JSONL, bare=True)) == 5

    assert b'"history"' not in file.read_bytes()
    assert (await memories.import_file(file)).unchanged == 5


@formats
@needs("export_file")
async def test_an_export_never_overwrites_a_file(memories: Memories, file_format: FileFormat, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.write_bytes(b"precious")

    with pytest.raises(ConflictError):
        await memories.export_file(file, ExportQuery(format=file_format))

    assert file.read_bytes() == b"precious"


@needs("import_file")
@pytest.mark.parametrize("nonsense", [b"PAR1 not really", b"not really", b"{}", b"\0\xff"])
async def test_a_file_that_is_no_export_is_refused(memories: Memories, nonsense: bytes, tmp_path: Path) -> None:
    file = tmp_path / "nonsense"
    file.write_bytes(nonsense)

    with pytest.raises(InvalidError):
        await memories.import_file(file)


@needs("undo")
async def test_a_batch_that_was_never_made_is_not_found(memories: Memories) -> None:
    with pytest.raises(NotFoundError):
        await memories.undo(UndoRequest(batch_id="import-0"))
