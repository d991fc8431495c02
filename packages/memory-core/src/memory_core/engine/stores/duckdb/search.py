"""The candidates of a search, the way that suits the size of the store; both ways give the same.

One statement that does it all costs DuckDB 20 ms to plan and set up before it reads a row; a statement of one table
costs 0.5. So up to `SMALL` memories a few such statements bring numbers, and NumPy does the rest (`small`). Beyond,
numbers are too many to bring, and one statement (`large`) keeps them where they are.
"""

from memory_core.engine.ports import Candidate, Probe
from memory_core.engine.stores.duckdb import large, small
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.scope import condition
from memory_core.engine.stores.duckdb.vectors import VectorTable, current_table
from memory_core.errors import InvalidError
from memory_core.types import Scope

SMALL = 100_000  # memories, of any project and in the trash too
COUNT = "SELECT count(*) FROM memories"


def candidates(cursor: Cursor, probe: Probe, scope: Scope) -> list[Candidate]:
    table = None if probe.vector is None else _comparable(probe, current_table(cursor))
    if not probe.terms and table is None:
        return []
    total = cursor.execute(COUNT).fetchall()[0][0]
    if total > SMALL:
        return large.candidates(cursor, probe, condition(scope), table)
    return small.candidates(cursor, probe, condition(scope), table, total=total)


def _comparable(probe: Probe, table: VectorTable | None) -> VectorTable:
    shape = None if probe.vector is None else probe.vector.shape
    if table is None or shape != (table.model.dimension,):
        kept = f"{table.model.name} with {table.model.dimension} dimensions" if table else "no model"
        raise InvalidError(f"the query's vector has shape {shape}, and the store holds vectors of {kept}")
    return table
