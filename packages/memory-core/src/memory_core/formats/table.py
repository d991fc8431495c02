"""One table of formats. Each says by looking at a file or folder whether it is of its kind, and reads it as memories of
ours, with what could not be taken and why. Loading it loads every reader.
"""

from collections.abc import Iterator
from pathlib import Path

from memory_core.errors import InvalidError, UnavailableError
from memory_core.formats import folder, jsonl
from memory_core.formats.found import Format, Found, Left
from memory_core.formats.others import (
    basic_memory,
    claude_code,
    claude_mem,
    engram,
    knowledge_graph,
    mcp_memory_service,
    mem0,
    mempalace,
)

FORMATS = {
    one.name: one
    for one in (
        jsonl.FORMAT,
        folder.FORMAT,
        claude_code.FORMAT,
        knowledge_graph.FORMAT,
        mcp_memory_service.FORMAT,
        claude_mem.FORMAT,
        basic_memory.FORMAT,
        mem0.FORMAT,
        engram.FORMAT,
        mempalace.FORMAT,
    )
}


def named(name: str) -> Format:
    """The format of that name. Raises InvalidError."""
    if name not in FORMATS:
        raise InvalidError(f"there is no format {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]


def recognised(path: Path) -> Format:
    """The one format that `path` is of. Raises InvalidError where there is none, or more than one."""
    if not path.exists():
        raise InvalidError(f"there is no {path}")
    try:
        fitting = [one for one in FORMATS.values() if one.takes(path)]
    except OSError as error:
        raise UnavailableError(f"{error.filename or path} cannot be read: {error.strerror}") from error
    if not fitting:
        raise InvalidError(f"{path} is of no format that is known here; there are {', '.join(FORMATS)}")
    if len(fitting) > 1:
        raise InvalidError(f"{path} could be {' or '.join(one.name for one in fitting)}; name one")
    return fitting[0]


def read(path: Path, name: str | None = None) -> Iterator[Found]:
    """Everything in `path`, which is of the format `name` or else of the one that it is recognised as; no id twice.

    Raises InvalidError before the first memory where it is of none; UnavailableError where it cannot be read.
    """
    form = recognised(path) if name is None else named(name)
    seen: set[str] = set()
    try:
        for found in form.read(path):
            if isinstance(found, Left):
                yield found
            elif found.id in seen:
                yield Left(found.source or form.name, f"its id is that of an earlier one: {found.content[:60]!r}")
            else:
                seen.add(found.id)
                yield found
    except OSError as error:
        raise UnavailableError(f"{error.filename or path} cannot be read: {error.strerror}") from error


__all__ = ["FORMATS", "Format", "Found", "Left", "named", "read", "recognised"]
