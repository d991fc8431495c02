"""The file of the journal, when it is older, newer, emptied or out of room."""

import contextlib
import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory_core.errors import StorageFullError, UnavailableError
from memory_core.sessions import NoteKind
from memory_server.sessions.entries import Noted, Row, Seen
from memory_server.sessions.file import MIGRATIONS, SessionFile
from memory_server.sessions.journal import Journal
from support.disks import fill, small_disk
from support.platforms import posix_only

AT = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


class FirstFile(SessionFile):
    """As the first version made it."""

    migrations = MIGRATIONS[:1]


def anyone(_: Row) -> None:
    """Whoever asks may."""


def seen(session_id: str) -> Seen:
    return Seen(session_id=session_id, at=AT, project_id="shop")


def test_a_file_of_an_older_version_is_brought_to_this_one_with_all_that_is_in_it(tmp_path: Path) -> None:
    with contextlib.closing(Journal(tmp_path)) as journal:
        journal.file = FirstFile(tmp_path)
        journal.seen(seen("before"), anyone)

    with contextlib.closing(Journal(tmp_path)) as journal:
        journal.seen(seen("after"), anyone)
        assert journal.named("before")[0].project_id == "shop"

    with contextlib.closing(sqlite3.connect(tmp_path / "sessions.sqlite")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with contextlib.closing(Journal(tmp_path)) as journal:
        journal.seen(seen("before"), anyone)
    with contextlib.closing(sqlite3.connect(tmp_path / "sessions.sqlite")) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    with pytest.raises(UnavailableError, match="newer than this program knows"):
        Journal(tmp_path).named("before")


def test_an_emptied_file_is_damaged_and_not_taken_for_one_without_sessions(tmp_path: Path) -> None:
    (tmp_path / "sessions.sqlite").touch()

    with pytest.raises(UnavailableError, match=r"is damaged \(it is empty\); no memory is in it: move it away"):
        Journal(tmp_path).named("before")


@posix_only("files have no modes there")
def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    with contextlib.closing(Journal(tmp_path)) as journal:
        journal.seen(seen("before"), anyone)

        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}

    assert modes["sessions.sqlite"] == modes["sessions.sqlite-wal"] == 0o600


def test_on_a_full_disk_a_note_is_refused_and_what_was_noted_can_be_read(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=2) as disk, contextlib.closing(Journal(disk)) as journal:
        journal.note(seen("one"), Noted(kind=NoteKind.TURN, text="the first", now=AT), anyone)
        fill(disk / "everything else")
        long = Noted(kind=NoteKind.TURN, text="x" * 20_000, now=AT)

        with pytest.raises(StorageFullError, match=r"the disk of .* is full; make room"):
            journal.note(seen("one"), long, anyone)

        assert [note.text for note in journal.notes("one")] == ["the first"]
