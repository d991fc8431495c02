"""The candidates of a search, the way that suits the size of the store; both ways give the same.

One statement that does it all costs DuckDB 20 ms to plan and set up before it reads a row; a statement of one table
costs 0.5. So up to `SMALL` memories a few such statements bring numbers, and NumPy does the rest (`small`). Beyond,
numbers are too many to bring, and one statement (`large`) keeps them where they are.
"""

from memory_core.engine.ports import Candidate, ModelChangedError, Probe, QueryVector
from memory_core.engine.stores.duckdb import large, small
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.scope import condition
from memory_core.engine.stores.duckdb.vectors import VectorTable, current_table
from memory_core.types import Scope

SMALL = 100_000  # memories, of any project and in the trash too
COUNT = "SELECT count(*) FROM memories"


def candidates(cursor: Cursor, probe: Probe, scope: Scope) -> list[Candidate]:
    table = None if probe.vector is None else _comparable(probe.vector, current_table(cursor))
    if not probe.terms and table is None:
        return []
    total = cursor.execute(COUNT).fetchall()[0][0]
    if total > SMALL:
        return large.candidates(cursor, probe, condition(scope), table)
    return small.candidates(cursor, probe, condition(scope), table, total=total)


def _comparable(vector: QueryVector, table: VectorTable | None) -> VectorTable:
    if table is None or vector.model != table.model:
        raise ModelChangedError(f"the query is embedded by {vector.model}, the store compares {table}")
    return table
