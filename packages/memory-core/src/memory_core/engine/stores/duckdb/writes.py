"""What changes memories, within the transaction of the caller: rows, postings and the embedding queue together.

Every change puts the state before it into `revisions`; nothing else writes there.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from memory_core.changes import Action
from memory_core.engine.ports import Act, Entry, Past
from memory_core.engine.stores.duckdb import reads, vectors
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import COLUMNS, Row, row_of, terms_digest, to_timestamp
from memory_core.engine.stores.duckdb.scope import Condition
from memory_core.errors import ConflictError
from memory_core.types import Memory

_OF_THE_ACT = {
    "changed_at": "TIMESTAMP",
    "action": "VARCHAR",
    "by_key": "VARCHAR",
    "by_client": "VARCHAR",
    "reason": "VARCHAR",
    "batch_id": "VARCHAR",
}
_TYPES = (
    dict.fromkeys(COLUMNS.split(", "), "VARCHAR")
    | {"tags": "VARCHAR[]", "certainty_score": "DOUBLE", "quality_score": "DOUBLE", "revision": "INTEGER"}
    | dict.fromkeys(("created_at", "updated_at", "deleted_at", "expires_at", "review_by"), "TIMESTAMP")
    | _OF_THE_ACT
    | {"doc": "BIGINT", "dl": "UINTEGER", "terms_digest": "BLOB", "content_digest": "UBIGINT"}
)
STATE = ", ".join(_TYPES)
# One list a column and one statement for any number of rows; the types are named for lists of nothing but NULL.
_LISTS = ", ".join(f"unnest(${column}::{kind}[])" for column, kind in _TYPES.items())
INSERT_MEMORIES = f"INSERT INTO memories ({STATE}) SELECT {_LISTS}"
INSERT_REVISIONS = f"INSERT INTO revisions ({STATE}, valid_to) SELECT {_LISTS}, unnest($valid_to::TIMESTAMP[])"
# The clock may have been set back: a state does not begin before the one that it follows.
KEEP_STATES = f"INSERT INTO revisions ({STATE}, valid_to) SELECT {STATE}, greatest($at, changed_at) FROM {{scope}}"
_VALUES = {name: f"${name}" for name in _TYPES if name != "id"} | {"changed_at": "greatest($changed_at, changed_at)"}
UPDATE_MEMORY = (
    f"UPDATE memories SET {', '.join(f'{name} = {value}' for name, value in _VALUES.items())} WHERE id = $id"
)
_ACTED = (
    "revision = memories.revision + 1, changed_at = greatest($changed_at, memories.changed_at), action = $action, "
    "by_key = $by_key, by_client = $by_client, reason = $reason, batch_id = $batch_id"
)
TRASH = f"UPDATE memories SET deleted_at = $changed_at, {_ACTED} WHERE id IN (SELECT id FROM {{scope}})"
DOCS_OF = "SELECT doc FROM {scope}"
MOVE = f"UPDATE memories SET project_id = $moved_to, {_ACTED} WHERE id IN (SELECT id FROM {{scope}})"
_FORMER = [name for name in _TYPES if name not in ("id", "project_id", "expires_at", "revision", *_OF_THE_ACT)]
# What was of a project whose name means another one by now is of that.
_WANTED = """
revisions AS former
JOIN (SELECT unnest($ids::VARCHAR[]) AS id, unnest($numbers::INTEGER[]) AS number) AS wanted
    ON former.id = wanted.id AND former.revision = wanted.number
LEFT JOIN project_aliases AS meant ON meant.alias = former.project_id
WHERE memories.id = former.id
"""
_FORMER_PROJECT = "project_id = coalesce(meant.project_id, former.project_id)"
# What had an end that has passed comes back without it: else it would leave again at once.
REVERT = f"""
UPDATE memories
SET {", ".join(f"{name} = former.{name}" for name in _FORMER)}, {_FORMER_PROJECT},
    expires_at = CASE WHEN former.expires_at > $changed_at THEN former.expires_at END, {_ACTED} FROM {_WANTED}
"""
# Where nothing but the project is another: a row whose tags are written, or that RETURNING is asked of, is written anew
# as a whole, which takes several times as long.
MOVED_ONLY = f"""
SELECT memories.id FROM memories, {_WANTED}
AND {" AND ".join(f"memories.{name} IS NOT DISTINCT FROM former.{name}" for name in (*_FORMER, "expires_at"))}
AND coalesce(former.expires_at > $changed_at, true)
"""
MOVE_BACK = f"UPDATE memories SET {_FORMER_PROJECT}, {_ACTED} FROM {_WANTED}"
GIVEN = "memories WHERE id IN (SELECT unnest($ids::VARCHAR[]))"
DOCS = f"SELECT doc, deleted_at IS NULL FROM {GIVEN}"
# From arrays: lists cost 3 µs a posting, and more the longer they are; these 0.3.
INSERT_POSTINGS = "INSERT INTO postings_delta SELECT term::VARCHAR, doc, tf, dl FROM incoming_postings"
NEXT_DOCS = "SELECT nextval('doc_seq') FROM range($count)"


def insert(
    cursor: Cursor, entries: Sequence[Entry], act: Act | None = None, pasts: Mapping[str, Past] | None = None
) -> list[int]:
    """The documents that were made, in order. `pasts` are by memories' ids. Raises ConflictError where one is taken."""
    if not entries:
        return []
    pasts = pasts or {}
    docs = _next_docs(cursor, len(entries))
    rows = [_state(entry, doc, _beginning(entry.memory, act, pasts)) for entry, doc in zip(entries, docs, strict=True)]
    try:
        cursor.execute(INSERT_MEMORIES, _columns(rows)).fetchall()
    except duckdb.ConstraintException as error:
        raise ConflictError("a memory with this id is here already; nothing was stored") from error
    index(cursor, {doc: entry.terms for doc, entry in zip(docs, entries, strict=True)})
    vectors.queue(cursor, (doc for doc, entry in zip(docs, entries, strict=True) if entry.memory.deleted_at is None))
    for entry, doc in zip(entries, docs, strict=True):
        if entry.memory.id in pasts:
            _insert_past(cursor, entry, doc, pasts[entry.memory.id])
    return docs


