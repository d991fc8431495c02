"""From what another system kept to memories of ours: ids, limits, and a place for whatever has no field here.

Nothing is cut and nothing is dropped: a name that does not fit a field, a tag that is too long and any further value
are written below the text; a text above the limit becomes several memories; what still cannot be kept is left.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
from msgspec import Struct

from memory_core import checks
from memory_core.errors import InvalidError
from memory_core.formats.found import Found, Left, check
from memory_core.types import DEFAULT_SCORE, Memory, MemoryType

_NAMES = ("source", "project_id", "client_id", "session_id", "topic_key")
_MAX_VALUE_CHARS = 60  # of a value that is worth a tag, and not a line below the text
_CUTS = ("\n\n", "\n", " ")  # where a long text is cut, best first


class Draft(Struct, kw_only=True):
    """One memory of another system. `key` tells it from the system's others, `where` tells people what it was."""

    system: str
    key: tuple[str, ...]
    where: str
    content: str
    at: datetime
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    expires_at: datetime | None = None
    review_by: datetime | None = None
    memory_type: MemoryType = MemoryType.OBSERVATION
    tags: list[str] = msgspec.field(default_factory=list)
    source: str | None = None
    project_id: str | None = None
    client_id: str | None = None
    session_id: str | None = None
    topic_key: str | None = None
    superseded_by: str | None = None
    certainty_score: float = DEFAULT_SCORE
    quality_score: float = DEFAULT_SCORE
    # What else the system kept of it: short values become tags `name:value`, others lines below the text.
    further: dict[str, Any] = msgspec.field(default_factory=dict)  # Any: another system's values


def identity(system: str, *key: str) -> str:
    """The id of a memory that came from elsewhere: the same on every machine and in every run."""
    parts = (system, *key)
    told_apart = b"".join(b"%d:%b" % (len(part), part) for part in (part.encode(errors="replace") for part in parts))
    return hashlib.blake2b(told_apart, digest_size=16).hexdigest()


def memories(draft: Draft) -> Iterator[Found]:
    """The draft as one memory, or as several if it is long; what cannot be kept is left."""
    below: list[str] = []
    for name in _NAMES:
        setattr(draft, name, _named(name, getattr(draft, name), below))
    tags = _tagged(draft, below)
    if not draft.content.strip():
        yield Left(draft.where, "it has no text")
        return
    content = draft.content + ("\n\n" + "\n".join(below) if below else "")
    if not _is_text(content):
        yield Left(draft.where, "its text has a NUL character or bytes that are not UTF-8")
        return
    parts = list(_parts(content))
    for number, part in enumerate(parts, start=1):
        mark = (f"part {number} of {len(parts)}",) if len(parts) > 1 else ()
        key = (*draft.key, f"part {number}") if number > 1 else draft.key
        memory = _memory(draft, identity(draft.system, *key), part, (*tags, *mark))
        try:
            check(memory)
        except InvalidError as error:
            yield Left(" ".join((draft.where, *mark)), str(error))
        else:
            yield memory


def _memory(draft: Draft, memory_id: str, content: str, tags: tuple[str, ...]) -> Memory:
    return Memory(
        id=memory_id,
        content=content,
        memory_type=draft.memory_type,
        tags=tags,
        source=draft.source,
        project_id=draft.project_id,
        client_id=draft.client_id,
        session_id=draft.session_id,
        certainty_score=draft.certainty_score,
        quality_score=draft.quality_score,
        created_at=draft.at,
        updated_at=draft.updated_at or draft.at,
        deleted_at=draft.deleted_at,
        expires_at=draft.expires_at,
        review_by=draft.review_by,
        topic_key=draft.topic_key,
        superseded_by=draft.superseded_by,
    )


def score(value: Any) -> float:
    """The value, if it is one from 0 to 1; else what a memory has that says nothing of it."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else DEFAULT_SCORE


def moment(value: Any) -> datetime | None:
    """A time as other systems write it: seconds or milliseconds since 1970, or ISO 8601, without a zone UTC."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if abs(value) >= 1e11 else value, tz=UTC)
        if isinstance(value, str) and value.strip():
            found = datetime.fromisoformat(value.strip())
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def file_time(path: Path) -> datetime:
    """When the file was last written: what stands in where a source keeps no times."""
    return datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)


def text_in(path: Path) -> str:
    """What a file says, whatever ends its lines. Raises OSError and UnicodeDecodeError."""
    return path.read_bytes().decode().replace("\r\n", "\n")


def typed(word: str, known: Mapping[str, MemoryType], otherwise: MemoryType) -> tuple[MemoryType, list[str]]:
    """The type that another system's word stands for, and the word as a tag where it says more."""
    found = known.get(word.strip().lower(), otherwise)
    return found, [f"type:{word.strip()}"] if word.strip() and word.strip().lower() != found.value else []


def _named(name: str, value: str | None, below: list[str]) -> str | None:
    if value is None or not value.strip():
        return None
    try:
        checks.names(SimpleNamespace(**{name: value}), name)
    except InvalidError:
        below.append(f"{name}: {value}")
        return None
    return value


def _tagged(draft: Draft, below: list[str]) -> list[str]:
    """The tags that fit, `further` included; the others go below the text."""
    short = {name: value for name, value in draft.further.items() if _short(value)}
    wanted = [*draft.tags, *(f"{name}:{_text(value)}" for name, value in short.items())]
    stripped = list(dict.fromkeys(tag.strip() for tag in wanted if tag.strip()))
    fit = [tag for tag in stripped if len(tag) <= checks.MAX_TAG_CHARS and _is_text(tag)][: checks.MAX_TAGS - 1]
    below.extend(f"tag: {tag}" for tag in stripped if tag not in fit)
    below.extend(
        f"{name}: {_text(value)}"
        for name, value in draft.further.items()
        if name not in short and not _says_nothing(value)
    )
    return fit


def _short(value: Any) -> bool:
    if not isinstance(value, str | int | float):
        return False
    text = _text(value)
    is_plain = text.isprintable() and not text.startswith(("{", "["))
    return bool(text.strip()) and len(text) <= _MAX_VALUE_CHARS and is_plain


def _says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()


def _is_text(value: str) -> bool:
    try:
        checks.text("tags", value)
    except InvalidError:
        return False
    return True


def _parts(content: str) -> Iterator[str]:
    """Pieces within the limit that make the content up again, cut at a paragraph, a line, a word, or anywhere."""
    while len(encoded := content.encode(errors="surrogatepass")) > checks.MAX_CONTENT_BYTES:
        head = encoded[: checks.MAX_CONTENT_BYTES].decode(errors="ignore")
        ends = (head.rfind(cut) + len(cut) for cut in _CUTS)
        head = head[: next((end for end in ends if end > len(head) // 2), None)]
        yield head
        content = content[len(head) :]
    yield content
