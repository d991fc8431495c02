"""The verbs of `Memories` that change memories: what is found out before, and the one transaction of each.

A base of the service, so that each side fits a screen or two. What a verb does within its transaction is in `changing`.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar

from msgspec import structs

from memory_core.changes import (
    ANYONE,
    Alike,
    By,
    Kept,
    Outcome,
    Settled,
    Settlement,
    UndoReport,
    UndoRequest,
)
from memory_core.engine import ids, lexical, undoing
from memory_core.engine.alikes import Alikes, compares, with_arrived
from memory_core.engine.arriving import Arrival
from memory_core.engine.changing import Changes
from memory_core.engine.embedding import EmbeddingQueue
from memory_core.engine.names import Names
from memory_core.engine.once import once
from memory_core.engine.ports import ModelChangedError, QueryVector, Rows, Transaction
from memory_core.engine.redaction.vetting import Vetting
from memory_core.engine.threads import Threads
from memory_core.errors import NotFoundError, StorageFullError, UnavailableError
from memory_core.types import Memory, MemoryPatch, NewMemory, PurgeQuery, PurgeReport, Scope, SecretPolicy, Updated

_log = logging.getLogger(__name__)
_SAMPLE = 20

T = TypeVar("T")
ScopeT = TypeVar("ScopeT", bound=Scope)


class Sight(Protocol):
    def __call__(self, scope: ScopeT, /) -> ScopeT: ...


class Found(NamedTuple):
    """What is nearly the same as a new memory, and whether meaning was compared too."""

    alike: tuple[Alike, ...]
    compared: bool


class Means(NamedTuple):
    """What a service works with besides its store, and shares with each view of it."""

    embeddings: EmbeddingQueue
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    secrets: SecretPolicy
    threads: Threads
    names: Names


class Writing:
    def __init__(self, store: Rows, means: Means) -> None:
        self._store = store
        self._means = means
        self._embeddings = means.embeddings
        self._clock = means.clock
        self._threads = means.threads
        self._changes = Changes(means.clock, means.new_id)
        self._alikes = Alikes(store)
        self._vetting = Vetting(means.secrets)
        self._arrivals = means.threads.arrivals
        self._names = means.names

    async def add(self, new: NewMemory, *, by: By = ANYONE) -> Kept:
        if by.client_id is None:
            by = structs.replace(by, client_id=new.client_id)
        # Before anything is made of it: vectors, repeats and the answer that is kept know of no secret either.
        new, redacted = self._vetting.new(new)
        by = self._vetting.by(by)
        memory = self._names.memory(self._changes.born(new, ago_s=by.ago_s))
        vector = None
        if compares(memory):
            vector = await self._embeddings.query_vector(lexical.indexed_text(memory), wait_s=0)
        with self._arrivals.looking() as began:
            # What is like it is not looked for in the thread that writes: all others would wait for that.
            kept = await self._threads.read_then_write(
                lambda: self._alike(memory, vector),
                lambda found: self._add(new, memory, vector, found, self._arrivals.since(began), by, redacted),
            )
        self._embeddings.notify()
        return kept

    def _add(
        self,
        new: NewMemory,
        memory: Memory,
        vector: QueryVector | None,
        found: Found,
        arrived: Sequence[Arrival],
        by: By,
        redacted: tuple[str, ...],
    ) -> Kept:
        memory = self._names.memory(memory)  # once more: it may have been renamed since
        alike = with_arrived(found.alike, memory, vector, arrived)

        def work(tx: Transaction) -> Kept:
            superseded = None if new.supersedes is None else self._resolve(new.supersedes)
            kept = self._changes.add(tx, memory, by, supersedes=superseded, alike=_still_here(tx, alike))
            if not found.compared and kept.outcome is not Outcome.UNCHANGED:
                tx.remember_uncompared([kept.id])
            return structs.replace(kept, redacted=redacted)

        kept = once(self._store, by, ("add", new), Kept, self._timely(work), at=self._clock())
        if kept.outcome is not Outcome.UNCHANGED and compares(kept):
            self._arrivals.kept(kept, vector)
        return kept

    def _alike(self, memory: Memory, vector: QueryVector | None) -> Found:
        self._sight()  # nothing is said to be like what is over
        try:
            return Found(self._alikes.of(memory, vector), vector is not None or not compares(memory))
        except ModelChangedError:
            return Found(self._alikes.of(memory, None), False)

    async def update(self, memory_id: str, patch: MemoryPatch, *, by: By = ANYONE) -> Updated:
        cleared, redacted = self._vetting.patch(patch)

        def work(tx: Transaction, whole: str, by: By) -> Updated:
            changed = self._changes.update(tx, whole, self._names.patch(cleared), by)
            return Updated(**structs.asdict(changed), redacted=redacted)

        return await self._done_to(memory_id, by, ("update", cleared), Updated, work)

    async def delete(self, memory_id: str, *, by: By = ANYONE) -> Memory:
        return await self._done_to(memory_id, by, ("delete",), Memory, self._changes.delete)

    async def restore(self, memory_id: str, *, revision: int | None = None, by: By = ANYONE) -> Memory:
        return await self._done_to(
            memory_id,
            by,
            ("restore", revision),
            Memory,
            lambda tx, whole, by: undoing.restore(tx, whole, revision, by, self._clock()),
        )

    async def undo(self, asked: UndoRequest, *, by: By = ANYONE) -> UndoReport:
        def work(tx: Transaction, by: By) -> UndoReport:
            if asked.memory_id is not None:
                return undoing.undo_change(tx, self._resolve(asked.memory_id), by, self._clock())
            if asked.batch_id is not None:
                return undoing.undo_batch(tx, asked.batch_id, by, self._clock())
            return undoing.undo_last(tx, by, self._clock())

        return await self._done(by, ("undo", asked), UndoReport, work, renames=True)

    async def settle(self, asked: Settlement, *, by: By = ANYONE) -> Settled:
        cleared, redacted = self._vetting.settlement(asked)

        def work(tx: Transaction, by: By) -> Settled:
            settled = self._changes.settle(tx, cleared, self._resolve(asked.keep), self._resolve(asked.other), by)
            return structs.replace(settled, redacted=redacted)

        return await self._done(by, ("settle", cleared), Settled, work)

    async def purge(self, query: PurgeQuery, *, by: By = ANYONE) -> PurgeReport:
        scope, contains = _purged_scope(query, self._clock()), query.content_contains
        if query.dry_run:
            matched, sample = await self._seen(
                lambda at: self._store.matching(at(scope), content_contains=contains, limit=_SAMPLE)
            )
            return PurgeReport(dry_run=True, matched=matched, purged=0, sample=tuple(sample))
        return await self._done(
            by,
            ("purge", query),
            PurgeReport,
            lambda tx, by: self._changes.purge(tx, self._named(scope), contains, by),
        )

    async def _done_to(
        self,
        memory_id: str,
        by: By,
        asked: tuple[object, ...],
        kind: type[T],
        work: Callable[[Transaction, str, By], T],
    ) -> T:
        """One memory is changed, by whatever beginning of its id it is named.

        It is looked for last: a request that comes again has its answer, be the memory gone for good meanwhile.
        """
        return await self._done(by, (*asked, memory_id), kind, lambda tx, by: work(tx, self._resolve(memory_id), by))

    async def _done(
        self,
        by: By,
        asked: tuple[object, ...],
        kind: type[T],
        work: Callable[[Transaction, By], T],
        *,
        renames: bool = False,
    ) -> T:
        """`renames`: names of projects may mean others afterwards."""
        by = self._vetting.by(by)

        def done() -> T:
            known = self._names.known

            def named(tx: Transaction) -> T:
                nonlocal known
                answer = work(tx, by)
                if renames:
                    known = tx.aliases()
                return answer

            answer = once(self._store, by, asked, kind, self._timely(named), at=self._clock())
            self._names.known = known  # in the thread of every write, so none is kept under a name that is over
            return answer

        result = await self._threads.write(done)
        self._embeddings.notify()
        return result

    def _timely(self, work: Callable[[Transaction], T]) -> Callable[[Transaction], T]:
        """`work`, after what is over has gone to the trash: it is no repeat, and cannot be changed."""

        def done(tx: Transaction) -> T:
            self._changes.expire(tx)
            return work(tx)

        return done if self._is_due() else work

    async def _seen(self, question: Callable[[Sight], T]) -> T:
        """Ask the store; `question` is given how to look at a scope: by what its names mean, without what is over."""
        return await self._threads.read(lambda: question(self._sight()))

    def _sight(self) -> Sight:
        """As things are, once what is over has gone to the trash; where the disk takes no writes, as of now."""
        if not self._is_due():
            return self._named
        try:
            with self._store.transaction() as tx:
                self._changes.expire(tx)
        except (StorageFullError, UnavailableError) as refusal:
            _log.warning("what has expired is hidden, and goes to the trash later: %s", refusal)
            return self._as_of(self._clock())
        return self._named

    def _named(self, scope: ScopeT, /) -> ScopeT:
        """The same by what its names mean; every scope that a caller gives passes here."""
        return self._names.scope(scope)

    def _as_of(self, now: datetime) -> Sight:
        def look(scope: ScopeT, /) -> ScopeT:
            return self._named(structs.replace(scope, as_of=scope.as_of or now))

        return look

    def _is_due(self) -> bool:
        due = self._store.next_expiry()
        return due is not None and due <= self._clock()

    def _resolve(self, memory_id: str) -> str:
        beginning = ids.prefix(memory_id)
        found = self._store.ids_like(beginning, limit=ids.MAX_CANDIDATES + 1)
        if not found:
            raise NotFoundError(f"no memory has the id {beginning}")
        if len(found) > 1 and found[0] != beginning:
            raise ids.ambiguous(beginning, found)
        return found[0]


def _still_here(tx: Transaction, alike: Sequence[Alike]) -> Sequence[Alike]:
    """Without those that went to the trash since they were found."""
    if not alike:
        return alike
    here = {memory.id for memory in tx.among([one.memory_id for one in alike]) if memory.deleted_at is None}
    return [one for one in alike if one.memory_id in here]


def _purged_scope(query: PurgeQuery, now: datetime) -> Scope:
    scope = Scope(**{name: getattr(query, name) for name in Scope.__struct_fields__})
    if query.older_than_days is None:
        return scope
    oldest_kept = now - timedelta(days=query.older_than_days)
    return structs.replace(scope, created_before=min(oldest_kept, scope.created_before or oldest_kept))
