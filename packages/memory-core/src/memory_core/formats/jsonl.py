"""Memories as JSON lines, exactly and both ways: one a line, with its past states and its vectors if they are given.

Every field is written and every field is read; a field that this version does not know is refused, never dropped.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from memory_core.errors import ConflictError, InvalidError, MemoryServiceError
from memory_core.files import replacing
from memory_core.formats.found import Format, Found, Left, check, unwritable
from memory_core.types import Memory

_MARKS = {"id", "content", "memory_type", "created_at"}
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what a line that is no JSON of ours raises


class Embedding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The vectors of one memory, one a piece of its text, and the model they are of."""

    model: str
    revision: str
    dimension: int
    vectors: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if not self.vectors or any(len(vector) != self.dimension for vector in self.vectors):
            raise InvalidError(f"embedding has vectors that are not of {self.dimension} numbers")
        if not all(math.isfinite(number) for vector in self.vectors for number in vector):
            raise InvalidError("embedding has a number that is not finite")


class Record(Struct, frozen=True, kw_only=True):
    """`history` has past states, oldest first, as whoever wrote them had them: JSON objects that are only carried."""

    memory: Memory
    history: tuple[dict[str, Any], ...] = ()  # Any: not ours to understand here
    embedding: Embedding | None = None


class _Line(Memory, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    history: tuple[dict[str, Any], ...] = ()  # Any: as in Record
    embedding: Embedding | None = field(default=None)


def write_jsonl(path: Path, records: Iterable[Record | Memory]) -> int:
    """Write all of `records` to the new file `path`, which appears whole or not at all; how many there are."""
    if path.exists():
        raise ConflictError(f"{path} exists already; choose another name, nothing is overwritten")
    total = 0
    try:
        with replacing(path) as file:
            for total, record in enumerate(records, start=1):  # noqa: B007 - the count is the answer
                file.write(line_of(record))
    except OSError as error:
        raise unwritable(path, error) from error
    return total


def line_of(record: Record | Memory) -> bytes:
    """One line of the file, its end included. Raises InvalidError for what no store would keep."""
    whole = record if isinstance(record, Record) else Record(memory=record)
    fields = msgspec.structs.asdict(check(whole.memory))
    return msgspec.json.encode(_Line(**fields, history=whole.history, embedding=whole.embedding)) + b"\n"


def read_records(path: Path) -> Iterator[Record | Left]:
    """What `write_jsonl` wrote, in its order; a line that is no memory is left, and the rest is read."""
    decode = msgspec.json.Decoder(_Line).decode
    seen: set[str] = set()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            where = f"line {number}"
            try:
                if not line.strip():
                    continue
                record = _record(decode(line))
            except (*_BROKEN, MemoryServiceError) as error:
                yield Left(where, f"it is no memory as this version writes it: {error}")
                continue
            if record.memory.id in seen:
                yield Left(where, f"its id {record.memory.id} stands in an earlier line")
                continue
            seen.add(record.memory.id)
            yield record


def read(path: Path) -> Iterator[Found]:
    """The memories alone; what else their lines hold is counted at the end."""
    histories = embeddings = 0
    for record in read_records(path):
        if isinstance(record, Left):
            yield record
            continue
        histories += bool(record.history)
        embeddings += record.embedding is not None
        yield record.memory
    if histories:
        yield Left("history", f"past states are in the file and were not read; memories that have some: {histories}")
    if embeddings:
        yield Left("embedding", f"vectors are in the file and were not read; memories that have some: {embeddings}")


def takes(path: Path) -> bool:
    """Whether one of the first lines is an object with our fields."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        for line in islice(iter(lambda: file.readline(4 << 20), b""), 20):
            try:
                found = msgspec.json.decode(line)
            except _BROKEN:
                continue
            if isinstance(found, dict) and found.keys() >= _MARKS:
                return True
    return False


def _record(line: _Line) -> Record:
    fields = {name: getattr(line, name) for name in Memory.__struct_fields__}
    return Record(memory=check(Memory(**fields)), history=line.history, embedding=line.embedding)


FORMAT = Format(
    name="jsonl",
    description="This product's own JSON lines: every field, one memory a line",
    takes=takes,
    read=read,
)
