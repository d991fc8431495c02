"""The founding project's file lies where ours is to be: it is taken over whole, set aside, and never changed."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from memory_core.engine import lexical
from memory_core.engine.founding_files import read_founding
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore, notes, open_store
from memory_core.errors import UnavailableError
from memory_core.types import Memory, Scope
from support.entries import entry, probe
from support.founding import MEMORIES, founding_store
from support.kills import kills

LATE = {"id": "11111111", "content": "only in the log", "created_at": "2025-04-01 00:00:00+00"}


def opened(folder: Path) -> contextlib.closing[DuckDBStore]:
    options = StoreOptions(data_dir=folder, threads=1, min_free_bytes=0, entry=lexical.entry)
    return contextlib.closing(open_store("", options))


def everything(folder: Path) -> dict[str, Memory]:
    with opened(folder) as store:
        return {one.memory.id: one.memory for batch in store.export() for one in batch}


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.endswith(".lock")}


def untouched(folder: Path) -> dict[str, tuple[int, int]]:
    """The same where another process has a file open: Windows lets nobody read it."""
    found = {file.name: file.stat() for file in folder.iterdir() if not file.name.endswith(".lock")}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    founding_store(tmp_path / "data" / "memories.duckdb", in_log=[LATE])
    return tmp_path / "data"


def test_everything_is_taken_over_and_the_old_files_are_kept_byte_for_byte(folder: Path) -> None:
    before = files(folder)
    kept = {one.memory.id: one.memory for batch in read_founding(folder / "memories.duckdb", print) for one in batch}
    assert len(kept) == len(MEMORIES) - 1 + len([LATE]) + 1

    assert everything(folder) == kept

    assert (folder / "memories.founding.duckdb").read_bytes() == before["memories.duckdb"]
    assert (folder / "memories.founding.duckdb.wal").read_bytes() == before["memories.duckdb.wal"]
    assert set(files(folder)) == {
        "memories.duckdb", "memories.founding.duckdb", "memories.founding.duckdb.wal", "memories.founding.txt",
    }  # fmt: skip


def test_what_was_taken_over_is_found_and_waits_for_its_vectors(folder: Path) -> None:
    with opened(folder) as store:
        (found,) = store.candidates(probe(*lexical.terms("fridays")), Scope())
        assert found.memory.id.startswith("1a2b3c4d")
        assert store.ids_like("1a2b3c4d", limit=5) == [found.memory.id], "an id that was written down still names it"
        assert store.count_pending() == store.counts(Scope()).total


def test_it_is_said_what_was_done_and_what_was_left_out(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(folder) as store:
        said = store.note(notes.MOVED_IN)

    assert said == (
        "7 memories were taken over from memories.duckdb of claude-local-memory-server, now memories.founding.duckdb"
    )
    assert caplog.messages == [f"{said}; 4 remarks are in memories.founding.txt"]
    lines = (folder / "memories.founding.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == said
    assert "memory e0e0e0e0: left out, because it has no text" in lines


def test_the_next_start_opens_the_new_store_and_takes_nothing_over_again(folder: Path) -> None:
    with opened(folder) as store:
        store.insert([entry("written afterwards")])
    before = set(files(folder))

    assert any(memory.content == "written afterwards" for memory in everything(folder).values())
    assert set(files(folder)) == before


def test_a_second_file_of_that_project_does_not_push_the_first_aside(folder: Path) -> None:
    first = everything(folder)
    kept = (folder / "memories.founding.duckdb").read_bytes()
    (folder / "memories.duckdb").unlink()
    founding_store(folder / "memories.duckdb", MEMORIES[:1], [])

    assert len(everything(folder)) == 1 < len(first)
    assert (folder / "memories.founding.duckdb").read_bytes() == kept
    assert (folder / "memories.founding-2.duckdb").exists()


def test_a_file_that_another_process_has_open_is_refused_and_stays(folder: Path) -> None:
    path = folder / "memories.duckdb"
    path.with_name(path.name + ".wal").unlink()
    code = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == "open\n"
        before = untouched(folder)
        with pytest.raises(UnavailableError, match=f"in use by process {held.pid}"):
            everything(folder)
        assert untouched(folder) == before
        held.communicate("\n")

    assert everything(folder)


def test_a_full_disk_leaves_the_file_as_it_is(folder: Path) -> None:
    before = files(folder)
    options = StoreOptions(data_dir=folder, min_free_bytes=1 << 60, entry=lexical.entry)

    with pytest.raises(UnavailableError, match="MB free"):
        open_store("", options)

    assert files(folder) == before


def test_a_file_whose_rows_cannot_be_read_is_refused_and_stays(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "memories.duckdb") as connection:
        connection.execute(
            "CREATE TABLE memories (id VARCHAR, content VARCHAR, memory_type VARCHAR, created_at VARCHAR)"
        )
        connection.execute("INSERT INTO memories VALUES ('1a2b3c4d', 'text', 'fact', 'some day')")
    before = files(tmp_path)

    with pytest.raises(UnavailableError) as caught:
        everything(tmp_path)

    assert "\n" not in str(caught.value)
    assert files(tmp_path) == before


SCRIPT = """
from pathlib import Path

from memory_core.engine import lexical
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import open_store

folder = Path(sys.argv[1])
arm()
open_store("", StoreOptions(data_dir=folder, threads=1, min_free_bytes=0, entry=lexical.entry)).close()
"""


@pytest.mark.slow
@pytest.mark.timeout(900)  # some thirty processes, on a machine that may be busy
def test_killed_at_any_step_the_next_start_takes_everything_over(folder: Path, tmp_path: Path) -> None:
    beginning = tmp_path / "beginning"
    shutil.copytree(folder, beginning)
    before = files(folder)
    shutil.copytree(folder, tmp_path / "whole")
    kept = everything(tmp_path / "whole")
    steps = 0
    for _ in kills(SCRIPT, folder):
        assert everything(folder) == kept
        assert set(files(folder)) == {
            "memories.duckdb", "memories.founding.duckdb", "memories.founding.duckdb.wal", "memories.founding.txt",
        }  # fmt: skip
        assert (folder / "memories.founding.duckdb").read_bytes() == before["memories.duckdb"]
        assert (folder / "memories.founding.duckdb.wal").read_bytes() == before["memories.duckdb.wal"]
        shutil.rmtree(folder)
        shutil.copytree(beginning, folder)
        steps += 1
    assert steps > 10, "each of the renames was among them"
