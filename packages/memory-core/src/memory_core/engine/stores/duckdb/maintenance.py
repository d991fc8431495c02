"""Copies of the whole store, and the work that waits for an idle moment."""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from memory_core.engine.stores.duckdb import vectors
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.files import sync_file, sync_folder

MERGE_FROM = 50_000  # postings written since the last merge; fewer cost a search less than a millisecond
MERGE_SHARE = 8  # and an eighth of all: each posting is then rewritten about eight times while a store grows
FORGET_FROM = 100_000  # buffers that are gone, about 25 MB: some 4,000 searches; the next search then reads from disk

ATTACH = "ATTACH $path AS {name}"
COPY = "COPY FROM DATABASE {source} TO {name}"
DETACH = "DETACH {name}"
SOURCE = "SELECT current_database()"
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


def copy_database(cursor: Cursor, target: Path) -> None:
    """Write a consistent copy of the store to the new file `target`, durable under that name or not there at all."""
    temporary = target.with_name(f".{target.name}")
    temporary.unlink(missing_ok=True)
    name = f"copy_{os.urandom(6).hex()}"
    source = cursor.execute(SOURCE).fetchall()[0][0].replace('"', '""')
    try:
        cursor.execute(ATTACH.format(name=name), {"path": str(temporary)}).fetchall()
        try:
            cursor.execute(COPY.format(source=f'"{source}"', name=name)).fetchall()
        finally:
            cursor.execute(DETACH.format(name=name)).fetchall()
        _publish(temporary, target)
    finally:
        for leftover in (temporary, temporary.with_name(temporary.name + ".wal")):
            leftover.unlink(missing_ok=True)


def copy_name(stem: str, middle: str) -> str:
    return f"{stem}-{middle}{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.duckdb"


def _publish(temporary: Path, target: Path) -> None:
    """Durable and readable by its owner alone before it has its name."""
    temporary.chmod(0o600)
    sync_file(temporary)
    temporary.replace(target)
    sync_folder(target.parent)


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
