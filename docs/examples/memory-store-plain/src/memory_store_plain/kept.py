"""What the store holds. All of it fits into one value, which a transaction copies, changes and puts in its place."""

from datetime import datetime
from typing import Any

from msgspec import Struct, field

from memory_core.changes import Alike
from memory_core.engine.ports import Act, AliasChange, Answer, ModelIdentity
from memory_core.types import Memory


class State(Struct, frozen=True, kw_only=True):
    """A memory as it was from `act.at` on, `until` the next state began.

    `doc` names its text: words and vectors hang on that. Several states may have one text.
    """

    memory: Memory
    act: Act
    doc: int
    digest: int
    until: datetime | None = None


class Model(Struct, frozen=True, kw_only=True):
    """`vectors` has, by doc, the bytes of float32 numbers, one row of them a piece of the text."""

    model: ModelIdentity
    spec: str | None = None
    is_current: bool = False
    is_next: bool = False
    vectors: dict[int, bytes] = {}


class Link(Struct, frozen=True, kw_only=True):
    newer: str
    alike: Alike
    found_at: datetime
    settled: str | None = None


class Kept(Struct, kw_only=True):
    memories: dict[str, State] = field(default_factory=dict)  # as they are now
    past: dict[str, tuple[State, ...]] = field(default_factory=dict)  # the states before, the latest first
    terms: dict[int, dict[str, int]] = field(default_factory=dict)
    last_doc: int = 0
    models: list[Model] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    alias_changes: dict[str, tuple[AliasChange, ...]] = field(default_factory=dict)  # by batch
    links: list[Link] = field(default_factory=list)
    uncompared: dict[str, None] = field(default_factory=dict)
    answers: dict[str, tuple[Answer, datetime]] = field(default_factory=dict)
    brought: dict[str, dict[str, int]] = field(default_factory=dict)  # by batch: what an import brought with its past

    def copy(self) -> "Kept":
        """One level deep: the values in the containers are never changed, only replaced."""
        # Any: dicts, lists and a number
        values: dict[str, Any] = {name: getattr(self, name) for name in self.__struct_fields__}
        copies = {name: value if name == "last_doc" else value.copy() for name, value in values.items()}
        return Kept(**copies)

    def states(self, memory_id: str) -> tuple[State, ...]:
        """The latest first; none where there is no such memory."""
        return (self.memories[memory_id], *self.past.get(memory_id, ())) if memory_id in self.memories else ()

    def model(self, wanted: ModelIdentity | None) -> Model | None:
        """Null: the one in use."""
        return next(
            (each for each in self.models if (each.is_current if wanted is None else each.model == wanted)), None
        )
