"""What happened to memories: who changed what, when and why; and what can be asked to be undone or settled.

The vocabulary beside `types`; needs msgspec and nothing else.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType

from memory_core import checks
from memory_core.counting import counted
from memory_core.errors import InvalidError
from memory_core.types import Memory

MAX_REQUEST_KEY = 128
MAX_AGO_S = 10 * 366 * 24 * 3600


class Action(StrEnum):
    """What a revision did."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"
    SUPERSEDE = "supersede"
    MERGE = "merge"
    EXPIRE = "expire"
    PURGE = "purge"
    UNDO = "undo"
    IMPORT = "import"
    MOVE = "move"  # to another project, alone or with others


class Quota(Struct, frozen=True, kw_only=True):
    """How many memories, and how many bytes of text, the memories that a key created may be; 0: any."""

    max_memories: int = 0
    max_bytes: int = 0


class By(Struct, frozen=True, kw_only=True):
    """Who makes a change and why. `request` is the key by which the same request is known when it comes again.

    A server fills in `key`, the caller's key by its hint, and its `quota`, and takes no caller's word for them. `ago_s`
    is for how many seconds the request waited on the way, such as on a laptop without a network: a memory was created
    that long ago. Where it does not vouch (`vouches`), all that a file it imports has was done by `key`, whatever keys
    the file names.
    """

    client_id: str | None = None
    key: str | None = None
    reason: str | None = None
    request: str | None = None
    ago_s: int = 0
    quota: Quota | None = None
    vouches: bool = True

    def __post_init__(self) -> None:
        checks.names(self, "client_id", "key", "reason")
        checks.between("ago_s", self.ago_s, 0, MAX_AGO_S)
        given = self.request
        if given is not None and not (0 < len(given) <= MAX_REQUEST_KEY and given.isascii() and given.isprintable()):
            raise InvalidError(f"an idempotency key is 1 to {MAX_REQUEST_KEY} printable ASCII characters")


ANYONE = By()


class Revision(Struct, frozen=True, kw_only=True):
    """One state of a memory: `memory` as it was from `at` on, and what had made it so."""

    revision: int
    action: Action
    at: datetime
    key: str | None
    client_id: str | None
    reason: str | None
    batch_id: str | None
    memory: Memory


class History(Struct, frozen=True, kw_only=True):
    """Every state of one memory, the latest first."""

    memory_id: str
    count: int
    revisions: tuple[Revision, ...]


class Outcome(StrEnum):
    """What became of a memory that was to be added."""

    CREATED = "created"
    UNCHANGED = "unchanged"  # it was here already
    UPDATED = "updated"  # one of its topic, or the same text with less beside it, was here


class Kind(StrEnum):
    """How two memories are alike."""

    DUPLICATE = "duplicate"  # they say the same
    DIFFERS = "differs"  # alike, and something that counts literally is not the same


class Alike(Struct, frozen=True, kw_only=True):
    """Another memory that says nearly the same. `differences` are what they do not have alike: `8000 → 9000`.

    `content` is the beginning of its text.
    """

    memory_id: str
    kind: Kind
    similarity: float
    differences: tuple[str, ...]
    content: str


class Kept(Memory, frozen=True, kw_only=True):
    """The answer to `add`: the memory as it is kept, what became of the request, and what is nearly the same.

    `redacted` has the kind of each secret that was left out.
    """

    outcome: Outcome = Outcome.CREATED
    alike: tuple[Alike, ...] = ()
    redacted: tuple[str, ...] = ()

    @property
    def memory(self) -> Memory:
        """Without what belongs to the answer alone."""
        return Memory(**{name: getattr(self, name) for name in Memory.__struct_fields__})


def left_out(redacted: Sequence[str]) -> str:
    """What someone is told of secrets that were not kept; empty for none."""
    if not redacted:
        return ""
    kinds = ", ".join(dict.fromkeys(redacted))
    return f"{counted(len(redacted), 'secret was', 'secrets were')} left out: {kinds}"


class UndoRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to take back: the last change of a memory, all of a batch, or else the last change that this client made."""

    memory_id: str | None = None
    batch_id: str | None = None

    def __post_init__(self) -> None:
        checks.names(self, "memory_id", "batch_id")
        if self.memory_id is not None and self.batch_id is not None:
            raise InvalidError("undo takes memory_id or batch_id, not both")


class UndoReport(Struct, frozen=True, kw_only=True):
    """`undone` memories are as they were before `action`; `sample` shows up to 20 of them.

    `changed_since` are ids of the batch that somebody has changed meanwhile: those stay as they are. `aliases` are
    names of projects that mean again what they meant before. `batch_id` names what was done now, for another undo.
    """

    action: Action
    undone: int
    sample: tuple[Memory, ...]
    changed_since: tuple[str, ...]
    batch_id: str
    aliases: tuple[str, ...] = ()


class Pair(Struct, frozen=True, kw_only=True):
    """Two memories that say nearly the same, and wait for someone to say what is to become of them."""

    newer: Memory
    older: Memory
    kind: Kind
    similarity: float
    differences: tuple[str, ...]
    found_at: datetime


class ReviewQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which project: the caller's where `project_id` is unset, all where it is null."""

    project_id: str | UnsetType | None = UNSET
    limit: int = 20

    def __post_init__(self) -> None:
        checks.names(self, "project_id")
        checks.limit(self.limit)


class Review(Struct, frozen=True, kw_only=True):
    """`open` pairs wait in all; `pairs` are the latest of them. `due` memories should have been looked at by now;
    `overdue` are those that wait longest.
    """

    open: int
    due: int
    pairs: tuple[Pair, ...]
    overdue: tuple[Memory, ...]


class Decision(StrEnum):
    """What is to become of two memories that say nearly the same."""

    MERGE = "merge"  # `keep` has all of it, the other is superseded by it
    SUPERSEDE = "supersede"  # `keep` takes the place of the other
    KEEP_BOTH = "keep_both"


class Settlement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of two memories, `keep` stays and `other` is settled. `content` is the text of a merge; else that of `keep`."""

    keep: str
    other: str
    decision: Decision
    content: str | None = None

    def __post_init__(self) -> None:
        checks.names(self, "keep", "other")
        if self.content is not None:
            checks.content(self.content)
            if self.decision is not Decision.MERGE:
                raise InvalidError("content is the text of a merge; leave it out")


class Settled(Struct, frozen=True, kw_only=True):
    """`memory` is what was kept; `batch_id` names what was done, for `undo`, where something was.

    `redacted` has the kind of each secret that was left out of the text of a merge.
    """

    memory: Memory
    batch_id: str | None = None
    redacted: tuple[str, ...] = ()


class TrashQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be removed from the trash for good: all that has lain there for so many days."""

    older_than_days: int = 0
    dry_run: bool = True

    def __post_init__(self) -> None:
        checks.between("older_than_days", self.older_than_days, 0, 36_500)


class TrashReport(Struct, frozen=True, kw_only=True):
    """`matched` memories have lain so long; `removed` of them are gone (0 on a dry run)."""

    dry_run: bool
    matched: int
    removed: int
    sample: tuple[Memory, ...] = ()
