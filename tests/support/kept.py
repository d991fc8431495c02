"""Any memory that a store would keep, for Hypothesis, and one for tests that need just one."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from memory_core import checks
from memory_core.types import Memory, MemoryType

_TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_PRINTABLE = st.characters(exclude_categories=["Cs", "Cc"])
_MOMENTS = st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))  # noqa: DTZ001 - Hypothesis adds the zone
_AWKWARD = (
    "---\nid: no\n---\n\ntext",
    "\n\n  between blank lines \n\n",
    "ends of Windows\r\nand of old Macs\rand\ttabs\t",
    "---\r\nall of it\r\n---\r\n",
    "\ufeffmark \u2028 separator \u0085 next line",
    'id: "3f2a0d1c9b8e4f7a8d6c5b4a39281706"',
    "ends with a line end\n",
    "CON",
    "ÄÖÜ 日本語 \U0001f9e0",
)
_PROJECTS = (
    "github.com/owner/repo",
    "github.com/Owner/Repo",
    "github.com+owner+repo",
    "../../etc/passwd",
    "con",
    "aux.txt",
    "a.",
    "a",
    "A",
    "_global",
    "_trash",
    ".git",
    "C:\\work\\shop",
    "日本語" * 80,
    "\U0001f9e0",
)

contents = st.text(_TEXT, min_size=1).filter(str.strip) | st.sampled_from(_AWKWARD)
tags = st.lists(st.text(_TEXT, min_size=1, max_size=12).filter(str.strip), max_size=4).map(checks.tags)
names = st.none() | st.text(_PRINTABLE, min_size=1, max_size=40).filter(str.strip)
ids = st.uuids().map(lambda uuid: uuid.hex)
memories = st.builds(
    Memory,
    id=ids,
    content=contents,
    memory_type=st.sampled_from(MemoryType),
    tags=tags,
    source=names,
    project_id=names | st.sampled_from(_PROJECTS),
    client_id=names,
    session_id=names,
    certainty_score=st.floats(0, 1),
    quality_score=st.floats(0, 1),
    created_at=_MOMENTS,
    updated_at=_MOMENTS,
    deleted_at=st.none() | _MOMENTS,
    expires_at=st.none() | _MOMENTS,
    review_by=st.none() | _MOMENTS,
    topic_key=names,
    superseded_by=st.none() | ids,
    revision=st.integers(1, (1 << 31) - 1),
)


def shelf_of(size: int) -> st.SearchStrategy[list[Memory]]:
    """Several memories, no id twice."""
    return st.lists(memories, max_size=size, unique_by=lambda memory: memory.id)


def kept(content: str = "We deploy on Fridays, only after lunch", **fields: Any) -> Memory:  # Any: whatever field it is
    at = datetime(2026, 11, 1, 9, 30, 0, 123456, tzinfo=UTC)
    memory = Memory(
        id="3f2a0d1c9b8e4f7a8d6c5b4a39281706",
        content=content,
        memory_type=MemoryType.DECISION,
        tags=("deploy", "team"),
        source="chat",
        project_id="github.com/owner/repo",
        client_id="laptop",
        session_id=None,
        certainty_score=0.9,
        quality_score=0.7,
        created_at=at,
        updated_at=at,
    )
    return replace(memory, **fields)
