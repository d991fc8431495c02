"""The reference MCP memory server's file: a graph of entities, their observations and their relations, as JSON lines.

Each entity is a memory, each of its observations is one, and each relation: so a graph that grew gives the same
memories as before, and new ones. The server keeps no times; those of the file stand in.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from memory_core.formats.found import BROKEN_JSON, Format, Found, Left
from memory_core.formats.others.draft import Draft, file_time, memories
from memory_core.types import MemoryType

NAME = "mcp-memory"


class Entity(Struct, tag_field="type", tag="entity"):
    name: str
    entityType: str  # noqa: N815 - as the file has it
    observations: list[str]


class Relation(Struct, tag_field="type", tag="relation"):
    from_: str = msgspec.field(name="from")
    to: str
    relationType: str  # noqa: N815 - as the file has it


def read(path: Path) -> Iterator[Found]:
    at = file_time(path)
    seen: Counter[tuple[str, ...]] = Counter()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"line {number}"
            try:
                item = msgspec.json.decode(line, type=Entity | Relation)
                further = _further(line, item)
            except BROKEN_JSON as error:
                yield Left(where, f"it is neither an entity nor a relation: {error}")
                continue
            for draft in _drafts(item, at, where):
                draft.further = further
                seen[draft.key] += 1
                if seen[draft.key] > 1:
                    yield Left(draft.where, "the same stands in an earlier line")
                else:
                    yield from memories(draft)


def takes(path: Path) -> bool:
    """Whether one of the first lines is an entity or a relation."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return any(_is_item(line) for line in islice(iter(lambda: file.readline(4 << 20), b""), 20))


def _is_item(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=Entity | Relation)
    except BROKEN_JSON:
        return False
    return True


def _further(line: bytes, item: Entity | Relation) -> dict[str, Any]:  # Any: fields that forks of the server write
    known = {field.encode_name for field in msgspec.structs.fields(item)} | {"type"}
    return {name: value for name, value in msgspec.json.decode(line).items() if name not in known}


def _drafts(item: Entity | Relation, at: datetime, where: str) -> Iterator[Draft]:
    if isinstance(item, Relation):
        yield Draft(
            system=NAME,
            key=("relation", item.from_, item.relationType, item.to),
            where=where,
            content=f"{item.from_} {item.relationType} {item.to}",
            memory_type=MemoryType.RELATION,
            tags=[item.from_, item.to, f"relation:{item.relationType}"],
            source=NAME,
            at=at,
        )
        return
    about = [item.name, f"type:{item.entityType}"] if item.entityType.strip() else [item.name]
    yield Draft(
        system=NAME,
        key=("entity", item.name),
        where=where,
        content=f"{item.name} ({item.entityType})" if item.entityType.strip() else item.name,
        memory_type=MemoryType.ENTITY,
        tags=about,
        source=NAME,
        at=at,
    )
    for number, observation in enumerate(item.observations, start=1):
        yield Draft(
            system=NAME,
            key=("observation", item.name, observation),
            where=f"{where}, observation {number}",
            content=f"{item.name}: {observation}" if observation.strip() else "",
            tags=about,
            source=NAME,
            at=at,
        )


FORMAT = Format(
    name=NAME,
    description="The reference MCP memory server's file (memory.jsonl)",
    takes=takes,
    read=read,
    dated=False,
)
