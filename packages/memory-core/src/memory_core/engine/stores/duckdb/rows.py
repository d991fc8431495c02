"""Memories as rows and back, column for column and exactly.

Times are TIMESTAMP in UTC: fetching a TIMESTAMPTZ would need pytz.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from memory_core.types import Memory, MemoryType

COLUMNS = (
    "id, content, memory_type, tags, source, project_id, client_id, session_id, certainty_score, quality_score, "
    "created_at, updated_at, deleted_at, expires_at, review_by, topic_key, superseded_by, revision"
)
WIDTH = COLUMNS.count(",") + 1

Row = tuple[Any, ...]  # DuckDB types no column for us; `memory_of` gives each its type again


def memory_of(row: Row) -> Memory:
    """The memory in the first `WIDTH` columns of `row`, which stand in the order of `COLUMNS`."""
    return Memory(
        id=row[0],
        content=row[1],
        memory_type=MemoryType(row[2]),
        tags=tuple(row[3]),
        source=row[4],
        project_id=row[5],
        client_id=row[6],
        session_id=row[7],
        certainty_score=row[8],
        quality_score=row[9],
        created_at=from_timestamp(row[10]),
        updated_at=from_timestamp(row[11]),
        deleted_at=_moment(row[12]),
        expires_at=_moment(row[13]),
        review_by=_moment(row[14]),
        topic_key=row[15],
        superseded_by=row[16],
        revision=row[17],
    )


def row_of(memory: Memory) -> Row:
    return (
        memory.id,
        memory.content,
        memory.memory_type.value,
        list(memory.tags),
        memory.source,
        memory.project_id,
        memory.client_id,
        memory.session_id,
        memory.certainty_score,
        memory.quality_score,
        to_timestamp(memory.created_at),
        to_timestamp(memory.updated_at),
        *map(_timestamp, (memory.deleted_at, memory.expires_at, memory.review_by)),
        memory.topic_key,
        memory.superseded_by,
        memory.revision,
    )


def columns_of(memories: Sequence[Memory]) -> dict[str, list[Any]]:
    """Column name → its values, to be bound as lists: one statement for any number of rows."""
    columns = zip(*map(row_of, memories), strict=True)
    return dict(zip(COLUMNS.split(", "), map(list, columns), strict=True))


def terms_digest(terms: Mapping[str, int]) -> bytes:
    """Equal for equal terms with equal counts: tells whether the index must change without reading it."""
    lines = "\n".join(f"{count} {term}" for term, count in sorted(terms.items()))
    return hashlib.blake2b(lines.encode(), digest_size=16).digest()


def to_timestamp(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def from_timestamp(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _moment(timestamp: datetime | None) -> datetime | None:
    return None if timestamp is None else from_timestamp(timestamp)


def _timestamp(moment: datetime | None) -> datetime | None:
    return None if moment is None else to_timestamp(moment)
