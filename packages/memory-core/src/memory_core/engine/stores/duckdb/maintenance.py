"""The work that waits for an idle moment, and how copies of the store are named."""

import contextlib
from datetime import UTC, datetime

import duckdb

from memory_core.engine.stores.duckdb import vectors
from memory_core.engine.stores.duckdb.database import Cursor

MERGE_FROM = 50_000  # postings written since the last merge; fewer cost a search less than a millisecond
MERGE_SHARE = 8  # and an eighth of all: each posting is then rewritten about eight times while a store grows
FORGET_FROM = 100_000  # buffers that are gone, about 25 MB: some 4,000 searches; the next search then reads from disk

COUNT_POSTINGS = "SELECT (SELECT count(*) FROM postings), (SELECT count(*) FROM postings_delta)"
# One sorted run of the living: row groups of other terms are then skipped by a search.
MERGE = (
    "CREATE TABLE merged (term VARCHAR NOT NULL, doc BIGINT NOT NULL, tf UINTEGER NOT NULL, dl UINTEGER NOT NULL)",
    """
    INSERT INTO merged
    SELECT term, doc, tf, dl
    FROM (SELECT term, doc, tf, dl FROM postings UNION ALL SELECT term, doc, tf, dl FROM postings_delta)
    WHERE doc IN (SELECT doc FROM memories UNION ALL SELECT doc FROM revisions)
    ORDER BY term, doc
    """,
    "DROP TABLE postings",
    "ALTER TABLE merged RENAME TO postings",
    "DELETE FROM postings_delta",
)
COUNT_BUFFERS = "SELECT sum(approximate_size) FROM duckdb_eviction_queues() WHERE queue_type = 'MANAGED_BUFFER'"
DROP_DEAD_VECTORS = "DELETE FROM {name} WHERE doc NOT IN (SELECT doc FROM memories UNION ALL SELECT doc FROM revisions)"


def copy_name(stem: str, middle: str) -> str:
    return f"{stem}-{middle}{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.duckdb"


def merge_due(cursor: Cursor) -> bool:
    merged, delta = cursor.execute(COUNT_POSTINGS).fetchall()[0]
    return bool(delta >= max(MERGE_FROM, merged // MERGE_SHARE))


def merge_postings(cursor: Cursor) -> None:
    for statement in MERGE:
        cursor.execute(statement).fetchall()


def drop_remains(cursor: Cursor) -> None:
    """Vectors of revisions that are gone; and those of other models, once the current one has caught up."""
    current = vectors.current_table(cursor)
    superseded = current is not None and not vectors.count_pending(cursor)
    for table in vectors.all_tables(cursor):
        if superseded and not (table.is_current or table.is_next):
            vectors.drop(cursor, table)
        else:
            cursor.execute(DROP_DEAD_VECTORS.format(name=table.name)).fetchall()


def forgetting_due(cursor: Cursor) -> bool:
    """Whether the records of past statements' buffers (see `Database.forget_cached`) take much memory."""
    return bool(cursor.execute(COUNT_BUFFERS).fetchall()[0][0] >= FORGET_FROM)


def checkpoint(cursor: Cursor) -> None:
    """Write the WAL into the file; a moment at which that is not possible is left to the next."""
    with contextlib.suppress(duckdb.TransactionException):
        cursor.execute("CHECKPOINT").fetchall()
