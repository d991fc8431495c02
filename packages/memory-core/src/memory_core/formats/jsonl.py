"""Memories as JSON lines, exactly and both ways: one a line, with its past states and its vectors if they are given.

Every field is written and every field is read; a field that this version does not know is refused, never dropped.
"""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from memory_core.changes import Action, Revision
from memory_core.errors import ConflictError, InvalidError, MemoryServiceError
from memory_core.files import replacing
from memory_core.formats.found import BROKEN_JSON, Format, Found, Left, check, check_history, unwritable
from memory_core.types import Memory

_MARKS = {"id", "content", "memory_type", "created_at"}


_LONGEST_LOOK_BYTES = 4 << 20  # of a line that is looked at to tell what the file is


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
    """`history` has every state of the memory, the one of now first, if any; `embedding` is of the one of now."""

    memory: Memory
    history: tuple[Revision, ...] = ()
    embedding: Embedding | None = None


class _Written(Memory, frozen=True, kw_only=True, omit_defaults=True):
    history: tuple[Revision, ...] = ()
    embedding: Embedding | None = None


class _State(Memory, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a memory and no others."""


class _Revision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    revision: int
    action: Action
    at: datetime
    key: str | None
    client_id: str | None
    reason: str | None
    batch_id: str | None
    memory: _State


class _Line(_State, frozen=True, kw_only=True, forbid_unknown_fields=True):
    history: tuple[_Revision, ...] = ()
    embedding: Embedding | None = None


_DECODER = msgspec.json.Decoder(_Line)


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
    fields = structs.asdict(check(whole.memory))
    return msgspec.json.encode(_Written(**fields, history=whole.history, embedding=whole.embedding)) + b"\n"


def record_of(line: bytes) -> Record:
    """What `line_of` wrote. Raises InvalidError."""
    try:
        found = _DECODER.decode(line)
        memory = check(_memory(found))
        history = tuple(_revision(each) for each in found.history)
        check_history(history, memory)
        return Record(memory=memory, history=history, embedding=found.embedding)
    except (*BROKEN_JSON, MemoryServiceError) as error:
        raise InvalidError(f"it is no memory as this version writes it: {error}") from error


def read_records(path: Path) -> Iterator[Record | Left]:
    """What `write_jsonl` wrote, in its order; a line that is no memory is left, and the rest is read."""
    seen: set[str] = set()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            where = f"line {number}"
            try:
                if not line.strip():
                    continue
                record = record_of(line)
            except InvalidError as error:
                yield Left(where, str(error))
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
        for line in islice(iter(lambda: file.readline(_LONGEST_LOOK_BYTES), b""), 20):
            try:
                found = msgspec.json.decode(line)
            except BROKEN_JSON:
                continue
            if isinstance(found, dict) and found.keys() >= _MARKS:
                return True
    return False


def _memory(state: _State) -> Memory:
    return Memory(**{name: getattr(state, name) for name in Memory.__struct_fields__})


def _revision(found: _Revision) -> Revision:
    return Revision(**structs.asdict(found) | {"memory": _memory(found.memory)})


FORMAT = Format(
    name="jsonl",
    description="This product's own JSON lines: every field, one memory a line",
    takes=takes,
    read=read,
)
