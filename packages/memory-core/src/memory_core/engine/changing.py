"""What changes memories, verb by verb, each in one transaction of the store. Blocking: runs in the service's writer.

Nothing here forgets anything: each change keeps the state before it, and what a person removed lies in the trash. How a
request that comes twice is answered once is in `once`; taking changes back is in `undoing`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from msgspec import UNSET, Struct, structs

from memory_core.changes import (
    Action,
    Alike,
    By,
    Decision,
    Kept,
    Outcome,
    Settled,
    Settlement,
    TrashReport,
)
from memory_core.engine import ids, lexical
from memory_core.engine.ports import Act, Entry, Transaction
from memory_core.engine.repeats import same_text, text_digest
from memory_core.errors import ConflictError, InvalidError, NotFoundError
from memory_core.types import Memory, MemoryPatch, NewMemory, PurgeReport, Scope

_SAMPLE = 20


class Changes(Struct, frozen=True):
    """Ids are whole, and found before; `by` says who."""

    clock: Callable[[], datetime]
    new_id: Callable[[], str] = ids.new_id

    def born(self, new: NewMemory, *, ago_s: int = 0) -> Memory:
        """As it is to be kept."""
        began = self.clock() - timedelta(seconds=ago_s)
        fields = structs.asdict(new) | {"project_id": None if new.project_id is UNSET else new.project_id}
        del fields["supersedes"]
        return Memory(id=self.new_id(), created_at=began, updated_at=began, **fields)

    def add(self, tx: Transaction, memory: Memory, by: By, *, supersedes: str | None, alike: Sequence[Alike]) -> Kept:
        """`alike` are those that were found before. Raises InvalidError where its time would be over at once."""
        now = self.clock()
        if memory.expires_at is not None and memory.expires_at <= now:
            raise InvalidError(f"expires_at is {memory.expires_at:%Y-%m-%d %H:%M} UTC, which has passed")
        batch_id = None if supersedes is None else new_batch(Action.SUPERSEDE)
        kept, outcome = self._here_already(tx, memory, act(Action.UPDATE, now, by, batch_id))
        if kept is None:
            tx.insert([lexical.entry(memory)], act(Action.CREATE, now, by, batch_id))
            kept, outcome = memory, Outcome.CREATED
        if supersedes is not None:
            self._supersede(tx, supersedes, kept.id, act(Action.SUPERSEDE, now, by, batch_id))
        others = tuple(one for one in alike if one.memory_id not in (kept.id, supersedes))
        if outcome is not Outcome.UNCHANGED:
            tx.link(kept.id, others, now)
        return Kept(**structs.asdict(kept), outcome=outcome, alike=others)

    def update(self, tx: Transaction, memory_id: str, patch: MemoryPatch, by: By) -> Memory:
        now = self.clock()
        before = outside_trash(tx.get(memory_id))
        self._refuse_taken_topic(tx, before, structs.replace(before, **patch.changes()))
        after = tx.change(memory_id, _edit(patch, now), act(Action.UPDATE, now, by))
        if after.content != before.content:
            tx.forget_open(memory_id)
            tx.remember_uncompared([memory_id])
        return after

    def delete(self, tx: Transaction, memory_id: str, by: By) -> Memory:
        now = self.clock()
        return tx.change(
            memory_id,
            lambda memory: lexical.entry(structs.replace(outside_trash(memory), deleted_at=now)),
            act(Action.DELETE, now, by),
        )

    def purge(self, tx: Transaction, scope: Scope, content_contains: str | None, by: By) -> PurgeReport:
        found = tx.matching(scope, content_contains)
        if not found:
            return PurgeReport(dry_run=False, matched=0, purged=0)
        batch_id = new_batch(Action.PURGE)
        tx.trash(found, act(Action.PURGE, self.clock(), by, batch_id))
        sample = tuple(tx.get(memory_id) for memory_id in found[:_SAMPLE])
        return PurgeReport(dry_run=False, matched=len(found), purged=len(found), sample=sample, batch_id=batch_id)

    def settle(self, tx: Transaction, asked: Settlement, keep: str, other: str, by: By) -> Settled:
        """What was decided of two memories, by their whole ids."""
        now = self.clock()
        kept, gone = outside_trash(tx.get(keep)), outside_trash(tx.get(other))
        if keep == other:
            raise InvalidError("a memory cannot be settled with itself; name two")
        if asked.decision is Decision.KEEP_BOTH:
            if not tx.settle(keep, other, asked.decision):
                raise NotFoundError("these two are no open pair; `review` lists those")
            return Settled(memory=kept)
        action = Action.MERGE if asked.decision is Decision.MERGE else Action.SUPERSEDE
        done = act(action, now, by, new_batch(action))
        if kept.superseded_by is not None:
            raise ConflictError(f"{ids.short(keep)} is superseded by {ids.short(kept.superseded_by)}; keep that one")
        if asked.decision is Decision.MERGE:
            tags = tuple(dict.fromkeys((*kept.tags, *gone.tags)))
            patch = MemoryPatch(content=kept.content if asked.content is None else asked.content, tags=tags)
            kept = tx.change(keep, _edit(patch, now), done)
        self._supersede(tx, other, keep, done)
        return Settled(memory=kept, batch_id=done.batch_id)

    def expire(self, tx: Transaction) -> int:
        """What should have left by now goes to the trash; how many those are."""
        now = self.clock()
        found = tx.expired(now)
        tx.trash(found, Act(action=Action.EXPIRE, at=now, reason="its time was over"))
        return len(found)

    def empty_trash(self, tx: Transaction, before: datetime) -> TrashReport:
        """For good, whatever has lain there since before that."""
        found, sample = tx.lain_since(before, sample=_SAMPLE)
        tx.remove(found)
        return TrashReport(dry_run=False, matched=len(found), removed=len(found), sample=tuple(sample))

    def _here_already(self, tx: Transaction, memory: Memory, act: Act) -> tuple[Memory | None, Outcome]:
        """What `memory` is an update or a repeat of, brought to what both say; null where it is new."""
        if memory.topic_key is not None and (old := tx.of_topic(memory.project_id, memory.topic_key)) is not None:
            return self._brought(tx, old, _of_topic(old, memory), act)
        for old in tx.repeats(memory, text_digest(memory.content)):
            if same_text(old.content, memory.content) and memory.topic_key in (None, old.topic_key):
                return self._brought(tx, old, _repeated(old, memory), act)
        return None, Outcome.CREATED

    def _brought(self, tx: Transaction, old: Memory, after: Memory, act: Act) -> tuple[Memory, Outcome]:
        if after == old:
            return old, Outcome.UNCHANGED
        changed = lexical.entry(structs.replace(after, updated_at=max(act.at, old.updated_at)))
        if after.content != old.content:
            tx.forget_open(old.id)
        return tx.change(old.id, lambda _: changed, act), Outcome.UPDATED

    def _supersede(self, tx: Transaction, old_id: str, by_id: str, act: Act) -> None:
        if old_id == by_id:
            raise InvalidError(f"{ids.short(old_id)} cannot supersede itself: it is this very memory")

        def close(old: Memory) -> Entry | None:
            outside_trash(old)
            if old.superseded_by == by_id:
                return None
            if old.superseded_by is not None:
                raise ConflictError(
                    f"{ids.short(old_id)} is superseded by {ids.short(old.superseded_by)} already; supersede that one"
                )
            return lexical.entry(structs.replace(old, superseded_by=by_id))

        tx.change(old_id, close, act)

    def _refuse_taken_topic(self, tx: Transaction, before: Memory, after: Memory) -> None:
        """A memory comes to a topic by its key, or by its project."""
        if after.topic_key is None or _topic(after) == _topic(before):
            return
        holder = tx.of_topic(after.project_id, after.topic_key)
        if holder is not None and holder.id != after.id:
            raise ConflictError(f"topic_key {after.topic_key!r} is that of {ids.short(holder.id)} already")


def act(action: Action, at: datetime, by: By, batch_id: str | None = None) -> Act:
    return Act(action=action, at=at, client_id=by.client_id, key=by.key, reason=by.reason, batch_id=batch_id)


def new_batch(action: Action) -> str:
    """A name for all that one request does. No memory's id has a hyphen."""
    return f"{action.value}-{uuid4().hex[:12]}"


