"""The candidates of a search, the way that suits the size of the store; both ways give the same.

One statement that does it all costs DuckDB 20 ms to plan and set up before it reads a row; a statement of one table
costs 0.5. So up to `SMALL` memories a few such statements bring numbers, what is alike for all searches is resident,
and NumPy does the rest (`small`). Beyond, that would take too much memory, and one statement (`large`) does it.

Whichever way, what joins the best for another reason (it contains a phrase, it is a neighbour) is scored like them.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from memory_core.engine.ports import Candidate, ModelChangedError, Probe, QueryVector
from memory_core.engine.stores.duckdb import large, sessions, small
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.resident import Moment
from memory_core.engine.stores.duckdb.rows import COLUMNS, WIDTH, memory_of
from memory_core.engine.stores.duckdb.scope import Condition, condition, containing
from memory_core.engine.stores.duckdb.scored import Scored
from memory_core.engine.stores.duckdb.vectors import VectorTable
from memory_core.types import Memory, Scope

SMALL = 2_000_000  # memories, of any project and in the trash too; so many take 150 MB
MEMORIES = "SELECT {columns}, doc FROM {scope} AND doc IN (SELECT unnest($docs::BIGINT[]))"
NEWEST = "SELECT doc FROM {scope} ORDER BY created_at DESC, id DESC LIMIT $pool"


class Way(Protocol):
    """How a search is carried out within one transaction."""

    def best(self) -> Sequence[int]:
        """The revisions that are best by words or by meaning."""
        ...

    def scores(self, docs: Iterable[int]) -> dict[int, Scored]:
        """Of any revisions of the scope; called after `best`."""
        ...


def candidates(cursor: Cursor, probe: Probe, scope: Scope, moment: Moment) -> list[Candidate]:
    """`moment` is what is known of the snapshot of `cursor`."""
    table = None if probe.vector is None else _comparable(probe.vector, moment.table(cursor))
    if not (probe.terms or probe.phrases) and table is None:
        return []
    where = condition(scope)
    way = _way(cursor, probe, where, table, moment)
    chosen = dict.fromkeys([*way.best(), *_containing(cursor, probe, where)])
    memories = _read(cursor, chosen, where)
    lines = sessions.neighbours(cursor, memories, where)
    memories |= _read(cursor, {each for doc in memories for each in lines.get(doc, ())} - memories.keys(), where)
    scores = way.scores(memories)
    return [
        Candidate(
            memory=memory,
            bm25=scores[doc].bm25,
            coverage=scores[doc].coverage,
            cosine=scores[doc].cosine,
            neighbours=tuple(memories[each].id for each in lines.get(doc, ()) if each in memories),
        )
        for doc, memory in sorted(memories.items())
    ]


def _way(cursor: Cursor, probe: Probe, where: Condition, table: VectorTable | None, moment: Moment) -> Way:
    if moment.total(cursor) > SMALL:
        return large.Large(cursor, probe, where, table)
    return small.Small(cursor, probe, where, table, moment)


def _comparable(vector: QueryVector, table: VectorTable | None) -> VectorTable:
    if table is None or vector.model != table.model:
        raise ModelChangedError(f"the query is embedded by {vector.model}, the store compares {table}")
    return table


def _containing(cursor: Cursor, probe: Probe, where: Condition) -> list[int]:
    if not probe.phrases:
        return []
    where = containing(where, probe.phrases)
    rows = cursor.execute(NEWEST.format(scope=where.sql), where.values | {"pool": probe.pool}).fetchall()
    return [row[0] for row in rows]


def _read(cursor: Cursor, docs: Iterable[int], where: Condition) -> dict[int, Memory]:
    if not (wanted := list(docs)):
        return {}
    question = MEMORIES.format(columns=COLUMNS, scope=where.sql)
    rows = cursor.execute(question, where.values | {"docs": wanted}).fetchall()
    return {row[WIDTH]: memory_of(row) for row in rows}
