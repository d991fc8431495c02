"""The rules of `Memories` said again, plainly, on a dict of the states of each memory.

No store, no index, no clock of its own. A verb raises what `Memories` raises, and changes nothing then. Ids and names
of batches are those that the implementation chose.
"""

from collections.abc import Callable
from datetime import datetime

from msgspec import UNSET, structs

from memory_core.changes import Action, By, Decision, Outcome
from memory_core.errors import ConflictError, InvalidError, NotFoundError
from memory_core.types import Memory, MemoryPatch, NewMemory, Scope
from support.chronicle import Chronicle, States

MADE_AS_ONE = {Action.CREATE, Action.UPDATE, Action.SUPERSEDE, Action.MERGE}
Undone = tuple[Action, set[str], set[str]]
"""What was taken back, of which memories; and which of the batch had been changed since."""


class Lives(Chronicle):
    def add(self, new: NewMemory, by: By, given_id: str, batch_id: str | None) -> tuple[Memory, Outcome]:
        self.sweep()
        if new.expires_at is not None and new.expires_at <= self.now:
            raise InvalidError("over at once")
        old, after = self._here_already(new)
        kept = given_id if old is None else old.id
        if new.supersedes is not None:
            self._refuse_superseding(new.supersedes, kept)
        outcome = Outcome.CREATED if old is None else Outcome.UNCHANGED if after == old else Outcome.UPDATED
        if old is None:
            self.begin(structs.replace(after, id=kept), by, batch_id)
        elif after != old:
            if after.content != old.content:
                self.forget_open(kept)
            self.follow(kept, self.touched(after, old), Action.UPDATE, by, batch_id)
        if new.supersedes is not None:
            self._supersede(new.supersedes, kept, Action.SUPERSEDE, by, batch_id)
        return self.latest(kept), outcome

    def update(self, memory_id: str, patch: MemoryPatch, by: By) -> Memory:
        self.sweep()
        before = self.outside_trash(memory_id)
        after = structs.replace(before, **patch.changes())
        if after == before:
            return before
        if after.topic_key is not None and (after.topic_key, after.project_id) != (before.topic_key, before.project_id):
            holder = self._of_topic(after.topic_key, after.project_id)
            if holder is not None and holder.id != memory_id:
                raise ConflictError("taken")
        if after.content != before.content:
            self.forget_open(memory_id)
        return self.follow(memory_id, self.touched(after, before), Action.UPDATE, by)

    def delete(self, memory_id: str, by: By) -> Memory:
        self.sweep()
        memory = self.outside_trash(memory_id)
        return self.follow(memory_id, structs.replace(memory, deleted_at=self.now), Action.DELETE, by)

    def restore(self, memory_id: str, revision: int | None, by: By) -> Memory:
        self.sweep()
        memory = self.latest(memory_id)
        wanted = memory.revision if revision is None else revision
        state = next((one.memory for one in self.states[memory_id] if one.revision == wanted), None)
        if state is None:
            raise NotFoundError(f"revision {wanted}")
        if wanted == memory.revision and memory.deleted_at is None:
            return memory
        back = structs.replace(state, deleted_at=None, expires_at=self.end_of(state))
        return self.follow(memory_id, back, Action.RESTORE, by)

    def settle(self, keep: str, other: str, decision: Decision, content: str | None, by: By, batch: str) -> Memory:
        self.sweep()
        kept, gone = self.outside_trash(keep), self.outside_trash(other)
        if keep == other:
            raise InvalidError("one memory")
        if decision is Decision.KEEP_BOTH:
            if not self.pairs.get(frozenset((keep, other))):
                raise NotFoundError("no open pair")
            self.pairs[frozenset((keep, other))] = False
            return kept
        if kept.superseded_by is not None:
            raise ConflictError("superseded itself")
        self._refuse_superseding(other, keep)
        action = Action.SUPERSEDE
        if decision is Decision.MERGE:
            action = Action.MERGE
            tags = tuple(dict.fromkeys((*kept.tags, *gone.tags)))
            merged = structs.replace(kept, content=content or kept.content, tags=tags)
            if merged != kept:
                self.follow(keep, self.touched(merged, kept), action, by, batch)
        self._supersede(other, keep, action, by, batch)
        return self.latest(keep)

    def purge(self, fits: Callable[[Memory], bool], by: By, batch: str | None) -> list[str]:
        self.sweep()
        found = [memory for memory in self.seen(Scope()) if fits(memory)]
        for memory in found:
            self.trash(memory.id, Action.PURGE, by, batch)
        return [memory.id for memory in found]

    def lain_since(self, before: datetime) -> set[str]:
        trash = self.seen(Scope(trashed=True))
        return {one.id for one in trash if one.deleted_at is not None and one.deleted_at <= before}

    def empty_trash(self, before: datetime) -> set[str]:
        self.sweep()
        gone = self.lain_since(before)
        for memory_id in gone:
            del self.states[memory_id]
            for brought in self.brought.values():
                brought.pop(memory_id, None)
        self.pairs = {pair: is_open for pair, is_open in self.pairs.items() if not pair & gone}
        return gone

    def take_in(self, exported: dict[str, States], batch: str | None) -> tuple[int, int, set[str]]:
        """How many came, how many were here, and which were here otherwise."""
        self.sweep()
        here = {memory_id: states[-1].memory for memory_id, states in self.states.items() if memory_id in exported}
        new = {memory_id: states for memory_id, states in exported.items() if memory_id not in here}
        for memory_id, states in new.items():
            self.states[memory_id] = list(states)
        if batch is not None:
            self.brought[batch] = {memory_id: states[-1].revision for memory_id, states in new.items()}
        differ = {memory_id for memory_id, memory in here.items() if not _same(exported[memory_id][-1].memory, memory)}
        return len(new), len(here) - len(differ), differ

    def undo_memory(self, memory_id: str, by: By, batch: str) -> Undone:
        self.sweep()
        self.latest(memory_id)
        states = self.states[memory_id]
        done = next((one.action for one in reversed(states) if one.action is not Action.UNDO), Action.UNDO)
        of_batch = states[-1].batch_id
        if of_batch is not None and done in MADE_AS_ONE:
            return self.undo_batch(of_batch, by, batch)
        action = states[-1].action
        self._take_back(memory_id, by, batch)
        return action, {memory_id}, set()

    def undo_batch(self, of_batch: str, by: By, batch: str) -> Undone:
        self.sweep()
        brought = self.brought.get(of_batch, {})
        as_it_came = {one for one, revision in brought.items() if self.latest(one).revision == revision}
        latest = {one for one, states in self.states.items() if states[-1].batch_id == of_batch}
        touched = {one for one, states in self.states.items() if any(each.batch_id == of_batch for each in states)}
        if not latest | as_it_came:
            raise NotFoundError(of_batch)
        action = self.states[min(latest)][-1].action if latest else Action.IMPORT
        for memory_id in latest:
            self._take_back(memory_id, by, batch)
        for memory_id in as_it_came:
            self.trash(memory_id, Action.UNDO, by, batch)
        return action, latest | as_it_came, (touched | brought.keys()) - latest - as_it_came

    def undo_last(self, by: By, batch: str) -> Undone:
        """All that one call of this client did, its last."""
        self.sweep()
        by_itself = {Action.EXPIRE, Action.IMPORT}
        mine = [
            (one.at, one is states[-1], memory_id)
            for memory_id, states in self.states.items()
            for one in states
            if one.client_id == by.client_id and one.action not in by_itself
        ]
        last = max((each[:2] for each in mine), default=None)
        if last is None or not last[1]:
            raise NotFoundError("nothing, or changed since")
        memory_id = min(each[2] for each in mine if each[:2] == last)
        of_batch = self.states[memory_id][-1].batch_id
        return self.undo_memory(memory_id, by, batch) if of_batch is None else self.undo_batch(of_batch, by, batch)

    def _take_back(self, memory_id: str, by: By, batch: str) -> None:
        states = self.states[memory_id]
        if len(states) == 1:  # it was not here before
            self.trash(memory_id, Action.UNDO, by, batch)
            return
        former = states[-2].memory
        self.follow(memory_id, structs.replace(former, expires_at=self.end_of(former)), Action.UNDO, by, batch)

    def _here_already(self, new: NewMemory) -> tuple[Memory | None, Memory]:
        """What a new one is an update or a repeat of, and what is then to be kept."""
        project = None if new.project_id is UNSET else new.project_id
        fields = structs.asdict(new) | {"project_id": project}
        del fields["supersedes"]
        born = Memory(id="", created_at=self.now, updated_at=self.now, **fields)
        if new.topic_key is not None and (old := self._of_topic(new.topic_key, project)) is not None:
            stays = {"id", "created_at", "updated_at", "client_id", "session_id", "revision"}
            return old, structs.replace(born, **{name: getattr(old, name) for name in stays})
        for old in reversed(self.seen(Scope(project_id=project, memory_type=new.memory_type))):
            if old.content == new.content and new.topic_key in (None, old.topic_key):
                ends = [old.expires_at, new.expires_at]
                return old, structs.replace(
                    old,
                    tags=tuple(dict.fromkeys((*old.tags, *new.tags))),
                    expires_at=None if None in ends else max(filter(None, ends)),
                    review_by=new.review_by or old.review_by,
                )
        return None, born

    def _of_topic(self, topic_key: str, project: str | None) -> Memory | None:
        of_it = [one for one in self.seen(Scope(project_id=project)) if one.topic_key == topic_key]
        return of_it[-1] if of_it else None

    def _refuse_superseding(self, old_id: str, by_id: str) -> None:
        if self.latest(old_id).id == by_id:
            raise InvalidError("itself")
        if self.outside_trash(old_id).superseded_by not in (None, by_id):
            raise ConflictError("superseded already")

    def _supersede(self, old_id: str, by_id: str, action: Action, by: By, batch: str | None) -> None:
        old = self.latest(old_id)
        if old.superseded_by != by_id:
            self.follow(old_id, structs.replace(old, superseded_by=by_id), action, by, batch)


def _same(incoming: Memory, here: Memory) -> bool:
    """Also where it has expired here meanwhile."""
    end, gone = incoming.expires_at, here.deleted_at
    if end is not None and gone is not None and end <= gone:
        incoming = structs.replace(incoming, deleted_at=gone, revision=here.revision)
    return incoming == here
