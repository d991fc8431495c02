"""What of a store can be made anew from its memories, or belongs to none: mended within the caller's transaction.

No row of `memories` or `revisions` is ever removed here. Of these, only what the analyser makes of a content is
written again. Every step may be repeated, and does nothing where nothing is wrong.
"""

from collections.abc import Callable, Iterator

from memory_core.engine.backups.ports import GoOn
from memory_core.engine.ports import Entry
from memory_core.engine.stores.duckdb import integrity, reindex, vectors
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.maintenance import DROP_DEAD_VECTORS
from memory_core.errors import UnavailableError
from memory_core.types import Memory

_DEAD = "doc NOT IN (SELECT doc FROM memories UNION ALL SELECT doc FROM revisions)"
DROP_LINKS = """
DELETE FROM links WHERE newer NOT IN (SELECT id FROM memories) OR older NOT IN (SELECT id FROM memories)
"""
DROP_UNCOMPARED = "DELETE FROM uncompared WHERE id NOT IN (SELECT id FROM memories)"
DROP_POSTINGS = (f"DELETE FROM postings WHERE {_DEAD}", f"DELETE FROM postings_delta WHERE {_DEAD}")
DROP_QUEUED = f"DELETE FROM unembedded WHERE {_DEAD}"
DROP_PIECES = f"DELETE FROM {{vectors}} WHERE doc IN ({integrity.NUMBERED_WRONGLY})"
QUEUE_LACKING = "INSERT INTO unembedded SELECT doc FROM memories WHERE deleted_at IS NULL AND doc NOT IN {vectors}"
MISSING_NUMBERS = f"""
SELECT coalesce(max(doc), 0) - ({integrity.LAST_GIVEN})
FROM (SELECT doc FROM memories UNION ALL SELECT doc FROM revisions)
"""
GIVE_NUMBERS = "SELECT max(nextval('doc_seq')) FROM range($count)"
MOST_NUMBERS = 100_000_000  # some seconds' worth


def repair(
    cursor: Cursor, analyser: int, analysed: Callable[[Memory], Entry], digest: Callable[[str], int], go_on: GoOn
) -> list[str]:
    """What was done, a sentence each."""
    return [
        *_dropped(cursor),
        *_numbered(cursor),
        *_indexed(cursor, analyser, analysed, digest, go_on),
        *_queued(cursor),
    ]


def _dropped(cursor: Cursor) -> Iterator[str]:
    """What belongs to no memory."""
    if links := _count(cursor, DROP_LINKS):
        yield f"dropped links of memories that are gone: {links:,}"
    if waiting := _count(cursor, DROP_UNCOMPARED):
        yield f"dropped from what waits to be compared, memories that are gone: {waiting:,}"
    if postings := sum(_count(cursor, statement) for statement in DROP_POSTINGS):
        yield f"dropped entries of the index for what is gone: {postings:,}"
    _count(cursor, DROP_QUEUED)  # what is wrong with the queue is said below
    tables = vectors.all_tables(cursor)
    if dead := sum(_count(cursor, DROP_DEAD_VECTORS.format(name=table.name)) for table in tables):
        yield f"dropped vectors of what is gone: {dead:,}"
    if broken := sum(_count(cursor, DROP_PIECES.format(vectors=table.name)) for table in tables):
        yield f"dropped vectors that did not belong together and are made anew: {broken:,}"


def _numbered(cursor: Cursor) -> Iterator[str]:
    missing = integrity.count(cursor, MISSING_NUMBERS)
    if missing > MOST_NUMBERS:
        raise UnavailableError("a memory has a number too far ahead to be repaired here; put a backup in its place")
    if missing > 0:
        cursor.execute(GIVE_NUMBERS, {"count": missing}).fetchall()
        yield f"passed over numbers that memories have already: {missing:,}"


def _indexed(
    cursor: Cursor, analyser: int, analysed: Callable[[Memory], Entry], digest: Callable[[str], int], go_on: GoOn
) -> Iterator[str]:
    if integrity.index_is_wrong(cursor, digest, go_on):
        documents = reindex.reindex(cursor, analyser, analysed)
        yield f"made the index anew, documents in it: {documents:,}"


def _queued(cursor: Cursor) -> Iterator[str]:
    if integrity.queue_is_wrong(cursor):
        cursor.execute(vectors.CLEAR_QUEUE).fetchall()
        queued = _count(cursor, QUEUE_LACKING.format(vectors=integrity.embedded(cursor)))
        yield f"made the embedding queue anew, memories in it: {queued:,}"


def _count(cursor: Cursor, statement: str) -> int:
    """How many rows a statement changed."""
    return int(cursor.execute(statement).fetchall()[0][0])
