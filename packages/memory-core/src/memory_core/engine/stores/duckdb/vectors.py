"""A table of vectors for each model: one row a piece, with the signs of its numbers packed beside it.

The dimension decides the column type and the number of sign words, so vectors of two models cannot meet. What has no
vector of the current model stands in `unembedded`; every writer keeps that true in its own transaction.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.engine.ports import KeptModel, ModelIdentity, Pending, Vectors, check_vectors
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import COLUMNS, WIDTH, memory_of
from memory_core.errors import InvalidError

MODELS = "SELECT key, name, revision, dimension, spec, is_current, coalesce(is_next, false) FROM models"
CURRENT_MODEL = MODELS + " WHERE is_current"
REGISTER_MODEL = """
INSERT INTO models (key, name, revision, dimension, is_current)
SELECT coalesce(max(key), 0) + 1, $name, $revision, $dimension, false FROM models RETURNING key
"""
SET_CURRENT = "UPDATE models SET is_current = (key = $key), is_next = false"
SET_NEXT = "UPDATE models SET is_next = (key = $key)"
SET_SPEC = "UPDATE models SET spec = $spec WHERE key = $key"
FORGET_MODEL = "DELETE FROM models WHERE key = $key"
CREATE_TABLE = """
CREATE TABLE {name} (doc BIGINT NOT NULL, piece USMALLINT NOT NULL, {words}, embedding FLOAT[{dimension}] NOT NULL)
"""
# The numbers come as one long column of floats, cut into rows here: binding lists of lists costs ten times as much.
INSERT_VECTORS = """
INSERT INTO {name}
SELECT doc, piece, {words}, embedding
FROM incoming JOIN (
    SELECT place // {dimension} AS row, list(number ORDER BY place)::FLOAT[{dimension}] AS embedding
    FROM incoming_numbers GROUP BY row
) USING (row)
ORDER BY row
"""
VECTORS_OF = "SELECT unnest(embedding) AS number FROM (SELECT embedding FROM {name} WHERE doc = $doc ORDER BY piece)"
PIECES_BETWEEN = "SELECT doc FROM {name} WHERE doc BETWEEN $low AND $high ORDER BY doc, piece"
VECTORS_BETWEEN = """
SELECT unnest(embedding) AS number FROM (
    SELECT embedding FROM {name} WHERE doc BETWEEN $low AND $high ORDER BY doc, piece
)
"""
QUEUE_EVERYTHING = """
INSERT INTO unembedded SELECT doc FROM memories WHERE deleted_at IS NULL AND doc NOT IN (SELECT doc FROM {name})
"""
CLEAR_QUEUE = "DELETE FROM unembedded"
QUEUE = "INSERT INTO unembedded SELECT unnest($docs::BIGINT[])"
UNQUEUE = "DELETE FROM unembedded WHERE doc IN (SELECT unnest($docs::BIGINT[]))"
COUNT_QUEUE = "SELECT count(*) FROM unembedded"
COUNT_ROWS = "SELECT count(DISTINCT doc) FROM {name} WHERE doc IN (SELECT doc FROM memories)"
# The queue is the current model's; what another model lacks is found by looking.
LIVE = "FROM memories WHERE deleted_at IS NULL"
LACKING = "FROM memories WHERE deleted_at IS NULL AND doc NOT IN (SELECT doc FROM {name})"
COUNT_LACKING = "SELECT count(*) {lacking}"
PENDING_FOR = """
SELECT {columns}, doc {lacking} AND doc NOT IN (SELECT unnest($exclude::BIGINT[])) ORDER BY doc DESC LIMIT $limit
"""
IN_LACKING = "SELECT doc {lacking} AND doc IN (SELECT unnest($docs::BIGINT[]))"
IN_QUEUE = "SELECT doc FROM unembedded WHERE doc IN (SELECT unnest($docs::BIGINT[]))"
WITH_VECTORS = "SELECT DISTINCT doc FROM {name} WHERE doc IN (SELECT unnest($docs::BIGINT[]))"
# Newest first: what was just stored is asked for before what waits since a change of model.
PENDING = """
SELECT {columns}, doc FROM memories WHERE doc IN (
    SELECT doc FROM unembedded WHERE doc NOT IN (SELECT unnest($exclude::BIGINT[])) ORDER BY doc DESC LIMIT $limit
)
ORDER BY doc DESC
"""


class VectorTable(Struct, frozen=True, kw_only=True):
    """Where the vectors of one model are."""

    key: int
    model: ModelIdentity
    spec: str | None = None
    is_current: bool = False
    is_next: bool = False

    @property
    def name(self) -> str:
        return f"vectors_{self.key}"

    @property
    def words(self) -> tuple[str, ...]:
        """The columns of the sign words, 64 numbers each."""
        return tuple(f"b{place}" for place in range(math.ceil(self.model.dimension / 64)))


def current_table(cursor: Cursor) -> VectorTable | None:
    rows = cursor.execute(CURRENT_MODEL).fetchall()
    return _table(rows[0]) if rows else None


def table_in_use(cursor: Cursor) -> VectorTable:
    if (table := current_table(cursor)) is None:
        raise InvalidError("vectors were given before any model is in use")
    return table


def all_tables(cursor: Cursor) -> list[VectorTable]:
    return [_table(row) for row in cursor.execute(MODELS).fetchall()]


def table_of(cursor: Cursor, model: ModelIdentity) -> VectorTable:
    if (table := _known(cursor, model)) is None:
        raise InvalidError(f"there is no place for vectors of {model.name} ({model.revision}) yet")
    return table


def kept_models(cursor: Cursor) -> list[KeptModel]:
    return [
        KeptModel(
            model=table.model,
            spec=table.spec,
            is_current=table.is_current,
            is_next=table.is_next,
            memories=int(cursor.execute(COUNT_ROWS.format(name=table.name)).fetchall()[0][0]),
        )
        for table in all_tables(cursor)
    ]


def is_in_use(cursor: Cursor, model: ModelIdentity, spec: str | None) -> bool:
    """Whether this is the current model, by this spec, and no other is to follow."""
    tables = all_tables(cursor)
    return not any(table.is_next for table in tables) and any(
        table.is_current and (table.model, table.spec) == (model, spec or table.spec) for table in tables
    )


def make_current(cursor: Cursor, model: ModelIdentity, spec: str | None) -> None:
    table = _prepared(cursor, model, spec)
    cursor.execute(SET_CURRENT, {"key": table.key}).fetchall()
    cursor.execute(CLEAR_QUEUE).fetchall()
    cursor.execute(QUEUE_EVERYTHING.format(name=table.name)).fetchall()


def make_next(cursor: Cursor, model: ModelIdentity | None, spec: str | None) -> None:
    key = None if model is None else _prepared(cursor, model, spec).key
    cursor.execute(SET_NEXT, {"key": key}).fetchall()


def _prepared(cursor: Cursor, model: ModelIdentity, spec: str | None) -> VectorTable:
    table = _known(cursor, model) or _register(cursor, model)
    if spec is not None:
        cursor.execute(SET_SPEC, {"key": table.key, "spec": spec}).fetchall()
    return table


def _known(cursor: Cursor, model: ModelIdentity) -> VectorTable | None:
    return next((table for table in all_tables(cursor) if table.model == model), None)


def drop(cursor: Cursor, table: VectorTable) -> None:
    cursor.execute(f"DROP TABLE {table.name}").fetchall()
    cursor.execute(FORGET_MODEL, {"key": table.key}).fetchall()


def sign_words(vectors: Vectors) -> NDArray[np.uint64]:
    """The sign of each number as a bit, 64 to a word, padded with zeros: shape (rows, words)."""
    rows, dimension = vectors.shape
    bits = np.zeros((rows, math.ceil(dimension / 64) * 64), dtype=np.bool_)
    bits[:, :dimension] = vectors > 0
    return np.packbits(bits, axis=1, bitorder="little").view(np.uint64)


def insert_vectors(cursor: Cursor, table: VectorTable, vectors: Mapping[int, Vectors]) -> None:
    """Write the pieces of each revision; the caller knows that these have none yet."""
    if not vectors:
        return
    pieces = [len(rows) for rows in vectors.values()]
    numbers = np.ascontiguousarray(np.concatenate(list(vectors.values())), dtype=np.float32)
    signs = sign_words(numbers)
    incoming: dict[str, NDArray[Any]] = {
        "row": np.arange(len(numbers)),
        "doc": np.repeat(np.fromiter(vectors, dtype=np.int64), pieces),
        "piece": np.concatenate([np.arange(count) for count in pieces]),
    }
    incoming |= {word: np.ascontiguousarray(signs[:, place]) for place, word in enumerate(table.words)}
    cursor.register("incoming", incoming)
    cursor.register("incoming_numbers", {"place": np.arange(numbers.size), "number": numbers.ravel()})
    statement = INSERT_VECTORS.format(name=table.name, words=", ".join(table.words), dimension=table.model.dimension)
    cursor.execute(statement).fetchall()
    cursor.unregister("incoming")
    cursor.unregister("incoming_numbers")


def set_vectors(cursor: Cursor, given: Mapping[int, Vectors], model: ModelIdentity | None) -> int:
    """Keep those of revisions that wait for vectors; how many. A second answer for one revision changes nothing."""
    table = table_in_use(cursor) if model is None else table_of(cursor, model)
    for pieces in given.values():
        check_vectors(pieces, table.model)
    if table.is_current:
        waiting = queued(cursor, given)
    else:
        waiting = _docs(cursor, IN_LACKING.format(lacking=_lacking(table)), given)
    insert_vectors(cursor, table, {doc: pieces for doc, pieces in given.items() if doc in waiting})
    if table.is_current:
        unqueue(cursor, waiting)
    return len(waiting)


def vectors_of(cursor: Cursor, table: VectorTable, doc: int) -> Vectors | None:
    numbers = cursor.execute(VECTORS_OF.format(name=table.name), {"doc": doc}).fetchnumpy()["number"]
    return _rows(numbers, table) if len(numbers) else None


def vectors_between(cursor: Cursor, table: VectorTable, low: int, high: int) -> dict[int, Vectors]:
    """Of the revisions from `low` to `high`, those that have some."""
    span = {"low": low, "high": high}
    docs = [row[0] for row in cursor.execute(PIECES_BETWEEN.format(name=table.name), span).fetchall()]
    rows = _rows(cursor.execute(VECTORS_BETWEEN.format(name=table.name), span).fetchnumpy()["number"], table)
    found, starts = np.unique(np.array(docs, dtype=np.int64), return_index=True)
    return dict(zip(found.tolist(), np.split(rows, starts[1:]), strict=True)) if docs else {}


def queue(cursor: Cursor, docs: Iterable[int]) -> None:
    cursor.execute(QUEUE, {"docs": list(docs)}).fetchall()


def queue_lacking(cursor: Cursor, docs: Sequence[int]) -> None:
    """Those that have no vector of the current model."""
    queue(cursor, set(docs) - with_vectors(cursor, docs))


def unqueue(cursor: Cursor, docs: Iterable[int]) -> None:
    cursor.execute(UNQUEUE, {"docs": list(docs)}).fetchall()


def queued(cursor: Cursor, docs: Iterable[int]) -> set[int]:
    return _docs(cursor, IN_QUEUE, docs)


def with_vectors(cursor: Cursor, docs: Iterable[int]) -> set[int]:
    table = current_table(cursor)
    return _docs(cursor, WITH_VECTORS.format(name=table.name), docs) if table else set()


def pending(cursor: Cursor, model: ModelIdentity | None, *, limit: int, exclude: Sequence[int]) -> list[Pending]:
    lacking = _lacking_of(cursor, model)
    question = PENDING if lacking is None else PENDING_FOR.replace("{lacking}", lacking)
    rows = cursor.execute(question.format(columns=COLUMNS), {"limit": limit, "exclude": list(exclude)}).fetchall()
    return [Pending(memory=memory_of(row), doc=row[WIDTH]) for row in rows]


def count_pending(cursor: Cursor, model: ModelIdentity | None = None) -> int:
    lacking = _lacking_of(cursor, model)
    question = COUNT_QUEUE if lacking is None else COUNT_LACKING.format(lacking=lacking)
    return int(cursor.execute(question).fetchall()[0][0])


def _lacking_of(cursor: Cursor, model: ModelIdentity | None) -> str | None:
    """Where to look for what `model` has no vector of: null for the queue."""
    if model is None:
        return None
    table = _known(cursor, model)
    return None if table is not None and table.is_current else _lacking(table)


def _lacking(table: VectorTable | None) -> str:
    return LIVE if table is None else LACKING.format(name=table.name)


def _register(cursor: Cursor, model: ModelIdentity) -> VectorTable:
    values = {"name": model.name, "revision": model.revision, "dimension": model.dimension}
    key = cursor.execute(REGISTER_MODEL, values).fetchall()[0][0]
    table = VectorTable(key=key, model=model)
    words = ", ".join(f"{word} UBIGINT NOT NULL" for word in table.words)
    cursor.execute(CREATE_TABLE.format(name=table.name, words=words, dimension=model.dimension)).fetchall()
    return table


def _table(row: tuple[Any, ...]) -> VectorTable:
    key, name, revision, dimension, spec, is_current, is_next = row
    model = ModelIdentity(name=name, revision=revision, dimension=dimension)
    return VectorTable(key=key, model=model, spec=spec, is_current=is_current, is_next=is_next)


def _rows(numbers: NDArray[Any], table: VectorTable) -> Vectors:
    return np.asarray(numbers, dtype=np.float32).reshape(-1, table.model.dimension)


def _docs(cursor: Cursor, question: str, docs: Iterable[int]) -> set[int]:
    return {row[0] for row in cursor.execute(question, {"docs": list(docs)}).fetchall()}
