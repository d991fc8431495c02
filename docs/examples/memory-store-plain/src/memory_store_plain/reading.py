"""What can be read, inside a transaction and outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import structs

from memory_core.changes import Revision
from memory_core.engine.ports import KeptProject, Movable, Selection, Usage
from memory_core.errors import NotFoundError
from memory_core.types import Memory, Scope
from memory_store_plain.kept import Kept, State
from memory_store_plain.scopes import contains, is_here, within


class Reading:
    """Every method looks at `kept` once, so that what it says is of one moment."""

    @property
    def kept(self) -> Kept:
        raise NotImplementedError

    def among(self, memory_ids: Sequence[str]) -> list[Memory]:
        memories = self.kept.memories
        return [memories[memory_id].memory for memory_id in dict.fromkeys(memory_ids) if memory_id in memories]

    def history(self, memory_id: str) -> list[Revision]:
        return [revision_of(state) for state in self.kept.states(memory_id)]

    def projects(self) -> list[KeptProject]:
        found: dict[str, list[Memory]] = {}
        for state in self.kept.memories.values():
            if state.memory.project_id is not None:
                found.setdefault(state.memory.project_id, []).append(state.memory)
        return [
            KeptProject(
                project_id=name,
                memories=sum(map(is_here, memories)),
                updated_at=max((memory.updated_at for memory in memories if memory.deleted_at is None), default=None),
            )
            for name, memories in sorted(found.items())
        ]

    def aliases(self) -> Mapping[str, str]:
        return dict(sorted(self.kept.aliases.items()))

    def movable(self, selection: Selection, *, sample: int) -> Movable:
        kept = self.kept
        memories = newest_first(chosen(kept, selection))
        moving = {memory.id for memory in memories}
        topics: dict[str, list[bool]] = {}
        for memory in (state.memory for state in kept.memories.values()):
            moves = memory.id in moving
            if memory.topic_key is not None and is_here(memory) and (moves or memory.project_id == selection.to):
                topics.setdefault(memory.topic_key, []).append(moves)
        return Movable(
            matched=len(memories),
            in_trash=sum(memory.deleted_at is not None for memory in memories),
            clashes=sum(len(moves) > 1 and any(moves) for moves in topics.values()),
            sample=tuple(memories[:sample]),
        )

    def usage(self, key: str) -> Usage:
        kept = self.kept
        begun = [kept.states(memory_id) for memory_id in kept.memories]
        sizes = [
            len(states[0].memory.content.encode())
            for states in begun
            if states[-1].act.key == key and states[0].memory.deleted_at is None
        ]
        return Usage(memories=len(sizes), content_bytes=sum(sizes))

    def lain_since(self, before: datetime, *, sample: int) -> tuple[list[str], list[Memory]]:
        lain = [
            (state.memory.deleted_at, state.memory.id)
            for state in self.kept.memories.values()
            if state.memory.deleted_at is not None and state.memory.deleted_at <= before
        ]
        ids = [memory_id for _, memory_id in sorted(lain)]
        return ids, self.among(ids[:sample])


def state_of(kept: Kept, memory_id: str) -> State:
    if memory_id not in kept.memories:
        raise NotFoundError(f"there is no memory {memory_id}")
    return kept.memories[memory_id]


def revision_of(state: State) -> Revision:
    done = {name: getattr(state.act, name) for name in state.act.__struct_fields__}
    return Revision(revision=state.memory.revision, memory=state.memory, **done)


def newest_first(states: Sequence[State]) -> list[Memory]:
    memories = (state.memory for state in states)
    return sorted(memories, key=lambda memory: (memory.created_at, memory.id), reverse=True)


def matching(kept: Kept, scope: Scope, text: str | None) -> list[State]:
    """What a purge takes: never what is in the trash already."""
    here = within(kept, structs.replace(scope, trashed=False))
    return [state for state in here if contains(state.memory, text)]


def chosen(kept: Kept, selection: Selection) -> list[State]:
    ids = selection.memory_ids
    return [
        state
        for state in within(kept, selection.scope, whole=selection.whole)
        if contains(state.memory, selection.content_contains)
        and state.memory.project_id != selection.to
        and (ids is None or state.memory.id in ids)
    ]