def _beginning(memory: Memory, act: Act | None, pasts: Mapping[str, Past]) -> Act:
    if memory.id in pasts:
        return pasts[memory.id].act
    # What is brought here from elsewhere has been so since it was created, as far as we know.
    return replace(act or Act.of(memory), at=memory.created_at)


def _insert_past(cursor: Cursor, entry: Entry, doc: int, past: Past) -> None:
    """Backwards: a state with the text of the next one has its document too."""
    rows: list[Row] = []
    ends: list[datetime] = []
    until = past.act.at
    for state, act in past.states:
        if (state.terms, state.memory.content) != (entry.terms, entry.memory.content):
            (doc,) = _next_docs(cursor, 1)
            index(cursor, {doc: state.terms})
        rows.append(_state(state, doc, act))
        ends.append(to_timestamp(until))
        entry, until = state, act.at
    if rows:
        cursor.execute(INSERT_REVISIONS, _columns(rows) | {"valid_to": ends}).fetchall()


def change(cursor: Cursor, memory_id: str, edit: Callable[[Memory], Entry | None], act: Act | None = None) -> Memory:
    memory, doc, digest = reads.row_by_id(cursor, memory_id)
    entry = edit(memory)
    if entry is None:
        return memory
    entry = replace(entry, memory=replace(entry.memory, revision=memory.revision + 1))
    after = entry.memory
    new_doc = doc
    # The same words in another order have the same terms, but another meaning: that is a new revision too.
    if terms_digest(entry.terms) != digest or after.content != memory.content:
        (new_doc,) = _next_docs(cursor, 1)
        index(cursor, {new_doc: entry.terms})
    act = act or Act.of(after, action=Action.UPDATE)
    _keep_states(cursor, Condition(GIVEN, {"ids": [memory_id]}), act)
    cursor.execute(UPDATE_MEMORY, dict(zip(_TYPES, _state(entry, new_doc, act), strict=True))).fetchall()
    if new_doc != doc or (after.deleted_at is None) != (memory.deleted_at is None):
        vectors.unqueue(cursor, [doc])
        if after.deleted_at is None:
            vectors.queue_lacking(cursor, [new_doc])
    return after


def trash(cursor: Cursor, where: Condition, act: Act) -> int:
    """All of `where`, which are memories of now; how many those were."""
    _keep_states(cursor, where, act)
    docs = cursor.execute(DOCS_OF.format(scope=where.sql), where.values).fetchall()
    cursor.execute(TRASH.format(scope=where.sql), where.values | acted(act)).fetchall()
    vectors.unqueue(cursor, [row[0] for row in docs])
    return len(docs)


def move(cursor: Cursor, where: Condition, act: Act) -> int:
    """All of `where`, which says where to as `moved_to`; their texts, words and vectors stay. How many those were."""
    _keep_states(cursor, where, act)
    moved = cursor.execute(MOVE.format(scope=where.sql), where.values | acted(act)).fetchall()
    return int(moved[0][0])


def revert(cursor: Cursor, numbers: Mapping[str, int], act: Act) -> None:
    """Make the state of that number the next one of each memory, with the postings and vectors that it has."""
    given: dict[str, Any] = {"ids": list(numbers), "numbers": list(numbers.values())}
    which = Condition(GIVEN, {"ids": list(numbers)})
    vectors.unqueue(cursor, [doc for doc, _ in cursor.execute(DOCS, which.values).fetchall()])
    _keep_states(cursor, which, act)
    moved = {row[0] for row in cursor.execute(MOVED_ONLY, given | {"changed_at": to_timestamp(act.at)}).fetchall()}
    for statement, ids in ((MOVE_BACK, moved), (REVERT, numbers.keys() - moved)):
        if ids:
            given = {"ids": list(ids), "numbers": [numbers[memory_id] for memory_id in ids]}
            cursor.execute(statement, given | acted(act)).fetchall()
    vectors.queue_lacking(cursor, [doc for doc, is_live in cursor.execute(DOCS, which.values).fetchall() if is_live])


def _keep_states(cursor: Cursor, where: Condition, act: Act) -> None:
    cursor.execute(KEEP_STATES.format(scope=where.sql), where.values | {"at": to_timestamp(act.at)}).fetchall()


def _state(entry: Entry, doc: int, act: Act) -> Row:
    """One row, in the order of `_TYPES`."""
    return (
        *row_of(entry.memory),
        *acted(act).values(),
        doc,
        _length(entry),
        terms_digest(entry.terms),
        entry.digest,
    )


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return dict(zip(_TYPES, map(list, zip(*rows, strict=True)), strict=True))


def acted(act: Act) -> dict[str, Any]:  # what DuckDB binds: texts and a time
    values = (to_timestamp(act.at), act.action.value, act.key, act.client_id, act.reason, act.batch_id)
    return dict(zip(_OF_THE_ACT, values, strict=True))


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
