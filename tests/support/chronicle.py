"""The states of memories in a dict, and what is seen of them: what stands behind `Lives`."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import structs

from memory_core.changes import Action, By, Revision
from memory_core.errors import NotFoundError
from memory_core.types import Memory, MemoryType, Scope
from support.entries import in_scope

States = list[Revision]
NOBODY = By(reason="its time was over")
OPENING = (MemoryType.DECISION, MemoryType.PREFERENCE, MemoryType.FACT)


class Chronicle:
    """`states` has those of each memory, the first one first; `pairs` those that were found to be alike."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.states: dict[str, States] = {}
        self.pairs: dict[frozenset[str], bool] = {}  # whether it is open
        self.brought: dict[str, dict[str, int]] = {}  # by each import: with how many states

    def latest(self, memory_id: str) -> Memory:
        if memory_id not in self.states:
            raise NotFoundError(memory_id)
        return self.states[memory_id][-1].memory

    def outside_trash(self, memory_id: str) -> Memory:
        memory = self.latest(memory_id)
        if memory.deleted_at is not None:
            raise NotFoundError(memory_id)
        return memory

    def seen(self, scope: Scope) -> list[Memory]:
        """The newest first."""
        at = scope.as_of
        then = [state.memory for state in (_at(each, at) for each in self.states.values()) if state is not None]
        found = [
            memory
            for memory in then
            if _in_trash(memory, at) == scope.trashed
            and (scope.trashed or scope.include_superseded or memory.superseded_by is None)
            and in_scope(memory, structs.replace(scope, trashed=memory.deleted_at is not None))
        ]
        return sorted(found, key=lambda memory: (memory.created_at, memory.id), reverse=True)

    def opening(self, scope: Scope) -> list[str]:
        """Ids of what opens a session, by kind and then the latest first; what says the same, once. None is pinned."""
        kinds = {kind: place for place, kind in enumerate(OPENING)}
        ranked = sorted(self.seen(scope), key=lambda one: (one.updated_at, one.id), reverse=True)
        ranked.sort(key=lambda one: kinds.get(one.memory_type, len(kinds)))
        first: dict[str, str] = {}
        for one in ranked:
            first.setdefault(one.content, one.id)
        return list(first.values())

    def waiting(self) -> int:
        """How many pairs are open, of memories that are here."""
        here = {memory.id for memory in self.seen(Scope())}
        return sum(is_open and pair <= here for pair, is_open in self.pairs.items())

    def sweep(self) -> None:
        for memory_id in self.states:
            memory = self.latest(memory_id)
            if memory.expires_at is not None and memory.expires_at <= self.now:
                self.trash(memory_id, Action.EXPIRE, NOBODY)

    def link(self, memory_id: str, others: Sequence[str]) -> None:
        for other in others:
            self.pairs.setdefault(frozenset((memory_id, other)), True)

    def forget_open(self, memory_id: str) -> None:
        self.pairs = {pair: is_open for pair, is_open in self.pairs.items() if not is_open or memory_id not in pair}

    def begin(self, memory: Memory, by: By, batch: str | None) -> None:
        self.states[memory.id] = [_state(memory, Action.CREATE, self.now, by, batch)]

    def trash(self, memory_id: str, action: Action, by: By, batch: str | None = None) -> None:
        memory = self.latest(memory_id)
        if memory.deleted_at is None:
            self.follow(memory_id, structs.replace(memory, deleted_at=self.now), action, by, batch)

    def follow(self, memory_id: str, after: Memory, action: Action, by: By, batch: str | None = None) -> Memory:
        before = self.states[memory_id][-1]
        memory = structs.replace(after, revision=before.revision + 1)
        self.states[memory_id].append(_state(memory, action, max(self.now, before.at), by, batch))
        return memory

    def touched(self, after: Memory, before: Memory) -> Memory:
        return structs.replace(after, updated_at=max(self.now, before.updated_at))

    def end_of(self, memory: Memory) -> datetime | None:
        return None if memory.expires_at is None or memory.expires_at <= self.now else memory.expires_at


def _state(memory: Memory, action: Action, at: datetime, by: By, batch: str | None) -> Revision:
    return Revision(
        revision=memory.revision,
        action=action,
        at=at,
        key=by.key,
        client_id=by.client_id,
        reason=by.reason,
        batch_id=batch,
        memory=memory,
    )


def _at(states: States, moment: datetime | None) -> Revision | None:
    begun = [one for one in states if moment is None or one.at <= moment]
    return begun[-1] if begun else None


def _in_trash(memory: Memory, moment: datetime | None) -> bool:
    if moment is None:
        return memory.deleted_at is not None
    return any(end is not None and end <= moment for end in (memory.deleted_at, memory.expires_at))
