"""Bringing an older store to the newest schema: compared with what it was, whole or not at all, whatever happens."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore
from memory_core.engine.stores.duckdb.migrations import MIGRATIONS, Migration
from memory_core.errors import UnavailableError
from memory_core.types import Scope
from support.entries import MODEL, edited, embed, entry, probe, random_vectors
from support.kills import kills

NOW = len(MIGRATIONS)
ADD = "ALTER TABLE memories ADD COLUMN note VARCHAR"


def migration(*statements: str, changes: Sequence[str] = (), version: int = NOW + 1) -> Migration:
    return Migration(version=version, name="a change", statements=statements, changes=changes)


def open_with(folder: Path, *more: Migration) -> DuckDBStore:
    options = StoreOptions(data_dir=folder, threads=1, min_free_bytes=0)
    return DuckDBStore(folder / "memories.duckdb", options, migrations=(*MIGRATIONS, *more))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder of a store with two memories, a trashed one, vectors, and postings; some of it only in its log."""
    folder = tmp_path / "data"
    store = open_with(folder)
    store.use_model(MODEL)
    kept = [entry("first words", minute=1), entry("second words", minute=2), entry("third", deleted_at=None)]
    store.insert(kept)
    store.change(kept[2].memory.id, edited(client_id="laptop"))
    embed(store, {kept[0].memory.id: random_vectors(1)})
    store.close()
    return folder


def contents(store: DuckDBStore) -> list[str]:
    return sorted(memory.content for memory in store.newest(Scope(), limit=50))


def files(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not file.name.endswith(".lock")
    }


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM memories WHERE content = 'third'", "memories has 2 rows in place of 3"),
        ("UPDATE memories SET content = 'worse' WHERE content = 'third'", "memories.content is not as it was"),
        ("UPDATE memories SET created_at = created_at + INTERVAL 1 MICROSECOND", "memories.created_at is not as"),
        ("UPDATE memories SET tags = ['new']", "memories.tags is not as it was"),
        ("ALTER TABLE memories DROP COLUMN client_id", "memories.client_id is gone"),
        ("DROP TABLE notes", "table notes is gone"),
        ("DELETE FROM notes", "1 rows of notes are gone"),
        ("UPDATE notes SET value = '7'", "1 rows of notes are gone"),
        ("DELETE FROM vectors_1", "vectors_1 has 0 rows in place of 1"),
        ("UPDATE vectors_1 SET embedding = list_reverse(embedding::FLOAT[])::FLOAT[100]", "vectors_1 is not as it was"),
        ("DELETE FROM unembedded", "unembedded has 0 rows in place of 2"),
        ("DROP SEQUENCE doc_seq; CREATE SEQUENCE doc_seq", "sequence doc_seq gives numbers once more"),
        ("DELETE FROM revisions", "revisions has 0 rows in place of 1"),
        ("UPDATE postings_delta SET tf = 2", "the index does not fit for 3 memories"),
        ("DELETE FROM schema_migrations WHERE version = 1", "1 rows of schema_migrations are gone"),
    ],
)
def test_a_migration_that_loses_anything_is_refused_and_leaves_the_file_as_it_was(
    old: Path, statement: str, what: str
) -> None:
    before = files(old)

    with pytest.raises(UnavailableError, match="it is unchanged") as caught:
        open_with(old, migration(ADD, statement))

    assert what in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(old) == before
    store = open_with(old)
    assert contents(store) == ["first words", "second words", "third"]
    store.close()


def test_what_a_migration_says_that_it_changes_may_change(old: Path) -> None:
    store = open_with(old, migration("UPDATE memories SET source = 'old'", changes=["memories.source"]))

    assert {memory.source for memory in store.newest(Scope(), limit=5)} == {"old"}
    store.close()


def test_after_an_upgrade_everything_is_found_as_before(old: Path) -> None:
    store = open_with(old, migration(ADD))

    (found,) = store.candidates(probe("first", vector=random_vectors(1)[0]), Scope())
    assert (found.memory.content, found.cosine) == ("first words", pytest.approx(1))
    assert store.count_pending() == 2
    store.insert([entry("and it goes on")])
    store.close()


