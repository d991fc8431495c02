"""Which project a directory of a machine is, as sessions and people have said: so that whoever names a directory alone,
as an agent without a client of ours does, works on the right one.

In the journal of sessions, because sessions say it. What another machine has at the same path says nothing.
"""

import json
import ntpath
import posixpath
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from memory_core.checks import MAX_PATH_CHARS
from memory_core.counting import counted
from memory_core.memories import Memories
from memory_core.places import Place
from memory_core.projects import ProjectInfo, ProjectList, of_name
from memory_core.visible import one_line, unfenced
from memory_server.microseconds import microseconds, moment

if TYPE_CHECKING:
    import sqlite3

    from memory_server.sessions.ports import InJournal

T = TypeVar("T")

MAX_PLACES = 2_000
"""Of one machine; beyond, those go that were not seen for longest."""

NEWS = timedelta(days=7)
"""So long sessions are told that their directory was another project before."""

LOST = (
    "The directory that this client names has no known project, so this is of all projects. "
    "`claude-memory project register` in it makes it known, and so does a session with the SessionStart hook."
)

_MAX_DEPTH = 64  # folders that are looked at, from the innermost
_SEEN_AGAIN = timedelta(minutes=10)  # sooner it is not worth a write
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")

TABLE = """
    CREATE TABLE places (
        client_id TEXT NOT NULL,        -- "" for a caller that does not say
        directory TEXT NOT NULL,
        project_id TEXT NOT NULL,
        first_seen_at INTEGER NOT NULL,
        last_seen_at INTEGER NOT NULL,
        former_project_id TEXT,
        former_until INTEGER,
        PRIMARY KEY (client_id, directory)
    ) WITHOUT ROWID
"""
_FIELDS = "client_id, directory, project_id, first_seen_at, last_seen_at, former_project_id, former_until"
_ONE = f"SELECT {_FIELDS} FROM places WHERE client_id = :client_id AND directory = :directory"
_NEAREST = f"""
    SELECT {_FIELDS} FROM places
    WHERE client_id = :client_id AND directory IN (SELECT value FROM json_each(:directories))
    ORDER BY length(directory) DESC LIMIT 1
"""
_ALL = f"SELECT {_FIELDS} FROM places WHERE client_id = :client_id ORDER BY last_seen_at DESC, directory"
_SEEN = """
    INSERT INTO places (client_id, directory, project_id, first_seen_at, last_seen_at)
    VALUES (:client_id, :directory, :project_id, :at, :at)
    ON CONFLICT DO UPDATE SET
        former_project_id = CASE WHEN project_id <> :project_id THEN project_id ELSE former_project_id END,
        former_until = CASE WHEN project_id <> :project_id THEN :at ELSE former_until END,
        project_id = :project_id,
        last_seen_at = :at
"""
_FORGET = """
    DELETE FROM places WHERE client_id = :client_id AND directory IN (
        SELECT directory FROM places WHERE client_id = :client_id ORDER BY last_seen_at DESC LIMIT -1 OFFSET :most
    )
"""


class Places:
    """`journal` runs work in the thread of the journal. Raises UnavailableError and StorageFullError, as that does."""

    def __init__(self, journal: "InJournal", clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._journal = journal
        self._clock = clock

    async def seen(self, client_id: str | None, directory: str, project_id: str) -> Place | None:
        """Know that `directory` is that project now. None where it is no absolute path."""
        known = absolute(directory)
        if known is None:
            return None
        values = {"client_id": client_id or "", "directory": known, "project_id": project_id, "most": MAX_PLACES}
        values["at"] = microseconds(self._clock())
        before = await self._ask(lambda connection: connection.execute(_ONE, values).fetchone())
        if before is not None and _is_known(place := _place(before), project_id, self._clock()):
            return place

        def write(connection: "sqlite3.Connection") -> Place:
            connection.execute(_SEEN, values)
            if before is None:
                connection.execute(_FORGET, values)
            return _place(connection.execute(_ONE, values).fetchone())

        return await self._journal(lambda book: book.changing(write))

    async def of(self, client_id: str | None, directory: str) -> Place | None:
        """The place that `directory` is, or lies in: the nearest that is known."""
        known = absolute(directory)
        if known is None:
            return None
        values = {"client_id": client_id or "", "directories": json.dumps(_upwards(known))}
        row = await self._ask(lambda connection: connection.execute(_NEAREST, values).fetchone())
        return None if row is None else _place(row)

    async def all(self, client_id: str | None) -> list[Place]:
        """The one that was seen last first."""
        values = {"client_id": client_id or ""}
        rows = await self._ask(lambda connection: connection.execute(_ALL, values).fetchall())
        return [_place(row) for row in rows]

    async def news(self, place: Place | None, memories: Memories) -> str | None:
        """One line for a session whose directory was another project until lately, which has memories still."""
        if place is None or place.former_project_id is None or place.former_until is None:
            return None
        if self._clock() - place.former_until > NEWS:
            return None
        before = former(place, await memories.projects())
        if before is None:
            return None
        known = counted(before.memories, "memory", "memories")
        return (
            f"This directory was project {_shown(before.project_id)} until {place.former_until:%Y-%m-%d}, which has "
            f"{known}; `claude-memory project merge {_shown(before.project_id)} {_shown(place.project_id)}` makes one "
            "project of both."
        )

    async def _ask(self, work: "Callable[[sqlite3.Connection], T]") -> T:
        return await self._journal(lambda book: book.asking(work))


def absolute(directory: str) -> str | None:
    """One spelling of an absolute path, of this or another system; None for anything else."""
    directory = directory.strip()
    if len(directory) > MAX_PATH_CHARS:
        return None
    if directory.startswith("/"):
        return posixpath.normpath(f"/{directory.lstrip('/')}")
    return ntpath.normcase(ntpath.normpath(directory)) if _DRIVE.match(directory) else None


def former(place: Place, listed: ProjectList) -> ProjectInfo | None:
    """What the place was before, if that is another project still, and has memories."""
    now, before = of_name(listed, place.project_id), of_name(listed, place.former_project_id)
    is_same = before is not None and now is not None and before.project_id == now.project_id
    return None if before is None or is_same or not before.memories else before


def _upwards(directory: str) -> list[str]:
    """`directory` and the folders that it lies in, the root of a file system aside: everything lies in that."""
    path = posixpath if directory.startswith("/") else ntpath
    found, parent = [directory], path.dirname(directory)
    while path.dirname(parent) != parent and len(found) < _MAX_DEPTH:
        found.append(parent)
        parent = path.dirname(parent)
    return found


def _is_known(place: Place, project_id: str, now: datetime) -> bool:
    return place.project_id == project_id and now - place.last_seen_at < _SEEN_AGAIN


def _place(row: "sqlite3.Row") -> Place:
    return Place(
        directory=row["directory"],
        client_id=row["client_id"] or None,
        project_id=row["project_id"],
        first_seen_at=moment(row["first_seen_at"]),
        last_seen_at=moment(row["last_seen_at"]),
        former_project_id=row["former_project_id"],
        former_until=None if row["former_until"] is None else moment(row["former_until"]),
    )


def _shown(name: str) -> str:
    return unfenced(one_line(name))
