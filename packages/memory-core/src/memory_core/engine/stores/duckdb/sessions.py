"""Which memories were kept just before and just after another one, in the same session of the same project."""

from collections.abc import Mapping
from itertools import pairwise

from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.scope import Condition
from memory_core.types import Memory

LINED_UP = """
SELECT doc, session_id, project_id FROM {scope} AND session_id = ANY($sessions::VARCHAR[])
ORDER BY session_id, project_id, created_at, doc
"""


def neighbours(cursor: Cursor, memories: Mapping[int, Memory], where: Condition) -> dict[int, tuple[int, ...]]:
    """Of every revision in the sessions of `memories`: the one before and the one after, within the scope."""
    sessions = sorted({memory.session_id for memory in memories.values() if memory.session_id is not None})
    if not sessions:
        return {}
    rows = cursor.execute(LINED_UP.format(scope=where.sql), where.values | {"sessions": sessions}).fetchall()
    lines: dict[int, tuple[int, ...]] = {}
    for (doc, *line), (after, *next_line) in pairwise(rows):
        if line == next_line:
            lines[doc] = (*lines.get(doc, ()), after)
            lines[after] = (doc,)
    return lines
