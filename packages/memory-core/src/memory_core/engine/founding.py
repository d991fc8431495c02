"""A memory or a session of the founding project, claude-local-memory-server, as memories of ours.

Pure: a row in, memories out. What that project let in and this one does not is made to fit, and every such change, and
everything that is left out, is remarked on: nothing is lost in silence. Where rows come from is in `founding_files`.

Its ids are 8 hexadecimal digits. They stay as the beginning of ours, so that an id somebody wrote down still names its
memory; the rest follows from the row, so that taking the same row again finds it here. The time of creation is part of
that: two stores of that project may have given the same 8 digits to two memories.

Its vectors stay behind. The file does not say which model or revision made them, and a text longer than that model
reads was cut there instead of embedded piece by piece; to make them anew costs milliseconds a memory.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from memory_core import checks
from memory_core.types import DEFAULT_SCORE, Memory, MemoryType

Row = Mapping[str, Any]  # Any: the values of a row, each as its column has it
Remark = Callable[[str], None]

UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXTS = ("source", "project_id", "client_id", "session_id")
SESSION_SOURCE = "claude-local-memory-server session"
_HEX = re.compile(r"[0-9a-f]{1,32}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BREAKS = ("\n\n", "\n", " ")


def memories_of(row: Row, remark: Remark) -> list[Memory]:
    """One memory; several where the text is longer than one may be; none where there is no text."""
    told = _about(f"memory {row['id']}", remark)
    content = _text(row["content"] or "", told)
    if not content.strip():
        told("left out, because it has no text")
        return []
    tags = list(row["tags"] or ())
    memory_type, unknown = _type_of(row["memory_type"])
    if unknown:
        tags.append(f"type:{unknown}")
        told(f"its type {unknown!r} is not known here; it became an observation with the tag type:{unknown}")
    created, updated = _times(row["created_at"], row["updated_at"], told)
    shared = {
        "memory_type": memory_type,
        "created_at": created,
        "updated_at": updated,
        "certainty_score": _score("certainty_score", row["certainty_score"], told),
        "quality_score": _score("quality_score", row["quality_score"], told),
        **{name: _name(name, row[name], told) for name in TEXTS},
    }
    return _whole_or_parts("memory", row, content, tags, shared, told)


def memories_of_session(row: Row, remark: Remark) -> list[Memory]:
    """What was noted of a session, as one memory of type session; none where nothing was."""
    told = _about(f"session {row['id']}", remark)
    content = _text(_session_text(row), told)
    if not content:
        told("left out, because it has no summary, topics, decisions or open questions")
        return []
    created, updated = _times(row["started_at"], row["ended_at"], told)
    status = [str(row["status"])] if row["status"] else []
    shared = {
        "memory_type": MemoryType.SESSION,
        "created_at": created,
        "updated_at": updated,
        "certainty_score": DEFAULT_SCORE,
        "quality_score": DEFAULT_SCORE,
        "source": SESSION_SOURCE,
        "session_id": _name("id", row["id"], told),
        **{name: _name(name, row[name], told) for name in ("project_id", "client_id")},
    }
    return _whole_or_parts("session", row, content, [*(row["topics"] or ()), *status], shared, told)


def _session_text(row: Row) -> str:
    lists = {"Topics": row["topics"], "Decisions": row["decisions"], "Open questions": row["open_questions"]}
    given = {title: [entry for entry in entries or () if entry and entry.strip()] for title, entries in lists.items()}
    paragraphs = [(row["summary"] or "").strip()]
    paragraphs += [
        f"{title}:\n" + "\n".join(f"- {entry}" for entry in entries) for title, entries in given.items() if entries
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _whole_or_parts(
    kind: str, row: Row, content: str, tags: Sequence[str], shared: Mapping[str, Any], told: Remark
) -> list[Memory]:
    parts = list(_parts(content, checks.MAX_CONTENT_BYTES))
    old = str(row["id"])
    if len(parts) > 1:
        told(f"its text is longer than one memory holds; it became {len(parts)} with the tag part-of:{old}")
    made = []
    for number, part in enumerate(parts, start=1):
        marks = [] if len(parts) == 1 else [f"part-of:{old}", f"part {number} of {len(parts)}"]
        memory_id = id_of(kind, old, shared["created_at"], part=number)
        made.append(Memory(id=memory_id, content=part, tags=_tags([*marks, *tags], told), **shared))
    return made


def id_of(kind: str, old: str, created_at: datetime, *, part: int = 1) -> str:
    """32 hexadecimal digits that begin with `old`, where that is hexadecimal; later parts share nothing with it."""
    digits = old.strip().lower().replace("-", "")
    known = digits if part == 1 and _HEX.fullmatch(digits) else ""
    named = f"claude-local-memory-server {kind} {old} {created_at.isoformat()} {part}"
    return (known + hashlib.sha256(named.encode()).hexdigest())[:32]


def _type_of(given: str | None) -> tuple[MemoryType, str]:
    """The type, and what was given where that is no type of ours."""
    word = (given or "").strip()
    if not word:
        return MemoryType.OBSERVATION, ""
    try:
        return MemoryType(word.lower()), ""
    except ValueError:
        return MemoryType.OBSERVATION, word


def _times(created: int | None, updated: int | None, told: Remark) -> tuple[datetime, datetime]:
    """From microseconds since 1970; where one is missing the other stands for it."""
    first, last = _moment(created), _moment(updated)
    if first is None and last is None:
        told(f"it has no time; it is kept as of {UNIX_EPOCH:%Y-%m-%d}")
    return first or last or UNIX_EPOCH, last or first or UNIX_EPOCH


def _moment(microseconds: int | None) -> datetime | None:
    try:
        return None if microseconds is None else UNIX_EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None


def _text(value: str, told: Remark) -> str:
    if "\0" in value:
        told("its text has NUL characters; each became U+FFFD")
    return value.replace("\0", "\ufffd")


def _name(field: str, value: str | None, told: Remark) -> str | None:
    if value is None or not value.strip():
        return None
    fits = _CONTROL.sub(" ", value)[: checks.MAX_NAME_CHARS]
    if fits != value:
        told(f"{field} was {value!r}, which does not fit; it became {fits!r}")
    return fits if fits.strip() else None


def _tags(given: Sequence[str | None], told: Remark) -> tuple[str, ...]:
    kept: list[str] = []
    for tag in given:
        plain = (tag or "").replace("\0", "\ufffd").strip()
        fits = plain[: checks.MAX_TAG_CHARS].strip()
        if fits != plain:
            told(f"the tag {plain!r} is too long; it became {fits!r}")
        if fits and fits not in kept:
            kept.append(fits)
    if len(kept) > checks.MAX_TAGS:
        told(f"it has more tags than fit; left out: {', '.join(kept[checks.MAX_TAGS :])}")
    return tuple(kept[: checks.MAX_TAGS])


def _score(field: str, value: float | None, told: Remark) -> float:
    if value is None:
        return DEFAULT_SCORE
    if not math.isfinite(value):
        told(f"{field} is {value}; it became {DEFAULT_SCORE}")
        return DEFAULT_SCORE
    fits = min(max(value, 0.0), 1.0)
    if fits != value:
        told(f"{field} is {value}; it became {fits}")
    return round(fits, 6)  # it was a float of 32 bits: 0.7 comes as 0.699999988


def _parts(content: str, limit: int) -> Iterator[str]:
    """Pieces of at most `limit` bytes that make `content` again when joined, cut between paragraphs where possible."""
    while len(content.encode()) > limit:
        piece = content.encode()[:limit].decode(errors="ignore")
        cuts = [piece.rfind(mark) + len(mark) for mark in _BREAKS if piece.rfind(mark) > len(piece) // 2]
        cut = cuts[0] if cuts else len(piece)
        if content[:cut].strip():  # else it would be a memory of nothing but blanks
            yield content[:cut]
        content = content[cut:]
    if content.strip():
        yield content


def _about(subject: str, remark: Remark) -> Remark:
    return lambda what: remark(f"{subject}: {what}")
