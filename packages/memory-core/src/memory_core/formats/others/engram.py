"""engram's memories (Gentleman-Programming/engram): its SQLite file (engram.db), or the JSON of `engram export`.

Both have the same sessions, observations and prompts; in the file there is also what was deleted.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from memory_core.errors import InvalidError
from memory_core.formats.found import BROKEN_JSON, Format, Found, Left
from memory_core.formats.others import sqlite
from memory_core.formats.others.draft import Draft, memories, moment, typed
from memory_core.types import PINNED, MemoryType

NAME = "engram"
TYPES = {
    "decision": MemoryType.DECISION,
    "preference": MemoryType.PREFERENCE,
    "config": MemoryType.FACT,
    "learning": MemoryType.FACT,
    "session_summary": MemoryType.SESSION,
}
_PLACED = {
    "id", "type", "title", "content", "project", "scope", "session_id", "topic_key", "created_at", "updated_at",
    "deleted_at", "expires_at", "review_after", "pinned", "summary", "started_at", "ended_at",
}  # fmt: skip
_OWN_FIGURES = {
    "sync_id", "normalized_hash", "revision_count", "duplicate_count", "last_seen_at", "ownership_mode",
    "runtime_lease_expires_at", "embedding", "embedding_model", "embedding_created_at",
}  # fmt: skip
_TABLES = ("sessions", "observations", "user_prompts")
_KNOWN = {
    *_TABLES, "prompt_tombstones", "sync_chunks", "sync_state", "sync_mutations", "sync_delete_tombstones",
    "sync_delete_tombstone_remote_floors", "sync_enrolled_projects", "cloud_upgrade_state",
}  # fmt: skip
_COLUMNS = {"observations": {"session_id", "type", "title", "content", "topic_key"}, "sessions": {"directory"}}
_MAX_BYTES = 1 << 30
Item = dict[str, Any]  # Any: JSON, or what a column holds


def read(path: Path) -> Iterator[Found]:
    with path.open("rb") as file:
        in_database = file.read(len(sqlite.HEADER)) == sqlite.HEADER
    yield from _from_database(path) if in_database else _from_export(path)


def takes(path: Path) -> bool:
    """Whether it is the database, or an export of it."""
    if sqlite.takes(path, _COLUMNS):
        return True
    if not path.is_file() or path.stat().st_size > _MAX_BYTES:
        return False
    with path.open("rb") as file:
        if not file.read(64).lstrip().startswith(b"{"):
            return False
    try:
        document = _document(path)
    except InvalidError:
        return False
    return {"exported_at", "sessions", "observations", "prompts"} <= document.keys()


def _from_database(path: Path) -> Iterator[Found]:
    with sqlite.opened(path) as connection:
        for table in _TABLES:
            for row in sqlite.rows(connection, table):
                yield from [row] if isinstance(row, Left) else _memories(row, table)
        for table, count in sqlite.counted(connection, _KNOWN):
            yield Left(f"table {table}", f"rows that are no memories, or of a kind that is not known here: {count}")


def _from_export(path: Path) -> Iterator[Found]:
    document = _document(path)
    for name, table in (("sessions", _TABLES[0]), ("observations", _TABLES[1]), ("prompts", _TABLES[2])):
        items = document.get(name)
        for number, item in enumerate(items if isinstance(items, list) else [], start=1):
            if isinstance(item, dict):
                yield from _memories(item, table)
            else:
                yield Left(f"{name}, entry {number}", "it is no object")


def _document(path: Path) -> Item:
    if path.stat().st_size > _MAX_BYTES:
        raise InvalidError(f"{path} is larger than {_MAX_BYTES >> 30} GiB; export one project at a time")
    try:
        return msgspec.json.decode(path.read_bytes(), type=Item)
    except BROKEN_JSON as error:
        raise InvalidError(f"{path} is no export of engram: {error}") from error


def _memories(row: Item, table: str) -> Iterator[Found]:
    draft = _DRAFTS[table](row)
    if draft is None:
        return  # a session without a summary says nothing that its observations do not say
    number = str(row.get("id"))
    # Another file counts from 1 too, so the time is part of what names a row.
    draft.key = (table, number, draft.at.isoformat())
    draft.where = f"{table} {number}"
    draft.source = f"{NAME}:{table}:{number}"
    yield from memories(draft)


def _observation(row: Item) -> Draft:
    kind, tags = typed(str(row.get("type") or ""), TYPES, MemoryType.OBSERVATION)
    is_personal = row.get("scope") == "personal"
    title, content = _text(row.get("title")), _text(row.get("content"))
    draft = _draft(row, content if not title or content.startswith(title) else f"{title}\n\n{content}", kind)
    draft.tags = [*([PINNED] if row.get("pinned") else []), *tags]
    if is_personal:  # of the user, in whichever project it was told
        draft.tags += ["scope:personal", *([f"project:{row['project']}"] if row.get("project") else [])]
        draft.project_id = None
    draft.updated_at = moment(row.get("updated_at"))
    draft.deleted_at = moment(row.get("deleted_at"))
    draft.expires_at = moment(row.get("expires_at"))
    draft.review_by = moment(row.get("review_after"))
    draft.topic_key = _text(row.get("topic_key")) or None
    return draft


def _prompt(row: Item) -> Draft:
    draft = _draft(row, _text(row.get("content")), MemoryType.SESSION)
    draft.tags = ["prompt"]
    return draft


def _session(row: Item) -> Draft | None:
    if not (summary := _text(row.get("summary"))):
        return None
    draft = _draft(
        row | {"session_id": row.get("id"), "created_at": row.get("started_at")}, summary, MemoryType.SESSION
    )
    draft.tags = ["summary"]
    draft.updated_at = moment(row.get("ended_at"))
    return draft


def _draft(row: Item, content: str, kind: MemoryType) -> Draft:
    return Draft(
        system=NAME,
        key=(),
        where="",
        content=content,
        at=moment(row.get("created_at")) or datetime.fromtimestamp(0, tz=UTC),
        memory_type=kind,
        project_id=_text(row.get("project")) or None,
        session_id=_text(row.get("session_id")) or None,
        further={name: value for name, value in row.items() if name not in _PLACED | _OWN_FIGURES},
    )


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


_DRAFTS: dict[str, Callable[[Item], Draft | None]] = {
    "sessions": _session,
    "observations": _observation,
    "user_prompts": _prompt,
}

FORMAT = Format(
    name=NAME,
    description="engram's SQLite file (engram.db), or the JSON of `engram export`",
    takes=takes,
    read=read,
    unplaced=("its own figures: hashes, counts, states of its sync, vectors",),
)
