"""Which memories an import brought together with their past, so that it can be undone.

Their states are those of where they come from, and name no batch of here. Kept as notes, one for each transaction of an
import: ids, and the revision that each memory had.
"""

from collections.abc import Mapping, Sequence

import msgspec

from memory_core.engine.ports import Act
from memory_core.engine.stores.duckdb import notes
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.types import Memory

BROUGHT = "SELECT value FROM notes WHERE starts_with(name, $prefix)"
REVISIONS = "SELECT id, revision FROM memories WHERE id IN (SELECT unnest($ids::VARCHAR[])) ORDER BY id"


def remember(cursor: Cursor, act: Act, memories: Sequence[Memory]) -> None:
    if memories:
        revisions = {memory.id: memory.revision for memory in memories}
        notes.write(cursor, _prefix(act.batch_id) + memories[0].id, msgspec.json.encode(revisions).decode())


def unchanged_and_changed(cursor: Cursor, batch_id: str) -> tuple[dict[str, int], list[str]]:
    """Of what is left of the batch: the revision of each memory that is as it came; ids of those that are not."""
    brought = _brought(cursor, batch_id)
    now = cursor.execute(REVISIONS, {"ids": list(brought)}).fetchall() if brought else []
    unchanged = {memory_id: revision for memory_id, revision in now if revision == brought[memory_id]}
    return unchanged, [memory_id for memory_id, _ in now if memory_id not in unchanged]


def _brought(cursor: Cursor, batch_id: str) -> Mapping[str, int]:
    rows = cursor.execute(BROUGHT, {"prefix": _prefix(batch_id)}).fetchall()
    found = (msgspec.json.decode(row[0], type=dict[str, int]) for row in rows)
    return {memory_id: revision for each in found for memory_id, revision in each.items()}


def _prefix(batch_id: str | None) -> str:
    return f"{batch_id}/"
