"""Ids and page cursors as people and programs pass them: opaque, short where that is enough.

Pure. Looking anything up stays with the service.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from uuid import uuid4

from memory_core.errors import AmbiguousIdError, InvalidError
from memory_core.types import Memory

MIN_PREFIX = 4
SHORT = 8
MAX_CANDIDATES = 5
_PREFIX = re.compile(rf"[0-9a-f]{{{MIN_PREFIX},64}}")


def new_id() -> str:
    return uuid4().hex


def short(memory_id: str) -> str:
    """As people read it."""
    return memory_id[:SHORT]


def prefix(memory_id: str) -> str:
    """The beginning of an id as it is stored: capitals and hyphens are how some tools write it."""
    cleaned = memory_id.strip().lower().replace("-", "")
    if not _PREFIX.fullmatch(cleaned):
        raise InvalidError(
            f"memory_id is {memory_id[:80]!r}; it is at least {MIN_PREFIX} hexadecimal digits: an id or its beginning"
        )
    return cleaned


def ambiguous(beginning: str, candidates: Sequence[str]) -> AmbiguousIdError:
    """`candidates` are sorted; each is shown with as many digits as tell it from the others."""
    digits = max(SHORT, *(_shared(left, right) + 1 for left, right in pairwise(candidates)))
    shown = ", ".join(candidate[:digits] for candidate in candidates[:MAX_CANDIDATES])
    more = ", …" if len(candidates) > MAX_CANDIDATES else ""
    return AmbiguousIdError(f"several memories begin with {beginning}: {shown}{more}; give more digits")


def cursor(memory: Memory) -> str:
    return cursor_at(memory.created_at, memory.id)


def cursor_at(moment: datetime, name: str) -> str:
    """The place after `name` in a list that is ordered by time."""
    place = f"{moment.astimezone(UTC).isoformat()} {name}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place(cursor: str, read: Callable[[str], str] = prefix) -> tuple[datetime, str]:
    """Where the page before ended: what `cursor` of its last one said. `read` raises ValueError for no name."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        moment, _, name = text.partition(" ")
        return datetime.fromisoformat(moment).astimezone(UTC), read(name)
    except (binascii.Error, ValueError, OverflowError):
        raise InvalidError("cursor is not one that a page gave; begin again without it") from None


def _shared(left: str, right: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
