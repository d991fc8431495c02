"""What a field may hold, and the sentence that says so when it does not. Used by the structs alone."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET
from msgspec.structs import force_setattr

from memory_core.errors import InvalidError

MAX_CONTENT_BYTES = 64 * 1024
MAX_QUERY_CHARS = 4_000
MAX_TAGS = 64
MAX_TAG_CHARS = 128
MAX_NAME_CHARS = 256
MAX_PATH_CHARS = 4_096
MAX_LIMIT = 200
MAX_PROJECTS = 200


def content(value: str) -> None:
    text("content", value)
    if not value.strip():
        raise InvalidError("content is empty; a memory needs some text")
    size = len(value.encode())
    if size > MAX_CONTENT_BYTES:
        raise InvalidError(f"content is {size:,} bytes; at most {MAX_CONTENT_BYTES:,} fit. Keep it as several memories")


def query(value: str) -> None:
    text("query", value)
    if len(value) > MAX_QUERY_CHARS:
        raise InvalidError(f"query is {len(value):,} characters long; at most {MAX_QUERY_CHARS:,} fit")


def text(name: str, value: str) -> None:
    """No NUL, which ends strings in C, and no lone surrogate, which UTF-8 cannot hold."""
    if "\0" in value:
        raise InvalidError(f"{name} contains a NUL character")
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise InvalidError(f"{name} contains half of a surrogate pair, which is not text")


def tags(values: Sequence[str]) -> tuple[str, ...]:
    """Stripped, without repetition, in the order given."""
    if len(values) > MAX_TAGS:
        raise InvalidError(f"{len(values)} tags were given; at most {MAX_TAGS} fit")
    stripped = tuple(dict.fromkeys(value.strip() for value in values))
    for tag in stripped:
        text("tags", tag)
        if not tag:
            raise InvalidError("a tag is empty")
        if len(tag) > MAX_TAG_CHARS:
            raise InvalidError(f"a tag is {len(tag)} characters long; at most {MAX_TAG_CHARS} fit")
    return stripped


def names(struct: Any, *fields: str) -> None:
    """Short one-line texts such as ids and sources: null or unset, or 1 to MAX_NAME_CHARS printable characters."""
    for field in fields:
        value = getattr(struct, field)
        if value is not None and value is not UNSET:
            _name(field, value)


def _name(field: str, value: str) -> None:
    text(field, value)
    if not value.strip():
        raise InvalidError(f"{field} is empty; leave it out instead")
    if len(value) > MAX_NAME_CHARS:
        raise InvalidError(f"{field} is {len(value)} characters long; at most {MAX_NAME_CHARS} fit")
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise InvalidError(f"{field} contains a control character")


def projects(values: Sequence[str] | None) -> None:
    """Names of projects, "" among them for none; null for all."""
    if values is None:
        return
    if len(values) > MAX_PROJECTS:
        raise InvalidError(f"projects names {len(values)}; at most {MAX_PROJECTS} fit, or leave it out for all")
    for value in values:
        if value:
            _name("projects", value)


def in_utc(struct: Any, *fields: str) -> None:
    """Times in UTC; one without a zone is taken for UTC."""
    for field in fields:
        moment = getattr(struct, field)
        if isinstance(moment, datetime):
            force_setattr(struct, field, _utc(field, moment))


def _utc(name: str, moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidError(f"{name} is no time of this era") from None


def scores(struct: Any, *fields: str) -> None:
    for field in fields:
        value = getattr(struct, field)
        if value is None or value is UNSET:
            continue
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise InvalidError(f"{field} is {value}; it goes from 0 to 1")


def between(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidError(f"{name} is {value}; it goes from {low} to {high}")


def limit(value: int, *, name: str = "limit") -> None:
    between(name, value, 1, MAX_LIMIT)


def path(struct: Any, *fields: str) -> None:
    """Places in a file system: null, or one line of up to MAX_PATH_CHARS."""
    for field in fields:
        value = getattr(struct, field)
        if value is None:
            continue
        text(field, value)
        if not value.strip() or len(value) > MAX_PATH_CHARS or any(ord(c) < 32 for c in value):
            raise InvalidError(f"{field} is no path: one line of 1 to {MAX_PATH_CHARS:,} characters")


def lines(struct: Any, field: str, *, most: int, chars: int) -> None:
    """Stripped, without empty ones and repetition, in the order given."""
    given = getattr(struct, field)
    for value in given:
        text(field, value)
        if len(value) > chars:
            raise InvalidError(f"one of {field} is {len(value):,} characters long; at most {chars:,} fit")
    kept = tuple(dict.fromkeys(filter(None, (" ".join(value.split()) for value in given))))
    if len(kept) > most:
        raise InvalidError(f"{field} has {len(kept)}; at most {most} fit")
    force_setattr(struct, field, kept)


def moved(query: Any) -> None:
    if len(query.memory_ids) > MAX_LIMIT:
        raise InvalidError(f"memory_ids names {len(query.memory_ids)}; at most {MAX_LIMIT} fit")
    for value in query.memory_ids:
        _name("memory_ids", value)
    _contains(query)
    if _means_everything(query, "memory_ids"):
        raise InvalidError("move needs memory_ids or at least one filter: project_id, tags, client_id, …")
    if query.as_of is not None or query.trashed:
        raise InvalidError("what is moved is what is here now, outside the trash")


def purge(query: Any) -> None:
    if query.older_than_days is not None:
        between("older_than_days", query.older_than_days, 0, 36_500)
    _contains(query)
    if _means_everything(query, "older_than_days"):
        raise InvalidError("purge needs at least one filter: project_id, memory_type, tags, older_than_days, …")


def _contains(query: Any) -> None:
    if query.content_contains is not None:
        text("content_contains", query.content_contains)
        if not query.content_contains:
            raise InvalidError("content_contains is empty")


def _means_everything(query: Any, own: str) -> bool:
    """Whether neither the scope nor `own`, which the query has besides, leaves anything out."""
    # `global_search` means every project, whatever `project_id` says: then that one does not limit anything.
    one_project = query.project_id is not UNSET and not query.global_search
    filters = ["memory_type", "tags", "client_id", "session_id", "created_after", "created_before"]
    filters += ["projects", "content_contains", own]
    return not one_project and all(getattr(query, name) in (None, ()) for name in filters)
