"""Whether the parts of a store fit together. Each question counts what does not; a healthy store answers 0 to all.

Postings and vectors of a revision that is gone are no fault: they join nothing, and `maintain` clears them.
"""

from memory_core.engine.stores.duckdb import vectors
from memory_core.engine.stores.duckdb.database import Cursor

UNINDEXED = """
SELECT count(*) FROM memories LEFT JOIN (
    SELECT doc, sum(tf) AS terms
    FROM (SELECT doc, tf FROM postings UNION ALL SELECT doc, tf FROM postings_delta) GROUP BY doc
) AS indexed USING (doc)
WHERE coalesce(indexed.terms, 0) <> memories.dl
"""
SHARED = "SELECT count(*) FROM (SELECT doc FROM memories GROUP BY doc HAVING count(*) > 1)"
# A number that the sequence has not given yet would one day be another memory's.
NEVER_GIVEN = """
SELECT count(*) FROM (
    SELECT doc FROM memories UNION ALL SELECT doc FROM postings UNION ALL SELECT doc FROM postings_delta
    UNION ALL SELECT doc FROM unembedded
) WHERE doc > (
    SELECT coalesce(last_value, start_value - 1) FROM duckdb_sequences()
    WHERE sequence_name = 'doc_seq' AND database_name = current_database()
)
"""
QUEUED_TWICE = """
SELECT count(*) FROM unembedded
WHERE doc NOT IN (SELECT doc FROM memories WHERE deleted_at IS NULL) OR doc IN (SELECT doc FROM {vectors})
"""
FORGOTTEN = """
SELECT count(*) FROM memories WHERE deleted_at IS NULL
    AND doc NOT IN (SELECT doc FROM {vectors}) AND doc NOT IN (SELECT doc FROM unembedded)
"""
NUMBERED_WRONGLY = """
SELECT count(*) FROM (SELECT doc FROM {vectors} GROUP BY doc HAVING count(*) <> max(piece) + 1 OR min(piece) <> 0)
"""
QUESTIONS = {
    "memories whose words are not all in the index": UNINDEXED,
    "revisions that two memories share": SHARED,
    "rows of a revision that was never made": NEVER_GIVEN,
}
OF_VECTORS = {
    "entries of the embedding queue for what has no need of it": QUEUED_TWICE,
    "memories that have no vector and do not wait for one": FORGOTTEN,
    "memories whose pieces are not numbered through": NUMBERED_WRONGLY,
}


def flaws(cursor: Cursor) -> list[str]:
    """What does not fit, with how much of it there is; empty for a healthy store."""
    found = {what: _count(cursor, question) for what, question in QUESTIONS.items()}
    current = vectors.current_table(cursor)
    if current is not None:
        found |= {what: _count(cursor, question.format(vectors=current.name)) for what, question in OF_VECTORS.items()}
    return [f"{count:,} {what}" for what, count in found.items() if count]


def _count(cursor: Cursor, question: str) -> int:
    return int(cursor.execute(question).fetchall()[0][0])
