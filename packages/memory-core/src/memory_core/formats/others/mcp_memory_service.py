"""mcp-memory-service's SQLite file (sqlite_vec.db): its memories, those it deleted, and the relations it was told.

Columns that a newer version has besides those known here become tags, or lines below the text.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from memory_core.formats.found import BROKEN_JSON, Format, Found, Left
from memory_core.formats.others import sqlite
from memory_core.formats.others.draft import Draft, identity, memories, moment, score, typed
from memory_core.types import MemoryType

NAME = "mcp-memory-service"
TYPES = {
    "decision": MemoryType.DECISION,
    "architecture": MemoryType.DECISION,
    "preference": MemoryType.PREFERENCE,
    "fact": MemoryType.FACT,
    "note": MemoryType.FACT,
    "reference": MemoryType.FACT,
    "learning": MemoryType.FACT,
    "session": MemoryType.SESSION,
    "conversation": MemoryType.SESSION,
}
_PLACED = {
    "id", "content_hash", "content", "tags", "memory_type", "metadata", "created_at", "updated_at", "created_at_iso",
    "updated_at_iso", "deleted_at", "superseded_by", "confidence",
    "embedding_pending", "last_accessed",
}  # fmt: skip
_OWN_TABLES = {"memories", "memory_graph", "metadata", "migration_registry", "sync_cursor", "push_cursor"}
_BY_DEFAULT = {"store": "default", "version": 1}  # what such a column says of most rows
_COMPUTED = "related"  # found by the program itself, by likeness


def read(path: Path) -> Iterator[Found]:
    with sqlite.opened(path) as connection:
        titles: dict[str, str] = {}
        for row in sqlite.rows(connection, "memories"):
            if isinstance(row, Left):
                yield row
                continue
            draft = _draft(row)
            if isinstance(draft, Left):
                yield draft
                continue
            titles[draft.key[0]] = next((line.strip() for line in draft.content.splitlines() if line.strip()), "")[:200]
            yield from memories(draft)
        yield from _relations(sqlite.rows(connection, "memory_graph"), titles)
        for table, count in sqlite.counted(connection, _OWN_TABLES):
            yield Left(f"table {table}", f"rows that are no memories, or of a kind that is not known here: {count}")


def takes(path: Path) -> bool:
    return sqlite.takes(path, {"memories": {"content_hash", "content", "tags", "memory_type", "metadata"}})


def _draft(row: sqlite.Row) -> Draft | Left:
    where = f"memory {row['id'] if 'id' in row else row['content_hash']}"
    content = row["content"]
    if not isinstance(content, str):
        return Left(where, "its content is no text")
    metadata = _metadata(row["metadata"])
    at = moment(row.get("created_at")) or moment(row.get("created_at_iso"))
    kind, tags = typed(str(row["memory_type"] or ""), TYPES, MemoryType.OBSERVATION)
    winner = row.get("superseded_by")
    return Draft(
        system=NAME,
        key=(str(row["content_hash"]),),
        where=where,
        content=content,
        at=at or datetime.fromtimestamp(0, tz=UTC),
        updated_at=moment(row.get("updated_at")) or moment(row.get("updated_at_iso")),
        deleted_at=moment(row.get("deleted_at")),
        memory_type=kind,
        tags=[*_tags(row["tags"]), *tags],
        source=f"{NAME}:{row['content_hash']}",
        superseded_by=identity(NAME, str(winner)) if winner else None,
        certainty_score=score(row.get("confidence")),
        quality_score=score(metadata.pop("quality_score", None)),
        further=metadata | _other_columns(row),
    )


def _other_columns(row: sqlite.Row) -> dict[str, Any]:  # Any: whatever a newer version keeps
    others = {name: value for name, value in row.items() if name not in _PLACED and value is not None}
    return {name: value for name, value in others.items() if _BY_DEFAULT.get(name, "") != value}


def _tags(value: Any) -> list[str]:
    """Words between commas; the first versions wrote a JSON list."""
    if not isinstance(value, str):
        return []
    if value.lstrip().startswith("["):
        try:
            return msgspec.json.decode(value, type=list[str])
        except BROKEN_JSON:
            pass
    return [tag for tag in value.split(",") if tag.strip()]


def _metadata(value: Any) -> dict[str, Any]:
    if not value:
        return {}
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except (*BROKEN_JSON, TypeError):
        return {"metadata": str(value)}


def _relations(rows: Iterator[sqlite.Row | Left], titles: dict[str, str]) -> Iterator[Found]:
    computed = 0
    for row in rows:
        if isinstance(row, Left):
            yield row
            continue
        kind, ends = row.get("relationship_type") or _COMPUTED, (row["source_hash"], row["target_hash"])
        if kind == _COMPUTED:
            computed += 1
            continue
        first, second = (titles.get(end) or end for end in ends)
        yield from memories(
            Draft(
                system=NAME,
                key=("relation", *ends, kind),
                where=f"relation {kind} of {ends[0][:8]} to {ends[1][:8]}",
                content=f"{first}\n{kind}\n{second}",
                at=moment(row.get("created_at")) or datetime.fromtimestamp(0, tz=UTC),
                memory_type=MemoryType.RELATION,
                tags=[f"relation:{kind}"],
                source=f"{NAME}:{ends[0][:16]}:{ends[1][:16]}",
                further={"from": identity(NAME, ends[0]), "to": identity(NAME, ends[1])}
                | _metadata(row.get("metadata")),
            )
        )
    if computed:
        yield Left(
            "table memory_graph", f"associations that the program found by likeness, which are no memories: {computed}"
        )


FORMAT = Format(
    name=NAME,
    description="mcp-memory-service's SQLite file (sqlite_vec.db)",
    takes=takes,
    read=read,
    unplaced=("vectors: they are made anew", "associations that were found by likeness"),
)
