"""Another program's database is read as it is at one moment, and never written, whatever that program does."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from memory_core.errors import UnavailableError
from memory_core.formats.found import Left
from memory_core.formats.others import sqlite
from memory_core.formats.table import read
from memory_core.types import Memory
from support.platforms import WINDOWS
from support.sources import database, insert, mcp_memory_service

TABLE = "CREATE TABLE notes (text TEXT)"


def texts(connection: sqlite3.Connection) -> list[str]:
    return [row["text"] for row in sqlite.rows(connection, "notes") if not isinstance(row, Left)]


def test_what_a_program_that_has_it_open_wrote_last_is_there(tmp_path: Path) -> None:
    """It is in the WAL, and not yet in the file itself."""
    path = mcp_memory_service(tmp_path)
    with closing(sqlite3.connect(path)) as program:
        row = {
            "content_hash": "d",
            "content": "fresh",
            "tags": "",
            "memory_type": "",
            "metadata": "{}",
            "created_at": 1.0,
        }
        insert(program, memories=[row])
        assert path.with_name(path.name + "-wal").stat().st_size > 0

        assert "fresh" in [found.content for found in read(path) if isinstance(found, Memory)]


def test_what_is_written_meanwhile_is_not_seen_and_not_hindered(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", TABLE, notes=[{"text": "before"}])
    with sqlite.opened(path) as connection, closing(sqlite3.connect(path)) as program:
        insert(program, notes=[{"text": "meanwhile"}])

        assert texts(connection) == ["before"]

    with sqlite.opened(path) as connection:
        assert texts(connection) == ["before", "meanwhile"]


def test_nothing_can_be_written(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", TABLE)
    with sqlite.opened(path) as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("INSERT INTO notes VALUES ('mine')")


def test_a_name_that_means_something_in_an_address_is_a_name(tmp_path: Path) -> None:
    path = database(tmp_path / ("a#%20ä.db" if WINDOWS else "a?mode=rwc#%20ä.db"), TABLE, notes=[{"text": "here"}])

    with sqlite.opened(path) as connection:
        assert texts(connection) == ["here"]


def test_a_file_that_is_damaged_in_the_middle_gives_what_comes_before(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", TABLE, notes=[{"text": f"{number} " + "x" * 900} for number in range(200)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(b"\xff" * 40_000) + whole[len(whole) // 2 + 40_000 :])

    with sqlite.opened(path) as connection:
        *before, last = sqlite.rows(connection, "notes")

    assert 10 < len(before) < 200
    assert isinstance(last, Left)
    assert last.why.startswith("what comes after row ")


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(sqlite.HEADER + b"\xff" * 4000)

    with pytest.raises(UnavailableError, match="cannot be read"), sqlite.opened(path):
        pass


def test_a_program_that_lets_nobody_read_is_said(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", TABLE)
    with closing(sqlite3.connect(path, isolation_level=None)) as program:
        program.execute("PRAGMA journal_mode = delete").fetchall()
        program.execute("BEGIN EXCLUSIVE")

        with pytest.raises(UnavailableError, match="stop the program that uses it"), sqlite.opened(path, busy_s=0.05):
            pass
