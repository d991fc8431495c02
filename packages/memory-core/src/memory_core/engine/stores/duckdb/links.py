"""Pairs of memories that say nearly the same, until a person has said what is to become of them.

A pair is open while both of it are here: one in the trash or superseded takes it off the list, and brings it back with
it. Nothing but `settle` closes it for good.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from memory_core.changes import Alike, Kind, Pair
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import COLUMNS, WIDTH, from_timestamp, memory_of, to_timestamp
from memory_core.engine.stores.duckdb.scope import OF_PROJECTS, of_projects
from memory_core.types import Memory

KNOWN = """
SELECT count(*) FROM links
WHERE (newer = $newer AND older = $older) OR (newer = $older AND older = $newer)
"""
LINK = """
INSERT INTO links (newer, older, kind, similarity, differences, found_at)
VALUES ($newer, $older, $kind, $similarity, $differences, $found_at)
"""
FORGET_OPEN = "DELETE FROM links WHERE (newer = $id OR older = $id) AND settled IS NULL"
SETTLE = """
UPDATE links SET settled = $how
WHERE ((newer = $one AND older = $other) OR (newer = $other AND older = $one)) AND settled IS NULL RETURNING newer
"""
_HERE = "deleted_at IS NULL AND superseded_by IS NULL"
_OPEN = f"""
FROM links
JOIN (FROM memories WHERE {_HERE} AND {OF_PROJECTS}) AS a ON a.id = links.newer
JOIN (FROM memories WHERE {_HERE} AND {OF_PROJECTS}) AS b ON b.id = links.older
WHERE settled IS NULL
"""
_OF = ", ".join(f"{{side}}.{column}" for column in COLUMNS.split(", "))
PAIRS = (
    f"SELECT {_OF.format(side='a')}, {_OF.format(side='b')}, kind, similarity, differences, found_at {_OPEN} "
    "ORDER BY found_at DESC, newer, older LIMIT $limit"
)
COUNT_PAIRS = f"SELECT count(*) {_OPEN}"
_OVERDUE = f"FROM memories WHERE {_HERE} AND review_by <= $now AND {OF_PROJECTS}"
OVERDUE = f"SELECT {COLUMNS} {_OVERDUE} ORDER BY review_by, id LIMIT $limit"
COUNT_OVERDUE = f"SELECT count(*) {_OVERDUE}"
REMEMBER = "INSERT INTO uncompared SELECT unnest($ids::VARCHAR[])"
WAITING = f"SELECT {COLUMNS} FROM memories WHERE {_HERE} AND id IN (SELECT id FROM uncompared) ORDER BY id LIMIT $limit"
COMPARED = "DELETE FROM uncompared WHERE id IN (SELECT unnest($ids::VARCHAR[]))"
# What is in the trash, or gone, waits for nothing.
DROP_WAITING = f"DELETE FROM uncompared WHERE id NOT IN (SELECT id FROM memories WHERE {_HERE})"


def link(cursor: Cursor, newer: str, alike: Sequence[Alike], found_at: datetime) -> None:
    """Pairs that are known, be they settled, stay as they are."""
    for one in alike:
        pair = {"newer": newer, "older": one.memory_id}
        if cursor.execute(KNOWN, pair).fetchall()[0][0]:
            continue
        values = {
            "kind": one.kind.value,
            "similarity": one.similarity,
            "differences": json.dumps(one.differences),
            "found_at": to_timestamp(found_at),
        }
        cursor.execute(LINK, pair | values).fetchall()


def forget_open(cursor: Cursor, memory_id: str) -> None:
    """Its text is another one now: what it was like says nothing any more."""
    cursor.execute(FORGET_OPEN, {"id": memory_id}).fetchall()


def settle(cursor: Cursor, one: str, other: str, how: str) -> bool:
    """False where the two are no open pair."""
    return bool(cursor.execute(SETTLE, {"one": one, "other": other, "how": how}).fetchall())


def pairs(cursor: Cursor, projects: Sequence[str] | None, *, limit: int) -> tuple[int, list[Pair]]:
    values = of_projects(projects)
    count = cursor.execute(COUNT_PAIRS, values).fetchall()[0][0]
    rows = cursor.execute(PAIRS, values | {"limit": limit}).fetchall()
    return int(count), [_pair(row) for row in rows]


def overdue(cursor: Cursor, projects: Sequence[str] | None, now: datetime, *, limit: int) -> tuple[int, list[Memory]]:
    values = of_projects(projects) | {"now": to_timestamp(now)}
    count = cursor.execute(COUNT_OVERDUE, values).fetchall()[0][0]
    return int(count), [memory_of(row) for row in cursor.execute(OVERDUE, values | {"limit": limit}).fetchall()]


def remember_uncompared(cursor: Cursor, memory_ids: Sequence[str]) -> None:
    cursor.execute(REMEMBER, {"ids": list(memory_ids)}).fetchall()


def uncompared(cursor: Cursor, *, limit: int) -> list[Memory]:
    return [memory_of(row) for row in cursor.execute(WAITING, {"limit": limit}).fetchall()]


def compared(cursor: Cursor, memory_ids: Sequence[str]) -> None:
    cursor.execute(COMPARED, {"ids": list(memory_ids)}).fetchall()
    cursor.execute(DROP_WAITING).fetchall()


def _pair(row: tuple[Any, ...]) -> Pair:  # Any: DuckDB types no column for us
    kind, similarity, differences, found_at = row[2 * WIDTH :]
    return Pair(
        newer=memory_of(row),
        older=memory_of(row[WIDTH:]),
        kind=Kind(kind),
        similarity=similarity,
        differences=tuple(json.loads(differences)),
        found_at=from_timestamp(found_at),
    )
