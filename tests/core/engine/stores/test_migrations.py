"""Bringing an older file to the newest schema: a copy first, whole steps only, and never a step twice."""

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
from support.entries import entry

SECOND = Migration(version=2, name="a note", statements=("ALTER TABLE memories ADD COLUMN note VARCHAR",))
FAILING = Migration(version=2, name="a slip", statements=(*SECOND.statements, "INSERT INTO nowhere VALUES (1)"))


def open_with(folder: Path, migrations: Sequence[Migration] = MIGRATIONS) -> DuckDBStore:
    return DuckDBStore(
        folder / "memories.duckdb", StoreOptions(data_dir=folder, threads=1, min_free_bytes=0), migrations=migrations
    )


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder of a store of schema version 1 with one memory."""
    store = open_with(tmp_path)
    store.insert([entry("from before")])
    store.close()
    return tmp_path


def versions(file: Path) -> list[int]:
    with duckdb.connect(file, read_only=True) as connection:
        return [row[0] for row in connection.execute("SELECT version FROM schema_migrations ORDER BY 1").fetchall()]


def columns(file: Path) -> set[str]:
    with duckdb.connect(file, read_only=True) as connection:
        return {row[0] for row in connection.execute("SELECT column_name FROM (DESCRIBE memories)").fetchall()}


def test_a_new_store_has_every_version_and_no_snapshot(tmp_path: Path) -> None:
    open_with(tmp_path, (*MIGRATIONS, SECOND)).close()

    assert versions(tmp_path / "memories.duckdb") == [1, 2]
    assert not (tmp_path / "snapshots").exists()


def test_an_older_store_is_copied_and_then_changed(old: Path) -> None:
    store = open_with(old, (*MIGRATIONS, SECOND))
    assert [memory.content for memory in store.newest(Scope(), limit=5)] == ["from before"]
    store.insert([entry("from after")])
    store.close()

    (snapshot,) = (old / "snapshots").iterdir()
    assert snapshot.name.startswith("memories-v1-")
    assert (versions(snapshot), versions(old / "memories.duckdb")) == ([1], [1, 2])
    assert "note" not in columns(snapshot)
    assert "note" in columns(old / "memories.duckdb")


def test_a_migration_is_applied_once(old: Path) -> None:
    for _ in range(3):
        open_with(old, (*MIGRATIONS, SECOND)).close()

    assert versions(old / "memories.duckdb") == [1, 2]
    assert len(list((old / "snapshots").iterdir())) == 1


def test_a_snapshot_opens_as_a_store(old: Path) -> None:
    open_with(old, (*MIGRATIONS, SECOND)).close()
    (snapshot,) = (old / "snapshots").iterdir()
    (old / "restored").mkdir()
    snapshot.rename(old / "restored" / "memories.duckdb")

    store = open_with(old / "restored")
    assert store.newest(Scope(), limit=5)[0].content == "from before"
    store.insert([entry("goes on")])
    store.close()


def test_a_failure_in_the_middle_leaves_the_version_before(old: Path) -> None:
    with pytest.raises(UnavailableError, match="stays at version 1; a copy from before is") as caught:
        open_with(old, (*MIGRATIONS, FAILING))
    assert "\n" not in str(caught.value)

    assert versions(old / "memories.duckdb") == [1]
    assert "note" not in columns(old / "memories.duckdb")
    store = open_with(old)
    assert store.newest(Scope(), limit=5)[0].content == "from before"
    store.close()


DIES_IN_THE_MIDDLE = """
import os
import sys
from pathlib import Path

from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore
from memory_core.engine.stores.duckdb.migrations import MIGRATIONS, Migration


class Statements(list):
    def __iter__(self):
        yield "ALTER TABLE memories ADD COLUMN note VARCHAR"
        os._exit(9)


folder = Path(sys.argv[1])
migration = Migration(version=2, name="a note", statements=Statements())
DuckDBStore(folder / "memories.duckdb", StoreOptions(data_dir=folder), migrations=(*MIGRATIONS, migration))
"""


def test_a_crash_in_the_middle_leaves_the_version_before(old: Path) -> None:
    died = subprocess.run([sys.executable, "-c", DIES_IN_THE_MIDDLE, str(old)], check=False)
    assert died.returncode == 9

    store = open_with(old, (*MIGRATIONS, SECOND))
    assert store.newest(Scope(), limit=5)[0].content == "from before"
    store.close()
    assert versions(old / "memories.duckdb") == [1, 2]


def test_no_room_for_the_copy_means_no_migration(old: Path) -> None:
    options = StoreOptions(data_dir=old, min_free_bytes=1 << 60)

    with pytest.raises(UnavailableError, match="no copy of it could be made"):
        DuckDBStore(old / "memories.duckdb", options, migrations=(*MIGRATIONS, SECOND))

    assert versions(old / "memories.duckdb") == [1]


def test_applied_migrations_are_never_edited() -> None:
    """Files in the world carry this checksum: a change of the schema is a new migration."""
    assert [(migration.version, migration.checksum[:16]) for migration in MIGRATIONS] == [(1, "ce5c904a60b52261")]