def test_what_was_only_in_the_log_is_in_the_upgraded_store_and_in_the_snapshot(old: Path) -> None:
    code = f"""
import os
from pathlib import Path
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import open_store
from support.entries import entry
store = open_store("", StoreOptions(data_dir=Path({str(old)!r}), min_free_bytes=0))
store.insert([entry("only in the log")])
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True)
    assert (old / "memories.duckdb.wal").stat().st_size

    store = open_with(old, migration(ADD))
    assert "only in the log" in contents(store)
    store.close()

    (snapshot,) = (old / "snapshots").glob("*.duckdb")
    with duckdb.connect(snapshot, read_only=True) as plain:
        assert plain.execute("SELECT count(*) FROM memories WHERE content = 'only in the log'").fetchall() == [(1,)]


def test_the_newest_three_snapshots_are_kept(old: Path) -> None:
    versions = [migration(f"CREATE TABLE t{n} (a INTEGER)", version=NOW + n) for n in range(1, 6)]
    (old / "snapshots").mkdir()
    (old / "snapshots" / "mine.duckdb").write_bytes(b"of somebody")
    for count in range(1, 6):
        open_with(old, *versions[:count]).close()

    kept = sorted(file.name.partition("-2")[0] for file in (old / "snapshots").glob("*.duckdb"))
    assert kept == ["memories-v" + str(NOW + n) for n in (2, 3, 4)] + ["mine.duckdb"]


def test_several_versions_are_one_upgrade_with_one_snapshot(old: Path) -> None:
    open_with(old, migration(ADD), migration("CREATE TABLE t (a INTEGER)", version=NOW + 2)).close()

    (snapshot,) = (old / "snapshots").glob("*.duckdb")
    assert snapshot.name.startswith(f"memories-v{NOW}-")


def test_a_file_that_is_damaged_in_the_middle_is_not_upgraded_and_stays_as_it_is(old: Path) -> None:
    store = open_with(old)
    store.insert([entry(f"{n} " + "many words of a longer text " * 50) for n in range(500)])
    store.close()
    path = old / "memories.duckdb"
    content = bytearray(path.read_bytes())
    for block in range(3 * 4096, len(content) - 262_144, 262_144):
        if b"longer" in content[block : block + 262_144]:  # one of them may be free by now
            content[block + 100_000 : block + 100_100] = bytes(100)
    path.write_bytes(content)
    before = files(old)

    with pytest.raises(UnavailableError):
        open_with(old, migration(ADD))

    assert files(old) == before


SCRIPT = f"""
from pathlib import Path

from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore
from memory_core.engine.stores.duckdb.migrations import MIGRATIONS, Migration

folder = Path(sys.argv[1])
more = Migration(version={NOW + 1}, name="a change", statements=({ADD!r},))
options = StoreOptions(data_dir=folder, threads=1, min_free_bytes=0)
arm()
DuckDBStore(folder / "memories.duckdb", options, migrations=(*MIGRATIONS, more)).close()
"""


@pytest.mark.slow
@pytest.mark.timeout(900)  # some thirty processes, on a machine that may be busy
def test_killed_at_any_step_an_upgrade_is_done_by_the_next_start(old: Path, tmp_path: Path) -> None:
    beginning = tmp_path / "beginning"
    shutil.copytree(old, beginning)
    steps = 0
    for _ in kills(SCRIPT, old):
        store = open_with(old, migration(ADD))
        assert contents(store) == ["first words", "second words", "third"]
        store.close()
        (snapshot,) = (old / "snapshots").glob("*.duckdb")
        kept = f"snapshots/{snapshot.name}"
        assert set(files(old)) == {"memories.duckdb", kept, f"{kept}.watermark"}
        shutil.rmtree(old)
        shutil.copytree(beginning, old)
        steps += 1
    assert steps > 8, "each of the renames was among them"
