"""What the verbs of the product ask of a store: the part of the contract that a limited key narrows (see `reach`)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from memory_core.changes import Pair, Revision
from memory_core.engine.ports.questions import Candidate, Counts, Probe, Usage, Wanted
from memory_core.engine.ports.states import Act, EmbeddedEntry, Entry, Past
from memory_core.engine.ports.transaction import Transaction
from memory_core.engine.ports.vectors import ModelIdentity, Vectors
from memory_core.engine.selections import KeptProject, Movable, Selection
from memory_core.types import Memory, Scope


class Rows(Protocol):
    """What the verbs of the product ask of a store: memories, as far as one may see them.

    Raises ConflictError where an id is taken, NotFoundError where one is missing, StorageFullError below the floor of
    free disk, UnavailableError when the file cannot be used. Unless said otherwise a method sees what is not in the
    trash.
    """

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Alone: other writers wait. An exception within undoes all of it."""
        ...

    def get(self, memory_id: str, *, trashed: bool | None = False) -> Memory:
        """`trashed`: only there (True), only outside (False), either (None)."""
        ...

    def among(self, memory_ids: Sequence[str]) -> list[Memory]:
        """Those that are here, in the trash or not, in no order."""
        ...

    def ids_like(self, prefix: str, *, limit: int, projects: Sequence[str] | None = None) -> list[str]:
        """Ids that begin with `prefix`, in the trash or not, sorted; of those projects, as `Scope.projects` says."""
        ...

    def newest(self, scope: Scope, *, limit: int, before: tuple[datetime, str] | None = None) -> list[Memory]:
        """By (created_at, id) descending, strictly below `before`."""
        ...

    def candidates(self, probe: Probe, scope: Scope) -> list[Candidate]:
        """The union of the best by BM25, the best by cosine and the newest with all phrases, and their neighbours.

        Each member has both scores. BM25 in Lucene's form (Robertson & Zaragoza 2009, without k1 + 1), its statistics
        over the scope searched. Raises ModelChangedError if the vector is not of the model in use.
        """
        ...

    def opening(self, scope: Scope, wanted: Wanted) -> tuple[int, list[Memory]]:
        """How many of `scope` may open a session, and those `wanted` of each kind; of one moment, in no order."""
        ...

    def counts(self, scope: Scope) -> Counts: ...

    def usage(self, key: str) -> Usage:
        """Of all projects."""
        ...

    def matching(self, scope: Scope, *, content_contains: str | None, limit: int) -> tuple[int, list[Memory]]:
        """How many fit, and the newest of them. `content_contains` is no pattern, and has no case."""
        ...

    def projects(self) -> list[KeptProject]:
        """By name."""
        ...

    def aliases(self) -> Mapping[str, str]:
        """Names that mean a project of another name. No memory is of a project that is one, except in the past.

        As of a moment, what was kept under a name that is an alias now is of the project that it means.
        """
        ...

    def movable(self, selection: Selection, *, sample: int) -> Movable: ...

    def history(self, memory_id: str) -> list[Revision]:
        """The latest first; none where there is no such memory."""
        ...

    def next_expiry(self) -> datetime | None:
        """When the next memory is to leave, or should have left."""
        ...

    def pairs(self, projects: Sequence[str] | None, *, limit: int) -> tuple[int, list[Pair]]:
        """How many pairs are open, both of those projects (null: of any), and the latest of them."""
        ...

    def overdue(self, projects: Sequence[str] | None, at: datetime, *, limit: int) -> tuple[int, list[Memory]]:
        """How many memories of those projects should have been looked at by then, and the first of them."""
        ...

    def model(self) -> ModelIdentity | None:
        """Whose vectors are the current ones."""
        ...

    def vectors_of(self, memory_id: str) -> Vectors | None:
        """Those of the current model."""
        ...

    def export(self) -> Iterator[list[EmbeddedEntry]]:
        """Everything, the trash included, in batches, as of one moment."""
        ...

    def import_entries(
        self,
        entries: Sequence[tuple[Entry, Vectors | None]],
        *,
        model: ModelIdentity | None = None,
        act: Act | None = None,
        pasts: Mapping[str, Past] | None = None,
    ) -> list[Memory]:
        """Insert what is not here yet, with vectors of `model` (null: the current one) and `pasts` by id.

        Where another model is in use by now, the vectors are left behind, and those memories are pending.
        For each entry whose id was here already, be it from an entry before, the memory that stays as it was.
        """
        ...

    def size_bytes(self) -> int: ...

    @property
    def location(self) -> str: ...
