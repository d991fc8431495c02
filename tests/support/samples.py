"""A memory to draw, print or encode, where no store is needed to make one."""

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from memory_core.types import Memory, MemoryType

AT = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)

_MEMORY = Memory(
    id="1a2b3c4d" + "0" * 24,
    content="We deploy on Fridays",
    memory_type=MemoryType.DECISION,
    tags=("ops", "release"),
    source=None,
    project_id="github.com/acme/shop",
    client_id="laptop",
    session_id=None,
    certainty_score=0.7,
    quality_score=0.7,
    created_at=AT,
    updated_at=AT,
)


def a_memory(content: str = _MEMORY.content, **fields: Any) -> Memory:  # Any: whatever field it is
    return replace(_MEMORY, content=content, **fields)
