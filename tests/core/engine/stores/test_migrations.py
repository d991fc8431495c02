"""Bringing an older file to the newest schema: a copy first, whole steps only, and never a step twice."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from memory_core.changes import Action
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore
from memory_core.engine.stores.duckdb.migrations import MIGRATIONS, Migration
from memory_core.errors import UnavailableError
from memory_core.types import Scope
from support.entries import MODEL, entry, probe, random_vectors

NOW = len(MIGRATIONS)
EVERY = list(range(1, NOW + 1))
NEXT = Migration(version=NOW + 1, name="a note", statements=("ALTER TABLE memories ADD COLUMN note VARCHAR",))
FAILING = Migration(version=NOW + 1, name="a slip", statements=(*NEXT.statements, "INSERT INTO nowhere VALUES (1)"))


def open_with(folder: Path, migrations: Sequence[Migration] = MIGRATIONS) -> DuckDBStore:
    return DuckDBStore(
        folder / "memories.duckdb", StoreOptions(data_dir=folder, threads=1, min_free_bytes=0), migrations=migrations
    )


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder of a store of the newest schema with one memory, which `NEXT` makes an older one."""
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
    open_with(tmp_path, (*MIGRATIONS, NEXT)).close()

    assert versions(tmp_path / "memories.duckdb") == [*EVERY, NOW + 1]
    assert not (tmp_path / "snapshots").exists()


def test_an_older_store_is_copied_and_then_changed(old: Path) -> None:
    store = open_with(old, (*MIGRATIONS, NEXT))
    assert [memory.content for memory in store.newest(Scope(), limit=5)] == ["from before"]
    store.insert([entry("from after")])
    store.close()

    (snapshot,) = (old / "snapshots").glob("*.duckdb")
    assert snapshot.name.startswith(f"memories-v{NOW}-")
    assert (versions(snapshot), versions(old / "memories.duckdb")) == (EVERY, [*EVERY, NOW + 1])
    assert "note" not in columns(snapshot)
    assert "note" in columns(old / "memories.duckdb")


def test_a_migration_is_applied_once(old: Path) -> None:
    for _ in range(3):
        open_with(old, (*MIGRATIONS, NEXT)).close()

    assert versions(old / "memories.duckdb") == [*EVERY, NOW + 1]
    assert len(list((old / "snapshots").glob("*.duckdb"))) == 1


def test_a_snapshot_opens_as_a_store(old: Path) -> None:
    open_with(old, (*MIGRATIONS, NEXT)).close()
    (snapshot,) = (old / "snapshots").glob("*.duckdb")
    (old / "restored").mkdir()
    snapshot.rename(old / "restored" / "memories.duckdb")

    store = open_with(old / "restored")
    assert store.newest(Scope(), limit=5)[0].content == "from before"
    store.insert([entry("goes on")])
    store.close()


def test_a_failure_in_the_middle_leaves_the_version_before(old: Path) -> None:
    with pytest.raises(
        UnavailableError, match=f"could not be brought to schema version {NOW + 1}: .*; it is unchanged"
    ) as caught:
        open_with(old, (*MIGRATIONS, FAILING))
    assert "\n" not in str(caught.value)

    assert versions(old / "memories.duckdb") == EVERY
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
migration = Migration(version=len(MIGRATIONS) + 1, name="a note", statements=Statements())
DuckDBStore(folder / "memories.duckdb", StoreOptions(data_dir=folder), migrations=(*MIGRATIONS, migration))
"""


def test_a_crash_in_the_middle_leaves_the_version_before(old: Path) -> None:
    died = subprocess.run([sys.executable, "-c", DIES_IN_THE_MIDDLE, str(old)], check=False)
    assert died.returncode == 9

    store = open_with(old, (*MIGRATIONS, NEXT))
    assert store.newest(Scope(), limit=5)[0].content == "from before"
    store.close()
    assert versions(old / "memories.duckdb") == [*EVERY, NOW + 1]


def test_no_room_for_the_copy_means_no_migration(old: Path) -> None:
    options = StoreOptions(data_dir=old, min_free_bytes=1 << 60)

    with pytest.raises(UnavailableError, match="no copy of it could be made"):
        DuckDBStore(old / "memories.duckdb", options, migrations=(*MIGRATIONS, NEXT))

    assert versions(old / "memories.duckdb") == EVERY


def test_a_store_of_the_first_version_keeps_its_memories_its_index_and_its_vectors(tmp_path: Path) -> None:
    open_with(tmp_path, MIGRATIONS[:1]).close()
    kept = entry("from the first version", tags=("old",), client_id="laptop").memory
    with duckdb.connect(tmp_path / "memories.duckdb") as connection:  # as the program of that day wrote them
        at = kept.created_at.replace(tzinfo=None)
        connection.execute(
            "INSERT INTO memories VALUES ($id, $content, 'fact', ['old'], NULL, NULL, 'laptop', NULL, 0.7, 0.7, "
            "$at, $at, NULL, 1, 4, '\\x00'::BLOB)",
            {"id": kept.id, "content": kept.content, "at": at},
        )
        connection.execute("INSERT INTO postings_delta VALUES ('first', 1, 1, 4)")
        connection.execute("INSERT INTO models VALUES (1, 'model-a', '1', 100, true)")
        connection.execute(
            "CREATE TABLE vectors_1 (doc BIGINT, piece USMALLINT, b0 UBIGINT, b1 UBIGINT, embedding FLOAT[100])"
        )
        numbers = random_vectors(1)[0].tolist()
        connection.execute("INSERT INTO vectors_1 SELECT doc, 0, 0, 0, $v::FLOAT[100] FROM memories", {"v": numbers})

    store = open_with(tmp_path)

    (known,) = store.models()
    assert (known.model, known.spec, known.is_current, known.memories) == (MODEL, None, True, 1)
    (found,) = store.candidates(probe("first", vector=random_vectors(1)[0]), Scope())
    assert (found.memory, found.cosine) == (kept, pytest.approx(1))
    (revision,) = store.history(kept.id)
    assert (revision.action, revision.at, revision.client_id) == (Action.CREATE, kept.created_at, "laptop")
    store.close()


def test_applied_migrations_are_never_edited() -> None:
    """Files in the world carry this checksum: a change of the schema is a new migration."""
    assert [(migration.version, migration.checksum[:16]) for migration in MIGRATIONS] == [
        (1, "ce5c904a60b52261"),
        (2, "e76fdc2a9e515e0d"),
        (3, "1ae52a07f05c95ff"),
        (4, "730e219fb1a11b9c"),
    ]
