"""What a server knows of its own state, and what it can put in order by itself. What to think of it is the asker's."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from memory_core.backups import BackupList
from memory_core.types import EmbeddingStatus, RerankerStatus


class FlawKind(StrEnum):
    REMAINS = "remains"  # of what is gone: it joins nothing, and only takes room
    REPAIRABLE = "repairable"  # it follows from the memories, and can be made from them again
    LASTING = "lasting"  # it is in the memories or their history themselves
    NOTED = "noted"  # nothing is wrong with it, but somebody should know


MENDED = frozenset({FlawKind.REMAINS, FlawKind.REPAIRABLE})
"""What `repair` sees to."""


class Flaw(Struct, frozen=True, kw_only=True):
    """So many of something that does not fit together."""

    kind: FlawKind
    count: int
    what: str

    def __str__(self) -> str:
        return f"{self.what}: {self.count:,}"


class StoreState(Struct, frozen=True, kw_only=True):
    """Numbers of a store. Below `floor_bytes` of `free_bytes` it refuses writes.

    `revisions` counts past states, `trashed_since` is when the first went to the trash of what lies there. `snapshots`
    are copies from before upgrades.
    """

    schema_version: int
    memories: int
    in_trash: int
    trashed_since: datetime | None
    revisions: int
    size_bytes: int
    wal_bytes: int
    free_bytes: int
    floor_bytes: int
    snapshots: int = 0
    snapshot_bytes: int = 0


class KeptSecrets(Struct, frozen=True, kw_only=True):
    """Memories that hold what looks like a secret, in their text or a former one: how many, of what kinds, the first.

    They were kept before anyone looked for secrets, or by a server that was told to keep them.
    """

    count: int
    kinds: tuple[str, ...]
    memories: tuple[str, ...]


class Diagnosis(Struct, frozen=True, kw_only=True):
    """`at` is the server's time. `store` is null where a kind of store does not tell, `backups` where it has others.

    With `embedder_fixed` the settings of the server name its model. What has been in the trash for `trash_days` is
    removed; null: never. `flaws` and `secrets` are null where nobody looked for them. `sessions` says what is wrong
    with their journal; null: nothing.
    """

    version: str
    at: datetime
    location: str
    embedding: EmbeddingStatus
    embedder_fixed: bool
    trash_days: int | None
    reranker: RerankerStatus | None = None
    store: StoreState | None = None
    backups: BackupList | None = None
    flaws: tuple[Flaw, ...] | None = None
    secrets: KeptSecrets | None = None
    sessions: str | None = None


class RepairReport(Struct, frozen=True, kw_only=True):
    """What was `done`, a sentence each, after the `backup` of that name was made; what is `left`."""

    done: tuple[str, ...]
    left: tuple[Flaw, ...]
    backup: str | None = None


class Doctor(Protocol):
    async def diagnose(self, *, integrity: bool = False) -> Diagnosis:
        """With `integrity`, everything in the store is read, which takes seconds for each 100,000 memories."""
        ...

    async def repair(self) -> RepairReport:
        """Make anew what can be made from the memories, and drop what is left of gone ones. Doing it twice is once.

        Neither a memory nor a state of one is touched, and a backup is made and verified before anything is. Raises
        what `Backups.create` raises, and then has changed nothing.
        """
        ...
