"""The lexical index made anew, when another version of the analyser made the one that is there.

All in the caller's transaction: searches see the whole old index until the whole new one is committed. Revisions keep
their numbers, so vectors stay as they are.
"""

from collections.abc import Callable

from memory_core.engine.ports import Entry
from memory_core.engine.stores.duckdb import notes, writes
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import COLUMNS, WIDTH, memory_of, terms_digest
from memory_core.types import Memory

BATCH = 1_000

CLEAR = ("DELETE FROM postings", "DELETE FROM postings_delta")
# A document may be that of several states of its memory: what they are indexed by is alike.
DOCS = "SELECT doc FROM memories UNION SELECT doc FROM revisions ORDER BY doc"
BETWEEN = """
SELECT DISTINCT ON (doc) {columns}, doc
FROM (SELECT {columns}, doc FROM memories UNION ALL SELECT {columns}, doc FROM revisions)
WHERE doc BETWEEN $low AND $high ORDER BY doc, revision DESC
"""
TABLES = ("memories", "revisions")
FRESH = """
UPDATE {table} SET dl = fresh.dl, terms_digest = fresh.terms_digest, content_digest = fresh.content_digest
FROM (
    SELECT unnest($docs::BIGINT[]) AS doc, unnest($lengths::UINTEGER[]) AS dl,
        unnest($terms_digests::BLOB[]) AS terms_digest, unnest($content_digests::UBIGINT[]) AS content_digest
) AS fresh
WHERE {table}.doc = fresh.doc
"""


def reindex(cursor: Cursor, analyser: int, analysed: Callable[[Memory], Entry]) -> int:
    """How many documents there were."""
    for statement in CLEAR:
        cursor.execute(statement).fetchall()
    docs = [row[0] for row in cursor.execute(DOCS).fetchall()]
    for start in range(0, len(docs), BATCH):
        _batch(cursor, docs[start], docs[min(start + BATCH, len(docs)) - 1], analysed)
    notes.write(cursor, notes.ANALYSER, str(analyser))
    return len(docs)


def _batch(cursor: Cursor, low: int, high: int, analysed: Callable[[Memory], Entry]) -> None:
    rows = cursor.execute(BETWEEN.format(columns=COLUMNS), {"low": low, "high": high}).fetchall()
    found = {row[WIDTH]: analysed(memory_of(row)) for row in rows}
    writes.index(cursor, {doc: entry.terms for doc, entry in found.items()})
    values = {
        "docs": list(found),
        "lengths": [sum(entry.terms.values()) for entry in found.values()],
        "terms_digests": [terms_digest(entry.terms) for entry in found.values()],
        "content_digests": [entry.digest for entry in found.values()],
    }
    for table in TABLES:
        cursor.execute(FRESH.format(table=table), values).fetchall()
