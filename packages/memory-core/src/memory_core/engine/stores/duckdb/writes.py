"""What changes memories, within the transaction of the caller: rows, postings and the embedding queue together."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from memory_core.engine.ports import Entry
from memory_core.engine.stores.duckdb import reads, vectors
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import COLUMNS, columns_of, row_of, terms_digest, to_timestamp
from memory_core.engine.stores.duckdb.scope import Condition
from memory_core.errors import ConflictError
from memory_core.types import Memory

_TYPES = dict.fromkeys(COLUMNS.split(", "), "VARCHAR") | {
    "tags": "VARCHAR[]",
    "certainty_score": "DOUBLE",
    "quality_score": "DOUBLE",
    "created_at": "TIMESTAMP",
    "updated_at": "TIMESTAMP",
    "deleted_at": "TIMESTAMP",
    "doc": "BIGINT",
    "dl": "UINTEGER",
    "terms_digest": "BLOB",
}
# One list a column and one statement for any number of rows; the types are named for lists of nothing but NULL.
INSERT_MEMORIES = (
    f"INSERT INTO memories ({', '.join(_TYPES)}) "
    f"SELECT {', '.join(f'unnest(${column}::{kind}[])' for column, kind in _TYPES.items())}"
)
UPDATE_MEMORY = "UPDATE memories SET {assignments} WHERE id = $id"
# From arrays: lists cost 3 µs a posting, and more the longer they are; these 0.3.
INSERT_POSTINGS = "INSERT INTO postings_delta SELECT term::VARCHAR, doc, tf, dl FROM incoming_postings"
NEXT_DOCS = "SELECT nextval('doc_seq') FROM range($count)"
TRASH = "UPDATE memories SET deleted_at = $trashed_at WHERE {scope} RETURNING doc"


def insert(cursor: Cursor, entries: Sequence[Entry]) -> list[int]:
    """The revisions that were made, in order. Raises ConflictError where an id is taken."""
    if not entries:
        return []
    docs = _next_docs(cursor, len(entries))
    columns = columns_of([entry.memory for entry in entries])
    columns |= {
        "doc": docs,
        "dl": [_length(entry) for entry in entries],
        "terms_digest": [terms_digest(entry.terms) for entry in entries],
    }
    try:
        cursor.execute(INSERT_MEMORIES, columns).fetchall()
    except duckdb.ConstraintException as error:
        raise ConflictError("a memory with this id is here already; nothing was stored") from error
    index(cursor, {doc: entry.terms for doc, entry in zip(docs, entries, strict=True)})
    vectors.queue(cursor, (doc for doc, entry in zip(docs, entries, strict=True) if entry.memory.deleted_at is None))
    return docs


def change(cursor: Cursor, memory_id: str, edit: Callable[[Memory], Entry | None]) -> Memory:
    memory, doc, digest = reads.row_by_id(cursor, memory_id)
    entry = edit(memory)
    if entry is None:
        return memory
    after = entry.memory
    new_digest = terms_digest(entry.terms)
    new_doc = doc
    # The same words in another order have the same terms, but another meaning: that is a new revision too.
    if new_digest != digest or after.content != memory.content:
        (new_doc,) = _next_docs(cursor, 1)
        index(cursor, {new_doc: entry.terms})
    values = dict(zip(_TYPES, (*row_of(after), new_doc, _length(entry), new_digest), strict=True))
    assignments = ", ".join(f"{column} = ${column}" for column in _TYPES if column != "id")
    cursor.execute(UPDATE_MEMORY.format(assignments=assignments), values | {"id": memory_id}).fetchall()
    if new_doc != doc or (after.deleted_at is None) != (memory.deleted_at is None):
        vectors.unqueue(cursor, [doc])
        if after.deleted_at is None and not vectors.with_vectors(cursor, [new_doc]):
            vectors.queue(cursor, [new_doc])
    return after


def trash(cursor: Cursor, where: Condition, at: datetime) -> int:
    values = where.values | {"trashed_at": to_timestamp(at)}
    docs = [row[0] for row in cursor.execute(TRASH.format(scope=where.sql), values).fetchall()]
    vectors.unqueue(cursor, docs)
    return len(docs)


def _next_docs(cursor: Cursor, count: int) -> list[int]:
    return [row[0] for row in cursor.execute(NEXT_DOCS, {"count": count}).fetchall()]


def _length(entry: Entry) -> int:
    return sum(entry.terms.values())


def index(cursor: Cursor, terms: Mapping[int, Mapping[str, int]]) -> None:
    """Write the postings of each revision; the caller knows that these have none yet."""
    distinct = np.array([len(counts) for counts in terms.values()], dtype=np.int64)
    if not distinct.sum():
        return
    lengths = np.array([sum(counts.values()) for counts in terms.values()], dtype=np.uint32)
    incoming: dict[str, NDArray[Any]] = {
        "term": np.array([term for counts in terms.values() for term in counts], dtype=np.object_),
        "doc": np.repeat(np.array(list(terms), dtype=np.int64), distinct),
        "tf": np.array([count for counts in terms.values() for count in counts.values()], dtype=np.uint32),
        "dl": np.repeat(lengths, distinct),
    }
    cursor.register("incoming_postings", incoming)
    cursor.execute(INSERT_POSTINGS).fetchall()
    cursor.unregister("incoming_postings")
