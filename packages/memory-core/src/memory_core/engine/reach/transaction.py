"""A transaction in which nothing outside is there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from memory_core.changes import Action, Alike, Revision
from memory_core.engine import ids
from memory_core.engine.ports import Act, Answer, Entry, Latest, Transaction, Usage
from memory_core.engine.reach.reach import Reach, refuse, unknown
from memory_core.engine.selections import AliasChange, KeptProject, Movable, Selection
from memory_core.errors import NotFoundError
from memory_core.types import Memory, Scope


class ReachedTransaction:
    """See `ports.Transaction`."""

    def __init__(self, whole: Transaction, reach: Reach) -> None:
        self._whole = whole
        self._reach = reach

    def get(self, memory_id: str) -> Memory:
        return self._reach.held(self._whole.get(memory_id))

    def among(self, memory_ids: Sequence[str]) -> list[Memory]:
        return self._reach.within(self._whole.among(memory_ids))

    def repeats(self, memory: Memory, digest: int) -> list[Memory]:
        self._reach.check(memory.project_id)
        return self._whole.repeats(memory, digest)

    def of_topic(self, project_id: str | None, topic_key: str) -> Memory | None:
        self._reach.check(project_id)
        return self._whole.of_topic(project_id, topic_key)

    def matching(self, scope: Scope, content_contains: str | None) -> list[str]:
        return self._whole.matching(self._reach.narrowed(scope), content_contains)

    def expired(self, at: datetime) -> list[str]:
        """Of all projects: time is over for what it is over for, whoever looks first. Nobody is told of it."""
        return self._whole.expired(at)

    def history(self, memory_id: str) -> list[Revision]:
        self.get(memory_id)
        return self._reach.states(self._whole.history(memory_id))

    def latest(self, memory_id: str) -> Latest:
        self.get(memory_id)
        return self._whole.latest(memory_id)

    def latest_of_batch(self, batch_id: str) -> list[Latest]:
        found = self._whole.latest_of_batch(batch_id)
        held = self._held(one.memory_id for one in found)
        return [one for one in found if one.memory_id in held]

    def changed_since(self, batch_id: str) -> list[str]:
        found = self._whole.changed_since(batch_id)
        held = self._held(found)
        return [memory_id for memory_id in found if memory_id in held]

    def last_changed_by(self, client_id: str | None, projects: Sequence[str] | None = None) -> tuple[str, bool] | None:
        return self._whole.last_changed_by(client_id, self._reach.named(projects))

    def insert(self, entries: Sequence[Entry], act: Act) -> None:
        for entry in entries:
            self._reach.check(entry.memory.project_id)
        self._whole.insert(entries, act)

    def change(self, memory_id: str, edit: Callable[[Memory], Entry | None], act: Act) -> Memory:
        def edited(memory: Memory) -> Entry | None:
            after = edit(self._reach.held(memory))
            if after is not None:
                self._reach.check(after.memory.project_id)
            return after

        return self._whole.change(memory_id, edited, act)

    def trash(self, memory_ids: Sequence[str], act: Act) -> None:
        if act.action is not Action.EXPIRE:
            self._check(memory_ids)
        self._whole.trash(memory_ids, act)

    def revert(self, numbers: Mapping[str, int], act: Act) -> None:
        for memory_id, number in numbers.items():
            if all(one.revision != number for one in self.history(memory_id)):
                raise NotFoundError(f"memory {ids.short(memory_id)} has no revision {number} to go back to")
        self._whole.revert(numbers, act)

    def projects(self) -> list[KeptProject]:
        return [each for each in self._whole.projects() if self._reach.holds(each.project_id)]

    def aliases(self) -> Mapping[str, str]:
        """Of all projects: a name means the same for everyone. Nobody is told of it."""
        return self._whole.aliases()

    def named_by(self, batch_id: str) -> list[AliasChange]:
        """Of a batch that concerns the key, because memories of it are within: that one is not for it to take back."""
        if self._whole.named_by(batch_id) and (self.latest_of_batch(batch_id) or self.changed_since(batch_id)):
            refuse()
        return []

    def name(self, meanings: Mapping[str, str | None], act: Act) -> None:  # noqa: ARG002
        refuse()

    def movable(self, selection: Selection, *, sample: int) -> Movable:
        return self._whole.movable(self._reach.selected(selection), sample=sample)

    def move(self, selection: Selection, act: Act) -> int:
        return self._whole.move(self._reach.selected(selection), act)

    def lain_since(self, before: datetime, *, sample: int) -> tuple[list[str], list[Memory]]:  # noqa: ARG002
        refuse()

    def remove(self, memory_ids: Sequence[str]) -> None:  # noqa: ARG002
        refuse()

    def link(self, newer: str, alike: Sequence[Alike], found_at: datetime) -> None:
        self._check([newer, *(one.memory_id for one in alike)])
        self._whole.link(newer, alike, found_at)

    def forget_open(self, memory_id: str) -> None:
        self._check([memory_id])
        self._whole.forget_open(memory_id)

    def settle(self, one: str, other: str, how: str) -> bool:
        self._check([one, other])
        return self._whole.settle(one, other, how)

    def remember_uncompared(self, memory_ids: Sequence[str]) -> None:
        self._whole.remember_uncompared(memory_ids)

    def compared(self, memory_ids: Sequence[str]) -> None:
        self._whole.compared(memory_ids)

    def usage(self, key: str) -> Usage:
        """As `ReachedRows.usage`."""
        return self._whole.usage(key)

    def answer(self, key: str) -> Answer | None:
        """Each key has its own."""
        return self._whole.answer(key)

    def keep_answer(self, key: str, answer: Answer, at: datetime) -> None:
        self._whole.keep_answer(key, answer, at)

    def forget_answers(self, before: datetime) -> None:  # noqa: ARG002
        refuse()

    def _held(self, memory_ids: Iterable[str]) -> set[str]:
        return {memory.id for memory in self.among(list(memory_ids))}

    def _check(self, memory_ids: Sequence[str]) -> None:
        held = self._held(memory_ids)
        for memory_id in memory_ids:
            if memory_id not in held:
                raise unknown(memory_id)