def outside_trash(memory: Memory) -> Memory:
    if memory.deleted_at is not None:
        raise NotFoundError(f"memory {ids.short(memory.id)} is in the trash; restore it first")
    return memory


def _topic(memory: Memory) -> tuple[str | None, str | None]:
    return memory.project_id, memory.topic_key


def _edit(patch: MemoryPatch, now: datetime) -> Callable[[Memory], Entry | None]:
    def edit(memory: Memory) -> Entry | None:
        edited = structs.replace(outside_trash(memory), **patch.changes())
        if edited == memory:
            return None
        # A clock that was set back must not make a change look older than the one before.
        return lexical.entry(structs.replace(edited, updated_at=max(now, memory.updated_at)))

    return edit


def _of_topic(old: Memory, new: Memory) -> Memory:
    """`new` in the place of `old`: all that can be said of a memory is said anew, but who and when it began."""
    kept = ("id", "created_at", "updated_at", "client_id", "session_id", "revision", "superseded_by")
    return structs.replace(new, **{name: getattr(old, name) for name in kept})


def _repeated(old: Memory, new: Memory) -> Memory:
    """What is said again says no less than before: more tags, and a later end."""
    ends = [memory.expires_at for memory in (old, new)]
    return structs.replace(
        old,
        tags=tuple(dict.fromkeys((*old.tags, *new.tags))),
        expires_at=None if None in ends else max(filter(None, ends)),
        review_by=new.review_by or old.review_by,
        topic_key=old.topic_key,
    )
