"""Questions about states: what a memory has been, what a batch did, what a client did last."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from memory_core.changes import Action, Revision
from memory_core.engine.ports import Latest
from memory_core.engine.stores.duckdb import imports
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import COLUMNS, WIDTH, from_timestamp, memory_of
from memory_core.engine.stores.duckdb.scope import OF_PROJECTS, of_projects

_STATE = f"{COLUMNS}, action, changed_at, by_key, by_client, reason, batch_id"
HISTORY = f"""
SELECT {_STATE} FROM memories WHERE id = $id UNION ALL SELECT {_STATE} FROM revisions WHERE id = $id
ORDER BY revision DESC
"""
HISTORIES = f"""
SELECT {_STATE} FROM memories WHERE id IN (SELECT unnest($ids::VARCHAR[]))
UNION ALL SELECT {_STATE} FROM revisions WHERE id IN (SELECT unnest($ids::VARCHAR[]))
ORDER BY id, revision DESC
"""
LATEST = """
SELECT id, revision, action, batch_id,
    EXISTS (FROM revisions AS former WHERE former.id = memories.id AND former.revision = memories.revision - 1)
FROM memories WHERE {which} ORDER BY id
"""
OF_MEMORY, OF_BATCH = "id = $given", "batch_id = $given"
CHANGED_SINCE = """
SELECT DISTINCT id FROM revisions
WHERE batch_id = $given AND id NOT IN (SELECT id FROM memories WHERE batch_id = $given) ORDER BY id
"""
# What the server did by itself, and whole imports, nobody means by "the last change".
LAST_OF_CLIENT = f"""
SELECT id, is_latest FROM (
    SELECT id, changed_at, by_client, action, true AS is_latest FROM memories
    UNION ALL SELECT id, changed_at, by_client, action, false FROM revisions
)
WHERE by_client IS NOT DISTINCT FROM $client_id AND action NOT IN ('expire', 'import')
AND id IN (SELECT id FROM memories WHERE {OF_PROJECTS})
ORDER BY changed_at DESC, is_latest DESC, id LIMIT 1
"""


def history(cursor: Cursor, memory_id: str) -> list[Revision]:
    """The latest first; none where there is no such memory."""
    return [_revision(row) for row in cursor.execute(HISTORY, {"id": memory_id}).fetchall()]


def histories(cursor: Cursor, memory_ids: Sequence[str]) -> dict[str, tuple[Revision, ...]]:
    if not memory_ids:
        return {}
    rows = cursor.execute(HISTORIES, {"ids": list(memory_ids)}).fetchall()
    return {of: tuple(map(_revision, states)) for of, states in groupby(rows, key=lambda row: str(row[0]))}


def latest_of(cursor: Cursor, memory_id: str) -> list[Latest]:
    return _latest(cursor, OF_MEMORY, memory_id)


def latest_of_batch(cursor: Cursor, batch_id: str) -> list[Latest]:
    """Of memories that nobody has changed since. What an import brought with its past was not here before either."""
    brought, _ = imports.unchanged_and_changed(cursor, batch_id)
    return _latest(cursor, OF_BATCH, batch_id) + [
        Latest(memory_id=memory_id, revision=revision, action=Action.IMPORT, batch_id=batch_id, has_former=False)
        for memory_id, revision in brought.items()
    ]


def changed_since(cursor: Cursor, batch_id: str) -> list[str]:
    """Ids of memories that the batch changed, and others have changed again."""
    _, changed = imports.unchanged_and_changed(cursor, batch_id)
    return [row[0] for row in cursor.execute(CHANGED_SINCE, {"given": batch_id}).fetchall()] + changed


def last_changed_by(cursor: Cursor, client_id: str | None, projects: Sequence[str] | None) -> tuple[str, bool] | None:
    rows = cursor.execute(LAST_OF_CLIENT, {"client_id": client_id} | of_projects(projects)).fetchall()
    return (rows[0][0], rows[0][1]) if rows else None


def _latest(cursor: Cursor, which: str, given: str) -> list[Latest]:
    rows = cursor.execute(LATEST.format(which=which), {"given": given}).fetchall()
    return [
        Latest(memory_id=row[0], revision=row[1], action=Action(row[2]), batch_id=row[3], has_former=row[4])
        for row in rows
    ]


def _revision(row: tuple[Any, ...]) -> Revision:  # Any: DuckDB types no column for us
    memory = memory_of(row)
    action, at, key, client_id, reason, batch_id = row[WIDTH:]
    return Revision(
        revision=memory.revision,
        action=Action(action),
        at=from_timestamp(at),
        key=key,
        client_id=client_id,
        reason=reason,
        batch_id=batch_id,
        memory=memory,
    )
