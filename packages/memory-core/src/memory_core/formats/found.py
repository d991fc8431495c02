"""What reading a source gives: memories, and what was not taken and why. No format is known here."""

import errno
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from msgspec import DecodeError, Struct

from memory_core import checks
from memory_core.changes import Revision
from memory_core.errors import InvalidError, MemoryServiceError, StorageFullError, UnavailableError
from memory_core.types import Memory

BROKEN_JSON = (DecodeError, UnicodeError, RecursionError)
"""What decoding raises where it is no JSON, not what was expected, no UTF-8 or nested too deep."""

_ID = re.compile(r"[0-9a-f]{32}")
_MAX_REVISION = 2**31 - 1
_TIMES = ("created_at", "updated_at", "deleted_at", "expires_at", "review_by")


class Left(Struct, frozen=True):
    """Something that was not taken: `where` in the source, and `why`, for people."""

    where: str
    why: str


Found = Memory | Left


class Format(Struct, frozen=True, kw_only=True):
    """One kind of source. `takes` looks at the file or folder itself; `read` gives all of it, in one pass.

    `dated` is false where the source may keep no times: those of its file stand in, so that another time alone is no
    change. `unplaced` names what such a source may hold that a memory has no place for, and that is therefore left.
    """

    name: str
    description: str
    takes: Callable[[Path], bool]
    read: Callable[[Path], Iterator[Found]]
    dated: bool = True
    unplaced: tuple[str, ...] = ()


def check(memory: Memory) -> Memory:
    """The memory itself, if it is one that a store would keep. Raises InvalidError."""
    for name, value in (("id", memory.id), ("superseded_by", memory.superseded_by)):
        if not _ID.fullmatch(value or "") and not (name == "superseded_by" and value is None):
            raise InvalidError(f"{name} is {value!r}; it needs 32 hexadecimal digits")
    checks.content(memory.content)
    if checks.tags(memory.tags) != memory.tags:
        raise InvalidError("a tag is given twice or has blanks around it")
    checks.names(memory, "source", "project_id", "client_id", "session_id", "topic_key")
    checks.scores(memory, "certainty_score", "quality_score")
    for name in _TIMES:
        if (moment := getattr(memory, name)) is not None and moment.utcoffset() != timedelta(0):
            raise InvalidError(f"{name} is not in UTC")
    checks.between("revision", memory.revision, 1, _MAX_REVISION)
    return memory


def check_history(history: Sequence[Revision], memory: Memory) -> None:
    """Raise InvalidError unless these are states of `memory`, its own first and then those before it."""
    for each in history:
        check(each.memory)
        checks.names(each, "key", "client_id", "reason", "batch_id")
        if each.at.utcoffset() != timedelta(0):
            raise InvalidError("history has a time that is not in UTC")
        if each.memory.id != memory.id or each.memory.revision != each.revision:
            raise InvalidError("history has states of another memory")
    numbers = [each.revision for each in history]
    if history and (history[0].memory != memory or numbers != sorted(set(numbers), reverse=True)):
        raise InvalidError("history is not that of the memory, its latest state first")


def unwritable(path: Path, error: OSError) -> MemoryServiceError:
    """What to say when `path` could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError(f"the disk of {path.parent} is full; what stood there before is as it was")
    return UnavailableError(f"{path} cannot be written: {error.strerror}")
