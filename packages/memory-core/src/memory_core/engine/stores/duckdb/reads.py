"""Questions about memories that no ranking is in: by id, newest, containing a text, counted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from memory_core.engine.ports import Counts, Usage, Wanted
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import COLUMNS, from_timestamp, memory_of, to_timestamp
from memory_core.engine.stores.duckdb.scope import OF_PROJECTS, Condition, condition, containing, of_projects
from memory_core.engine.stores.duckdb.vectors import current_table
from memory_core.errors import NotFoundError
from memory_core.types import Memory, Scope

BY_ID = "SELECT {columns}, doc, terms_digest FROM memories WHERE id = $id"
AMONG = f"SELECT {COLUMNS} FROM memories WHERE id IN (SELECT unnest($ids::VARCHAR[]))"
IDS_LIKE = f"SELECT id FROM memories WHERE starts_with(id, $prefix) AND {OF_PROJECTS} ORDER BY id LIMIT $limit"
NEWEST = "SELECT {columns} FROM {scope} ORDER BY created_at DESC, id DESC LIMIT $limit"
BELOW = "created_at <= $at AND (created_at < $at OR id < $id)"  # the first half alone skips whole row groups
# One pass that keeps no more than it gives: sorting each kind would take three times as long.
OPENING = """
SELECT count(*), max((updated_at, id), $each)
FROM (
    SELECT updated_at, id, CASE WHEN list_contains(tags, $tag) THEN 0
        ELSE coalesce(nullif(list_position($types::VARCHAR[], memory_type), 0), 1000) END AS kind
    FROM {scope}
)
GROUP BY kind
"""
CHANGED_AFTER = "updated_at >= $changed_after"
NOT_EXCLUDED = "id NOT IN (SELECT unnest($exclude::VARCHAR[]))"
OF_IDS = "SELECT {columns} FROM {scope} AND id = ANY($ids::VARCHAR[])"
IDS = "SELECT id FROM {scope} ORDER BY id"
_HERE = "FROM memories WHERE deleted_at IS NULL AND superseded_by IS NULL"
_OF_PROJECT = "project_id IS NOT DISTINCT FROM $project_id"
REPEATS = (
    f"SELECT {COLUMNS} {_HERE} AND content_digest = $digest AND memory_type = $memory_type AND {_OF_PROJECT} "
    "ORDER BY created_at, id"
)
OF_TOPIC = f"SELECT {COLUMNS} {_HERE} AND topic_key = $topic_key AND {_OF_PROJECT} ORDER BY created_at, id LIMIT 1"
EXPIRED = "SELECT id FROM memories WHERE deleted_at IS NULL AND expires_at <= $at ORDER BY id"
NEXT_EXPIRY = "SELECT min(expires_at) FROM memories WHERE deleted_at IS NULL"
COUNT = "SELECT count(*) FROM {scope}"
COUNT_BY = "SELECT coalesce({column}, ''), count(*) FROM {scope} GROUP BY ALL ORDER BY ALL"
COUNT_EMBEDDED = "SELECT count(*) FROM {scope} AND doc IN (SELECT doc FROM {vectors})"
# Who made the earliest state that is kept: an import may bring a memory that begins with a later one than the first.
# In two halves, each of which begins with the states of the key, so that those of others cost next to nothing.
USAGE = """
WITH begun AS (
    SELECT id FROM revisions AS state WHERE by_key = $key
        AND NOT EXISTS (FROM revisions AS before WHERE before.id = state.id AND before.revision < state.revision)
)
SELECT count(*), coalesce(sum(size), 0) FROM (
    SELECT strlen(content) AS size FROM memories WHERE by_key = $key AND deleted_at IS NULL
        AND NOT EXISTS (FROM revisions WHERE revisions.id = memories.id)
    UNION ALL
    SELECT strlen(content) FROM memories WHERE deleted_at IS NULL AND id IN (FROM begun)
)
"""


def row_by_id(cursor: Cursor, memory_id: str) -> tuple[Memory, int, bytes]:
    """The memory, in the trash or not, with its revision and the digest of its terms."""
    rows = cursor.execute(BY_ID.format(columns=COLUMNS), {"id": memory_id}).fetchall()
    if not rows:
        raise NotFoundError(f"there is no memory {memory_id}")
    return memory_of(rows[0]), rows[0][-2], rows[0][-1]


def by_id(cursor: Cursor, memory_id: str, *, trashed: bool | None) -> Memory:
    memory, _, _ = row_by_id(cursor, memory_id)
    if trashed is not None and trashed != (memory.deleted_at is not None):
        where = "not in the trash" if trashed else "in the trash; restore it first"
        raise NotFoundError(f"memory {memory_id} is {where}")
    return memory


def among(cursor: Cursor, memory_ids: Sequence[str]) -> list[Memory]:
    return [memory_of(row) for row in cursor.execute(AMONG, {"ids": list(memory_ids)}).fetchall()]


def ids_like(cursor: Cursor, prefix: str, *, limit: int, projects: Sequence[str] | None = None) -> list[str]:
    values = {"prefix": prefix, "limit": limit} | of_projects(projects)
    return [row[0] for row in cursor.execute(IDS_LIKE, values).fetchall()]


def ids(cursor: Cursor, where: Condition) -> list[str]:
    return [row[0] for row in cursor.execute(IDS.format(scope=where.sql), where.values).fetchall()]


def repeats(cursor: Cursor, memory: Memory, digest: int) -> list[Memory]:
    """What is here with that digest, of the same project and type, the oldest first."""
    values = {"digest": digest, "memory_type": memory.memory_type.value, "project_id": memory.project_id}
    return [memory_of(row) for row in cursor.execute(REPEATS, values).fetchall()]


def of_topic(cursor: Cursor, project_id: str | None, topic_key: str) -> Memory | None:
    rows = cursor.execute(OF_TOPIC, {"project_id": project_id, "topic_key": topic_key}).fetchall()
    return memory_of(rows[0]) if rows else None


def expired(cursor: Cursor, at: datetime) -> list[str]:
    return [row[0] for row in cursor.execute(EXPIRED, {"at": to_timestamp(at)}).fetchall()]


def next_expiry(cursor: Cursor) -> datetime | None:
    moment = cursor.execute(NEXT_EXPIRY).fetchall()[0][0]
    return None if moment is None else from_timestamp(moment)


def newest(cursor: Cursor, scope: Scope, *, limit: int, before: tuple[datetime, str] | None) -> list[Memory]:
    where = condition(scope)
    if before is not None:
        where = _and(where, BELOW, {"at": to_timestamp(before[0]), "id": before[1]})
    return _memories(cursor, NEWEST, where, limit=limit)


def opening(cursor: Cursor, scope: Scope, wanted: Wanted) -> tuple[int, list[Memory]]:
    where = left = condition(scope)
    if wanted.changed_after is not None:
        left = _and(left, CHANGED_AFTER, {"changed_after": to_timestamp(wanted.changed_after)})
    if wanted.exclude:
        left = _and(left, NOT_EXCLUDED, {"exclude": list(wanted.exclude)})
    kinds = {"each": wanted.each, "tag": wanted.tag, "types": [kind.value for kind in wanted.types]}
    rows = cursor.execute(OPENING.format(scope=left.sql), left.values | kinds).fetchall()
    ids = [memory_id for _, latest in rows for _, memory_id in latest]
    return sum(count for count, _ in rows), _memories(cursor, OF_IDS, where, ids=ids) if ids else []


def purgeable(scope: Scope, content_contains: str | None) -> Condition:
    """What a purge takes: of the scope, and with that text where one is given."""
    where = condition(scope)
    return where if content_contains is None else containing(where, [content_contains])


def matching(cursor: Cursor, where: Condition, *, limit: int) -> tuple[int, list[Memory]]:
    return _count(cursor, COUNT, where), _memories(cursor, NEWEST, where, limit=limit)


def counts(cursor: Cursor, live: Condition, in_trash: Condition) -> Counts:
    vectors = current_table(cursor)
    by = {column: _count_by(cursor, column, live) for column in ("memory_type", "client_id", "project_id")}
    return Counts(
        total=_count(cursor, COUNT, live),
        with_vectors=_count(cursor, COUNT_EMBEDDED, live, vectors=vectors.name) if vectors else 0,
        in_trash=_count(cursor, COUNT, in_trash),
        by_type=by["memory_type"],
        by_client=by["client_id"],
        by_project=by["project_id"],
    )


def usage(cursor: Cursor, key: str) -> Usage:
    memories, content_bytes = cursor.execute(USAGE, {"key": key}).fetchall()[0]
    return Usage(memories=memories, content_bytes=int(content_bytes))


def _and(where: Condition, sql: str, values: dict[str, Any]) -> Condition:
    return Condition(f"{where.sql} AND {sql}", where.values | values)


def _memories(cursor: Cursor, question: str, where: Condition, **values: object) -> list[Memory]:
    return [
        memory_of(row)
        for row in cursor.execute(question.format(columns=COLUMNS, scope=where.sql), where.values | values).fetchall()
    ]


def _count(cursor: Cursor, question: str, where: Condition, **names: str) -> int:
    rows = cursor.execute(question.format(scope=where.sql, **names), where.values).fetchall()
    return int(rows[0][0])


def _count_by(cursor: Cursor, column: str, where: Condition) -> dict[str, int]:
    return dict(cursor.execute(COUNT_BY.format(column=column, scope=where.sql), where.values).fetchall())
