"""What stands in the journal of sessions, and how it is changed: each verb one transaction. Blocking, one thread."""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from msgspec.structs import asdict

from memory_core.errors import StorageFullError, UnavailableError
from memory_core.sessions import SessionStatus, Shown
from memory_core.types import MAX_EXCLUDED
from memory_server.microseconds import microseconds
from memory_server.sessions import rows as sql
from memory_server.sessions.entries import Asked, Check, Note, Noted, Row, Seen, Written
from memory_server.sessions.file import SessionFile
from memory_server.sessions.naming import unknown
from memory_server.sessions.rows import note_of, row_of, shown_of

T = TypeVar("T")

MAX_NOTES = 200
MAX_SHOWN = 1_000
KEEP_NOTES = timedelta(days=30)
KEEP_SESSIONS = timedelta(days=400)
OVERTAKEN = timedelta(seconds=10)
"""A note that comes so soon after the end was said before it: agents do not wait for the hook that brings it."""


class Journal:
    """Opened with the first use. Raises UnavailableError or StorageFullError from any verb."""

    def __init__(self, data_dir: Path) -> None:
        self.file = SessionFile(data_dir)
        self._connection: sqlite3.Connection | None = None

    def seen(self, seen: Seen, check: Check) -> Row:
        """The session as it is now: begun if it is new, open again if it had ended."""
        with self._changing() as connection:
            return _seen(connection, seen, check)

    def told(self, session_id: str, at: datetime, shown: Sequence[Shown], *, everything: bool, goes_on: bool) -> None:
        """`goes_on`: it was told all there is, or all that is new, until then; `everything`: its window begins here."""
        with self._changing() as connection:
            rows = [
                asdict(one)
                | {"session_id": session_id, "at": microseconds(at), "place": place, "occasion": one.occasion.value}
                for place, one in enumerate(shown)
            ]
            connection.executemany(sql.TOLD, rows)
            if goes_on:
                values = {"session_id": session_id, "at": microseconds(at), "everything": everything}
                connection.execute(sql.TOLD_UNTIL, values)

    def told_since(self, session_id: str, since: datetime | None) -> tuple[str, ...]:
        """Ids of memories, the latest first."""
        values = {
            "session_id": session_id,
            "since": 0 if since is None else microseconds(since),
            "limit": MAX_EXCLUDED - 1,
        }
        return tuple(row["memory_id"] for row in self._ask(sql.TOLD_SINCE, values))

    def note(self, seen: Seen, noted: Noted, check: Check) -> Row:
        """On disk when this returns. The same again changes nothing."""
        digest = hashlib.sha256(f"{noted.kind.value}\n{noted.text}".encode()).digest()
        values = asdict(noted) | {
            "session_id": seen.session_id,
            "digest": digest,
            "kind": noted.kind.value,
            "at": microseconds(seen.at),
            "now": microseconds(noted.now),
        }
        with self._changing(durable=True) as connection:
            known = _found(connection, seen.session_id)
            if known is not None and connection.execute(_IS_NOTED, values).fetchone():
                check(known)
                return known
            _seen(connection, seen, check, opens_after=seen.at - OVERTAKEN)
            connection.execute(sql.NOTE, values)
            connection.execute(sql.NOTED, values)
            connection.execute(sql.FORGET_NOTES_BEYOND, {"session_id": seen.session_id, "most": MAX_NOTES})
            return _one(connection, seen.session_id)

    def notes(self, session_id: str) -> list[Note]:
        """In the order in which they were said."""
        return [note_of(row) for row in self._ask(sql.NOTES, {"session_id": session_id})]

    def written(self, session_id: str, written: Written) -> Row:
        with self._changing(durable=True) as connection:
            values = {
                "session_id": session_id,
                "until": microseconds(written.until),
                "memory_id": written.memory_id,
                "written_by": written.author.value,
                "written": written.digest,
            }
            connection.execute(sql.SUMMED, values)
            return _one(connection, session_id)

    def known_until(self, session_id: str, until: datetime) -> Row:
        """There is nothing more to write of what was noted until then."""
        with self._changing() as connection:
            connection.execute(sql.SUMMED_UNTIL, {"session_id": session_id, "until": microseconds(until)})
            return _one(connection, session_id)

    def end(self, session_id: str, at: datetime, reason: str | None) -> Row:
        with self._changing(durable=True) as connection:
            values = {"session_id": session_id, "at": microseconds(at), "reason": reason}
            connection.execute(sql.END, values)
            return _one(connection, session_id)

    def one(self, session_id: str) -> Row:
        """As it is now. Raises NotFoundError."""
        with self._using() as connection:
            return _one(connection, session_id)

    def check(self) -> None:
        """Raise UnavailableError where the file is not whole."""
        self.file.prepare()

    def named(self, name: str) -> list[Row]:
        """The one of that id, or else some whose ids begin so."""
        one = self._ask(sql.ONE, {"session_id": name})
        return [row_of(row) for row in one or self._ask(sql.LIKE, {"beginning": name, "limit": 200})]

    def page(self, asked: Asked) -> list[Row]:
        before_at, before_id = (None, None) if asked.before is None else asked.before
        values = {
            "projects": None if asked.projects is None else json.dumps(list(asked.projects)),
            "client_id": asked.client_id,
            "is_open": None if asked.status is None else asked.status is SessionStatus.OPEN,
            "before_at": None if before_at is None else microseconds(before_at),
            "before_id": before_id,
            "limit": asked.limit,
        }
        return [row_of(row) for row in self._ask(sql.PAGE, values)]

    def open_ones(self, projects: Sequence[str], client_id: str | None, *, limit: int) -> list[Row]:
        values = {"projects": json.dumps(list(projects)), "client_id": client_id, "limit": limit}
        return [row_of(row) for row in self._ask(sql.OPEN, values)]

    def shown(self, session_id: str) -> list[Shown]:
        """The latest first."""
        return [shown_of(row) for row in self._ask(sql.SHOWN, {"session_id": session_id, "limit": MAX_SHOWN})]

    def forget(self, session_id: str) -> None:
        with self._changing(durable=True) as connection:
            for statement in sql.FORGET:
                connection.execute(statement, {"session_id": session_id})
        self._ask("PRAGMA wal_checkpoint(TRUNCATE)", {})  # else it stands in the log for a while

    def unsummed(self, silent_since: datetime, *, limit: int) -> list[Row]:
        """What was noted is not in their memories, and they have ended or were silent since then."""
        values = {"silent_since": microseconds(silent_since), "limit": limit}
        return [row_of(row) for row in self._ask(sql.UNSUMMED, values)]

    def tidy(self, now: datetime, *, silent_since: datetime) -> None:
        """Close what fell silent, and drop what is old."""
        with self._changing() as connection:
            connection.execute(sql.END_SILENT, {"silent_since": microseconds(silent_since)})
            old, very_old = microseconds(now - KEEP_NOTES), microseconds(now - KEEP_SESSIONS)
            connection.execute(sql.DROP_SESSIONS, {"before": very_old})
            for statement in (sql.DROP_NOTES, sql.DROP_SHOWN, sql.DROP_EMPTY_SESSIONS):
                connection.execute(statement, {"before": old})

    def asking(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """For the tables of others in this file."""
        with self._using() as connection:
            return work(connection)

    def changing(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._changing() as connection:
            return work(connection)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, statement: str, values: Mapping[str, object]) -> list[sqlite3.Row]:
        with self._using() as connection:
            return connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def _changing(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        with self._using() as connection:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with self.file.transaction(connection):
                yield connection

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """After an error of the file it is opened anew: somebody may have put another in its place."""
        with self.file.errors():
            try:
                if self._connection is None:
                    self._connection = self.file.made()
                    with self.file.transaction(self._connection):
                        pass  # which brings it to this version
                yield self._connection
            except (sqlite3.Error, OSError, UnavailableError, StorageFullError):
                with contextlib.suppress(sqlite3.Error):
                    self.close()
                self._connection = None
                raise


_IS_NOTED = "SELECT 1 FROM notes WHERE session_id = :session_id AND digest = :digest"


def _seen(connection: sqlite3.Connection, seen: Seen, check: Check, *, opens_after: datetime | None = None) -> Row:
    """It is open again if it ended before `opens_after`; null: before it is seen now."""
    known = _found(connection, seen.session_id)
    values = asdict(seen) | {"at": microseconds(seen.at), "opens_after": microseconds(opens_after or seen.at)}
    if known is not None:
        check(known)
        connection.execute(sql.GO_ON, values)
    else:
        connection.execute(sql.BEGIN, values)
    return _one(connection, seen.session_id)


def _found(connection: sqlite3.Connection, session_id: str) -> Row | None:
    row = connection.execute(sql.ONE, {"session_id": session_id}).fetchone()
    return None if row is None else row_of(row)


def _one(connection: sqlite3.Connection, session_id: str) -> Row:
    """Raises NotFoundError for one that was forgotten meanwhile."""
    found = _found(connection, session_id)
    if found is None:
        raise unknown(session_id)
    return found
