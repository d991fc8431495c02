"""claude-mem's SQLite file (claude-mem.db): observations, summaries of sessions, prompts, directives and sessions.

What a row says becomes one Markdown text; its project and its session are kept. Figures that claude-mem keeps for
itself are left; tables that it no longer reads, or does not yet, are counted.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from memory_core.formats.found import BROKEN_JSON, Format, Found, Left
from memory_core.formats.others import sqlite
from memory_core.formats.others.draft import Draft, memories, moment, typed
from memory_core.types import MemoryType

NAME = "claude-mem"
TYPES = {"decision": MemoryType.DECISION, "preference": MemoryType.PREFERENCE}
_OWN_FIGURES = {
    "id", "project", "created_at", "created_at_epoch", "updated_at_epoch", "memory_session_id", "sdk_session_id",
    "content_session_id", "claude_session_id", "prompt_number", "discovery_tokens", "content_hash",
    "merged_into_project", "relevance_count", "worker_port", "prompt_counter",
}  # fmt: skip
_SESSION_IDS = ("content_session_id", "claude_session_id", "memory_session_id", "sdk_session_id")
_SUMMARY = ("request", "investigated", "learned", "completed", "next_steps", "notes")


def read(path: Path) -> Iterator[Found]:
    with sqlite.opened(path) as connection:
        sessions = _Sessions(sqlite.rows(connection, "sdk_sessions"))
        for table, draft_of in _TABLES.items():
            for row in sqlite.rows(connection, table):
                if isinstance(row, Left):
                    yield row
                else:
                    yield from _memories(row, table, draft_of, sessions)
        for table, count in sqlite.counted(connection, {*_TABLES, "schema_versions"}):
            yield Left(f"table {table}", f"rows that are no memories, or of a kind that is not known here: {count}")


def takes(path: Path) -> bool:
    wanted = {"observations": {"memory_session_id", "project", "type", "narrative"}, "sdk_sessions": {"project"}}
    before = {"observations": {"sdk_session_id", "project", "type"}, "sdk_sessions": {"project"}}
    return sqlite.takes(path, wanted) or sqlite.takes(path, before)


class _Session(NamedTuple):
    id: str | None
    platform: str = "claude"
    project: str | None = None


class _Sessions:
    """Each session by any of its ids: the id that Claude Code knows it by, where it ran, and its project."""

    def __init__(self, rows: Iterator[sqlite.Row | Left]) -> None:
        self._known: dict[str, _Session] = {}
        for row in rows:
            if isinstance(row, Left):
                continue  # it is said when the rows are read for themselves
            ids = [str(row[name]) for name in _SESSION_IDS if row.get(name)]
            for one in ids:
                self._known[one] = _Session(ids[0], row.get("platform_source") or "claude", row.get("project"))
        self.prompts: set[str] = set()  # what was taken, so that the session's own row need not say it again

    def of(self, row: sqlite.Row) -> _Session:
        named = next((str(row[name]) for name in reversed(_SESSION_IDS) if row.get(name)), None)
        return self._known.get(named or "", _Session(named))


def _memories(
    row: sqlite.Row, table: str, draft_of: Callable[[sqlite.Row], Draft], sessions: _Sessions
) -> Iterator[Found]:
    if table == "user_prompts":
        sessions.prompts.add(str(row.get("prompt_text")))
    if table == "sdk_sessions" and (row.get("user_prompt") or "") in sessions.prompts:
        row = row | {"user_prompt": None}
    if table == "sdk_sessions" and not row.get("user_prompt") and not row.get("custom_title"):
        return  # it says nothing that its prompts and summaries do not say
    draft = draft_of(row)
    number = str(row.get("id"))
    # Another file counts from 1 too, so the time is part of what names a row.
    draft.key = (table, number, str(row.get("created_at_epoch") or row.get("started_at_epoch")))
    draft.where = f"{table} {number}"
    draft.source = f"{NAME}:{table}:{number}"
    session = sessions.of(row)
    draft.session_id = session.id
    draft.tags += [] if session.platform == "claude" else [f"platform:{session.platform}"]
    if table == "user_prompts":  # the one table whose rows name no project
        draft.project_id = session.project
    yield from memories(draft)


def _observation(row: sqlite.Row) -> Draft:
    kind, tags = typed(str(row["type"] or ""), TYPES, MemoryType.OBSERVATION)
    text = _text(
        _heading(row.get("title"), row.get("subtitle")),
        row.get("narrative"),
        row.get("text"),
        _bullets(row.get("facts")),
        _files("Files read", row.get("files_read")),
        _files("Files modified", row.get("files_modified")),
    )
    placed = {"type", "title", "subtitle", "narrative", "text", "facts", "concepts", "files_read", "files_modified"}
    draft = _draft(row, text, placed=placed, memory_type=kind)
    draft.tags += [*_list(row.get("concepts")), *tags]
    return draft


def _summary(row: sqlite.Row) -> Draft:
    told = [(name.replace("_", " ").capitalize(), row.get(name)) for name in _SUMMARY]
    text = _text(
        *(f"{name}: {value.strip()}" for name, value in told if isinstance(value, str) and value.strip()),
        _files("Files read", row.get("files_read")),
        _files("Files edited", row.get("files_edited")),
    )
    placed = {*_SUMMARY, "files_read", "files_edited"}
    return _draft(row, text, placed=placed, memory_type=MemoryType.SESSION, tags=["summary"])


def _prompt(row: sqlite.Row) -> Draft:
    text = _text(row.get("prompt_text"))
    return _draft(row, text, placed={"prompt_text"}, memory_type=MemoryType.SESSION, tags=["prompt"])


def _directive(row: sqlite.Row) -> Draft:
    tags = ["directive", *([] if row.get("status") in (None, "active") else [f"status:{row['status']}"])]
    draft = _draft(
        row, _text(row.get("content")), placed={"content", "status"}, memory_type=MemoryType.PREFERENCE, tags=tags
    )
    if row.get("scope") == "global":
        draft.project_id = None
    return draft


def _session(row: sqlite.Row) -> Draft:
    row = row | {"created_at_epoch": row.get("started_at_epoch"), "created_at": row.get("started_at")}
    placed = {"custom_title", "user_prompt", "started_at", "started_at_epoch", "completed_at_epoch", "platform_source"}
    text = _text(row.get("custom_title"), row.get("user_prompt"))
    return _draft(row, text, placed=placed, memory_type=MemoryType.SESSION, tags=["session"])


def _draft(
    row: sqlite.Row, text: str, *, placed: set[str], memory_type: MemoryType, tags: list[str] | None = None
) -> Draft:
    merged = row.get("merged_into_project")
    at = moment(row.get("created_at_epoch")) or moment(row.get("created_at")) or datetime.fromtimestamp(0, tz=UTC)
    return Draft(
        system=NAME,
        key=(),
        where="",
        content=text,
        at=at,
        updated_at=moment(row.get("updated_at_epoch")),
        memory_type=memory_type,
        tags=[*(tags or []), *([f"project:{row['project']}"] if merged else [])],
        project_id=merged or row.get("project"),
        further={name: value for name, value in row.items() if name not in placed | _OWN_FIGURES},
    )


_TABLES: dict[str, Callable[[sqlite.Row], Draft]] = {
    "observations": _observation,
    "session_summaries": _summary,
    "user_prompts": _prompt,
    "directives": _directive,
    "sdk_sessions": _session,
}


def _text(*parts: Any) -> str:
    return "\n\n".join(part.strip() for part in parts if isinstance(part, str) and part.strip())


def _heading(title: Any, subtitle: Any) -> str:
    return "\n".join(part.strip() for part in (title, subtitle) if isinstance(part, str) and part.strip())


def _bullets(value: Any) -> str:
    return "\n".join(f"- {item}" for item in _list(value))


def _files(title: str, value: Any) -> str:
    return f"{title}: {', '.join(names)}" if (names := _list(value)) else ""


def _list(value: Any) -> list[str]:
    """A JSON list, as the newer versions write it; any other text is one item."""
    if not isinstance(value, str) or not value.strip():
        return []
    try:
        found = msgspec.json.decode(value)
    except BROKEN_JSON:
        return [value.strip()]
    return [str(item) for item in found] if isinstance(found, list) else [value.strip()]


FORMAT = Format(
    name=NAME,
    description="claude-mem's SQLite file (claude-mem.db)",
    takes=takes,
    read=read,
    unplaced=(
        "its own figures: tokens, numbers of prompts, hashes, ports",
        "messages that wait for its worker, and feedback",
    ),
)
