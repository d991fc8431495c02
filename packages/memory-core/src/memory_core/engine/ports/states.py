"""What is kept of a memory, state by state: its index entry, what made it so, its past, its vectors."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from memory_core.changes import Action, Revision
from memory_core.engine.ports.vectors import ModelIdentity, Vectors
from memory_core.types import Memory


class Entry(Struct, frozen=True, kw_only=True):
    """One state of a memory and what the lexical index holds of it: each term with its number of occurrences.

    `digest` is equal for exact repeats, 0 where it is not known.
    """

    memory: Memory
    terms: Mapping[str, int]
    digest: int = 0


class Act(Struct, frozen=True, kw_only=True):
    """What is said of the change that makes a state: what was done, when, by whom, why, and as part of which batch."""

    action: Action
    at: datetime
    client_id: str | None = None
    key: str | None = None
    reason: str | None = None
    batch_id: str | None = None

    @classmethod
    def of(cls, memory: Memory, *, action: Action = Action.CREATE) -> "Act":
        """As far as the memory itself tells."""
        return cls(action=action, at=memory.updated_at, client_id=memory.client_id)


class Latest(Struct, frozen=True, kw_only=True):
    """What the latest change of a memory was. `has_former`: the state before it is kept."""

    memory_id: str
    revision: int
    action: Action
    batch_id: str | None
    has_former: bool


class Answer(Struct, frozen=True, kw_only=True):
    """What a request was answered; `request` is equal for equal requests."""

    request: str
    text: str


class EmbeddedEntry(Struct, frozen=True, kw_only=True):
    """What an export carries: a memory, its vectors where it has some, and its states where it had others before.

    The first of the `history` is the state of now.
    """

    memory: Memory
    model: ModelIdentity | None
    vectors: Vectors | None
    history: tuple[Revision, ...] = ()


class Past(Struct, frozen=True, kw_only=True):
    """What made a memory as it is, and its states before that with what made those, the latest first."""

    act: Act
    states: Sequence[tuple[Entry, Act]]


class Pending(Struct, frozen=True, kw_only=True):
    """A revision that has no vector of the current model. `doc` names the revision: it changes with the content."""

    doc: int
    memory: Memory
