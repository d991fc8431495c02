"""The end of the trash: what is removed here is gone for good, with its states, words and vectors."""

from collections.abc import Sequence
from datetime import datetime

from memory_core.engine.stores.duckdb import vectors
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import COLUMNS, memory_of, to_timestamp
from memory_core.types import Memory

_LAIN = "FROM memories WHERE deleted_at <= $before"
LAIN = f"SELECT id {_LAIN} ORDER BY deleted_at, id"
SAMPLE = f"SELECT {COLUMNS} {_LAIN} ORDER BY deleted_at, id LIMIT $limit"
DOCS = "SELECT doc FROM memories WHERE id IN {ids} UNION SELECT doc FROM revisions WHERE id IN {ids}"
_IDS = "(SELECT unnest($ids::VARCHAR[]))"
REMOVE = (
    f"DELETE FROM memories WHERE id IN {_IDS}",
    f"DELETE FROM revisions WHERE id IN {_IDS}",
    f"DELETE FROM links WHERE newer IN {_IDS} OR older IN {_IDS}",
    f"DELETE FROM uncompared WHERE id IN {_IDS}",
)
REMOVE_DOCS = "DELETE FROM {table} WHERE doc IN (SELECT unnest($docs::BIGINT[]))"


def lain_since(cursor: Cursor, before: datetime, *, sample: int) -> tuple[list[str], list[Memory]]:
    """Ids of all that has lain in the trash since before that, and the first of them."""
    values = {"before": to_timestamp(before)}
    ids = [row[0] for row in cursor.execute(LAIN, values).fetchall()]
    return ids, [memory_of(row) for row in cursor.execute(SAMPLE, values | {"limit": sample}).fetchall()]


def remove(cursor: Cursor, memory_ids: Sequence[str]) -> None:
    ids = {"ids": list(memory_ids)}
    docs = [row[0] for row in cursor.execute(DOCS.format(ids=_IDS), ids).fetchall()]
    for statement in REMOVE:
        cursor.execute(statement, ids).fetchall()
    tables = ["postings", "postings_delta", "unembedded", *(table.name for table in vectors.all_tables(cursor))]
    for table in tables:
        cursor.execute(REMOVE_DOCS.format(table=table), {"docs": docs}).fetchall()
