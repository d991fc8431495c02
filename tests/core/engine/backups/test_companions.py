"""What lies beside a store comes into its backups, and back only where it is missing."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from memory_core.engine.backups.companions import Companion
from memory_core.engine.backups.keeping import Keeper
from memory_core.engine.backups.manifest import read_manifest
from memory_core.engine.stores.duckdb import DuckDBStore
from memory_core.errors import UnavailableError
from support.platforms import closed_to_others
from support.shelves import fill, folder_of, keeper, opened

NAME = "beside.sqlite"
COMPANION = Companion(name=NAME, note="look at it")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "it's here"


@pytest.fixture
def store(place: Path) -> Iterator[DuckDBStore]:
    with contextlib.closing(opened(place)) as filled:
        fill(filled, 3)
        yield filled


@pytest.fixture
def beside(store: DuckDBStore, place: Path) -> Iterator[sqlite3.Connection]:
    """A file with a row that is on disk, and one that somebody is about to write."""
    with contextlib.closing(sqlite3.connect(place / NAME)) as connection:
        connection.execute("CREATE TABLE words (word TEXT)")
        connection.execute("INSERT INTO words VALUES ('written')")
        connection.commit()
        connection.execute("INSERT INTO words VALUES ('under way')")
        yield connection


def kept_by(folder: Path) -> Keeper:
    return keeper(folder, companions=(COMPANION,))


def words(file: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM words ORDER BY rowid")]


@pytest.mark.usefixtures("beside")
def test_a_backup_has_the_file_as_of_one_moment_with_its_checksum(store: DuckDBStore, place: Path) -> None:
    made = kept_by(place).create(store, verify=True)

    folder = folder_of(kept_by(place), made)
    assert NAME in [file.name for file in read_manifest(folder).files]
    assert words(folder / NAME) == ["written"]
    assert closed_to_others(folder / NAME)
    assert made.state == "verified"


def test_a_store_without_one_is_backed_up_without_one(store: DuckDBStore, place: Path) -> None:
    made = kept_by(place).create(store, verify=True)

    assert made.state == "verified"
    assert not (folder_of(kept_by(place), made) / NAME).exists()


@pytest.mark.usefixtures("beside")
def test_it_is_put_back_where_there_is_none_and_said_so(store: DuckDBStore, place: Path, tmp_path: Path) -> None:
    backup = folder_of(kept_by(place), kept_by(place).create(store, verify=False))
    new = tmp_path / "new"
    new.mkdir()
    (new / f"{NAME}-wal").write_bytes(b"of one that is gone")

    restored = kept_by(new).restore(backup, "", replace=False)

    assert words(new / NAME) == ["written"]
    assert closed_to_others(new / NAME)
    (note,) = [note for note in restored.notes if NAME in note]
    assert note.startswith(f"{NAME} is as it was on 20")
    assert note.endswith("; look at it")


def test_the_one_that_is_there_is_never_touched(store: DuckDBStore, beside: sqlite3.Connection, place: Path) -> None:
    backup = folder_of(kept_by(place), kept_by(place).create(store, verify=False))
    beside.execute("DELETE FROM words")
    beside.commit()
    store.close()

    restored = kept_by(place).restore(backup, "", replace=True)

    assert words(place / NAME) == []
    assert not any(NAME in note for note in restored.notes)


@pytest.mark.usefixtures("beside")
def test_a_copy_that_was_changed_makes_the_backup_a_broken_one(store: DuckDBStore, place: Path) -> None:
    made = kept_by(place).create(store, verify=False)
    copy = folder_of(kept_by(place), made) / NAME
    copy.write_bytes(copy.read_bytes()[:-1] + b"x")

    assert kept_by(place).verify(made.name).problem == f"{NAME} is damaged: its checksum differs"


def test_one_that_cannot_be_copied_is_no_silent_gap(store: DuckDBStore, place: Path) -> None:
    (place / NAME).write_bytes(b"no database, but long enough to be looked at")

    with pytest.raises(UnavailableError, match=f"{NAME} cannot be copied into the backup: file is not a database"):
        kept_by(place).create(store, verify=False)
    assert kept_by(place).list().backups == ()


def test_one_that_a_backup_may_lack_does_not_keep_it_from_being_made(store: DuckDBStore, place: Path) -> None:
    (place / NAME).write_bytes(b"no database, but long enough to be looked at")
    kept = keeper(place, companions=(replace(COMPANION, may_lack=True),))

    made = kept.create(store, verify=True)

    assert made.state == "verified"
    assert not (folder_of(kept, made) / NAME).exists()
