"""A store in which nothing outside is there."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import structs

from memory_core.changes import Pair, Revision
from memory_core.engine.ports import (
    Act,
    Candidate,
    Counts,
    EmbeddedEntry,
    Entry,
    ModelIdentity,
    Past,
    Probe,
    Rows,
    Transaction,
    Usage,
    Vectors,
    Wanted,
)
from memory_core.engine.reach.reach import Reach
from memory_core.engine.reach.transaction import ReachedTransaction
from memory_core.engine.selections import KeptProject, Movable, Selection
from memory_core.types import Memory, Scope


class ReachedRows:
    """See `ports.Rows`."""

    def __init__(self, whole: Rows, reach: Reach) -> None:
        self._whole = whole
        self._reach = reach

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._whole.transaction() as tx:
            yield ReachedTransaction(tx, self._reach)

    def get(self, memory_id: str, *, trashed: bool | None = False) -> Memory:
        # Where it lies is told of what is held alone.
        self._reach.held(self._whole.get(memory_id, trashed=None))
        return self._reach.held(self._whole.get(memory_id, trashed=trashed))

    def among(self, memory_ids: Sequence[str]) -> list[Memory]:
        return self._reach.within(self._whole.among(memory_ids))

    def ids_like(self, prefix: str, *, limit: int, projects: Sequence[str] | None = None) -> list[str]:
        return self._whole.ids_like(prefix, limit=limit, projects=self._reach.named(projects))

    def newest(self, scope: Scope, *, limit: int, before: tuple[datetime, str] | None = None) -> list[Memory]:
        return self._whole.newest(self._reach.narrowed(scope), limit=limit, before=before)

    def candidates(self, probe: Probe, scope: Scope) -> list[Candidate]:
        return self._whole.candidates(probe, self._reach.narrowed(scope))

    def opening(self, scope: Scope, wanted: Wanted) -> tuple[int, list[Memory]]:
        return self._whole.opening(self._reach.narrowed(scope), wanted)

    def counts(self, scope: Scope) -> Counts:
        return self._whole.counts(self._reach.narrowed(scope))

    def usage(self, key: str) -> Usage:
        """Of all projects: it is what the key itself has kept."""
        return self._whole.usage(key)

    def matching(self, scope: Scope, *, content_contains: str | None, limit: int) -> tuple[int, list[Memory]]:
        return self._whole.matching(self._reach.narrowed(scope), content_contains=content_contains, limit=limit)

    def projects(self) -> list[KeptProject]:
        return [each for each in self._whole.projects() if self._reach.holds(each.project_id)]

    def aliases(self) -> Mapping[str, str]:
        return self._reach.aliases(self._whole.aliases())

    def movable(self, selection: Selection, *, sample: int) -> Movable:
        return self._whole.movable(self._reach.selected(selection), sample=sample)

    def history(self, memory_id: str) -> list[Revision]:
        self.get(memory_id, trashed=None)
        return self._reach.states(self._whole.history(memory_id))

    def next_expiry(self) -> datetime | None:
        """Of all projects, as `ReachedTransaction.expired`."""
        return self._whole.next_expiry()

    def pairs(self, projects: Sequence[str] | None, *, limit: int) -> tuple[int, list[Pair]]:
        return self._whole.pairs(self._reach.named(projects), limit=limit)

    def overdue(self, projects: Sequence[str] | None, at: datetime, *, limit: int) -> tuple[int, list[Memory]]:
        return self._whole.overdue(self._reach.named(projects), at, limit=limit)

    def model(self) -> ModelIdentity | None:
        return self._whole.model()

    def vectors_of(self, memory_id: str) -> Vectors | None:
        self.get(memory_id, trashed=None)
        return self._whole.vectors_of(memory_id)

    def export(self) -> Iterator[list[EmbeddedEntry]]:
        for batch in self._whole.export():
            held = [each for each in batch if self._reach.holds(each.memory.project_id)]
            yield [structs.replace(each, history=tuple(self._reach.states(each.history))) for each in held]

    def import_entries(
        self,
        entries: Sequence[tuple[Entry, Vectors | None]],
        *,
        model: ModelIdentity | None = None,
        act: Act | None = None,
        pasts: Mapping[str, Past] | None = None,
    ) -> list[Memory]:
        for entry, _ in entries:
            self._reach.check(entry.memory.project_id)
        for past in (pasts or {}).values():
            for state, _ in past.states:
                self._reach.check(state.memory.project_id)
        # What was here already is compared and counted, not shown: the file named its id.
        return self._whole.import_entries(entries, model=model, act=act, pasts=pasts)

    def size_bytes(self) -> int:
        """How large the store is tells of others."""
        return 0

    @property
    def location(self) -> str:
        return ""
