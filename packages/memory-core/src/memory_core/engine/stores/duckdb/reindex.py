"""The lexical index made anew, when another version of the analyser made the one that is there.

All in the caller's transaction: searches see the whole old index until the whole new one is committed. Revisions keep
their numbers, so vectors stay as they are.
"""

from collections.abc import Callable, Mapping

from memory_core.engine.stores.duckdb import notes, writes
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import COLUMNS, WIDTH, memory_of, terms_digest
from memory_core.types import Memory

BATCH = 1_000

CLEAR = ("DELETE FROM postings", "DELETE FROM postings_delta")
DOCS = "SELECT doc FROM memories ORDER BY doc"
BETWEEN = "SELECT {columns}, doc FROM memories WHERE doc BETWEEN $low AND $high ORDER BY doc"
NEW_LENGTHS = """
UPDATE memories SET dl = fresh.dl, terms_digest = fresh.digest
FROM (
    SELECT unnest($docs::BIGINT[]) AS doc, unnest($lengths::UINTEGER[]) AS dl, unnest($digests::BLOB[]) AS digest
) AS fresh
WHERE memories.doc = fresh.doc
"""


def reindex(cursor: Cursor, analyser: int, terms: Callable[[Memory], Mapping[str, int]]) -> int:
    """How many memories there were."""
    for statement in CLEAR:
        cursor.execute(statement).fetchall()
    docs = [row[0] for row in cursor.execute(DOCS).fetchall()]
    for start in range(0, len(docs), BATCH):
        _batch(cursor, docs[start], docs[min(start + BATCH, len(docs)) - 1], terms)
    notes.write(cursor, notes.ANALYSER, str(analyser))
    return len(docs)


def _batch(cursor: Cursor, low: int, high: int, terms: Callable[[Memory], Mapping[str, int]]) -> None:
    rows = cursor.execute(BETWEEN.format(columns=COLUMNS), {"low": low, "high": high}).fetchall()
    found = {row[WIDTH]: terms(memory_of(row)) for row in rows}
    writes.index(cursor, found)
    values = {
        "docs": list(found),
        "lengths": [sum(each.values()) for each in found.values()],
        "digests": [terms_digest(each) for each in found.values()],
    }
    cursor.execute(NEW_LENGTHS, values).fetchall()
