"""What people read, as text: one line a memory, one memory in full, tables, sizes. Pure; knows no terminal.

Memories are other people's text: nothing of it reaches a terminal that the terminal could take for a command.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from memory_core.changes import Kept, Outcome
from memory_core.types import Memory
from memory_core.visible import visible as spelled_out

ID_DIGITS = 8
_SPACES = re.compile(r"\s+")


def visible(text: str) -> str:
    """`text` with line ends and tabs as they are, and what cannot be seen or turns a terminal written out: `\\x1b`."""
    return spelled_out(text, _as_in_python)


def one_line(text: str) -> str:
    return _SPACES.sub(" ", visible(text)).strip()


def short_id(memory: Memory) -> str:
    return memory.id[:ID_DIGITS]


def when(at: datetime, zone: tzinfo | None = None) -> str:
    """Local time, or that of `zone`, to the minute."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def memory_line(memory: Memory, zone: tzinfo | None = None) -> str:
    """For programs that read lines: id, type, time, project, tags, content, with a tab between."""
    fields = [
        short_id(memory),
        memory.memory_type.value,
        when(memory.created_at, zone),
        one_line(memory.project_id) if memory.project_id else "-",
        one_line(",".join(memory.tags)) or "-",
        one_line(memory.content),
    ]
    return "\t".join(fields)


def memory_in_full(memory: Memory, zone: tzinfo | None = None) -> str:
    rows = {
        "id": memory.id,
        "type": memory.memory_type.value,
        "project": memory.project_id or "none: it belongs to every project",
        "tags": ", ".join(memory.tags),
        "source": memory.source or "",
        "client": memory.client_id or "",
        "session": memory.session_id or "",
        "certainty": f"{memory.certainty_score:g}",
        "quality": f"{memory.quality_score:g}",
        "created": when(memory.created_at, zone),
        "updated": when(memory.updated_at, zone) if memory.updated_at != memory.created_at else "",
        "in trash": when(memory.deleted_at, zone) if memory.deleted_at is not None else "",
        "expires": when(memory.expires_at, zone) if memory.expires_at is not None else "",
        "review by": when(memory.review_by, zone) if memory.review_by is not None else "",
        "topic": memory.topic_key or "",
        "superseded by": (memory.superseded_by or "")[:ID_DIGITS],
        "revision": str(memory.revision) if memory.revision > 1 else "",
    }
    return f"{table(rows)}\n\n{visible(memory.content)}"


def place(project_id: str | None) -> str:
    return f"project {one_line(project_id)}" if project_id else "no project"


def kept(memory: Kept) -> str:
    done = {Outcome.CREATED: "Kept", Outcome.UPDATED: "Updated", Outcome.UNCHANGED: "Already kept as"}[memory.outcome]
    return f"{done} {short_id(memory)} ({memory.memory_type.value}, {place(memory.project_id)})"


def nearly_the_same(memory: Kept) -> list[str]:
    """A line for each memory that says nearly the same."""
    return [
        f"nearly the same as {one.memory_id[:ID_DIGITS]} ({differing(one.differences)}): {one_line(one.content)}; "
        "see claude-memory review"
        for one in memory.alike
    ]


def differing(differences: Sequence[str]) -> str:
    return ", ".join(map(one_line, differences)) if differences else "it says the same"


def mark(memory: Memory, now: datetime, zone: tzinfo | None = None) -> str:
    """What someone should know of a memory before believing it."""
    if memory.superseded_by is not None:
        return f"superseded by {memory.superseded_by[:ID_DIGITS]}"
    if memory.review_by is not None and memory.review_by <= now:
        return f"unreviewed since {when(memory.review_by, zone)[:10]}"
    return ""


def columns(rows: Sequence[Sequence[str]]) -> str:
    """The cells under each other; there is a first row."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(f"{one_line(cell):<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def size(count: int) -> str:
    """Bytes for people: `1.2 MB`."""
    number = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def table(rows: Mapping[str, str]) -> str:
    """Two columns; a row without a value is left out."""
    shown = {name: one_line(value) for name, value in rows.items() if value}
    width = max(map(len, shown), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in shown.items())


def _as_in_python(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
