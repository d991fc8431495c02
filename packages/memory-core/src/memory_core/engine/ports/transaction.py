"""What happens together or not at all: the contract of one transaction of a store."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from memory_core.changes import Alike, Revision
from memory_core.engine.ports.questions import Usage
from memory_core.engine.ports.states import Act, Answer, Entry, Latest
from memory_core.engine.selections import AliasChange, KeptProject, Movable, Selection
from memory_core.types import Memory, Scope


class Transaction(Protocol):
    """Reads and writes of one moment: all of it is durable when it ends, or none of it is.

    Each change keeps the state before it. "Here" is what is neither in the trash nor superseded.
    """

    def get(self, memory_id: str) -> Memory:
        """In the trash or not."""
        ...

    def among(self, memory_ids: Sequence[str]) -> list[Memory]:
        """As `Store` says."""
        ...

    def repeats(self, memory: Memory, digest: int) -> list[Memory]:
        """What is here with that digest, of the project and type of `memory`, the oldest first."""
        ...

    def of_topic(self, project_id: str | None, topic_key: str) -> Memory | None:
        """Of those here, the oldest."""
        ...

    def matching(self, scope: Scope, content_contains: str | None) -> list[str]:
        """Ids of all that fit."""
        ...

    def expired(self, at: datetime) -> list[str]:
        """Ids of what should have left by then and has not."""
        ...

    def history(self, memory_id: str) -> list[Revision]:
        """The latest first."""
        ...

    def latest(self, memory_id: str) -> Latest: ...

    def latest_of_batch(self, batch_id: str) -> list[Latest]:
        """Of those that nobody has changed since."""
        ...

    def changed_since(self, batch_id: str) -> list[str]:
        """Ids of those that were changed again."""
        ...

    def last_changed_by(self, client_id: str | None, projects: Sequence[str] | None = None) -> tuple[str, bool] | None:
        """The memory of those projects (null: of any) that this client changed last, imports left out.

        And whether nobody has changed it since.
        """
        ...

    def insert(self, entries: Sequence[Entry], act: Act) -> None: ...

    def change(self, memory_id: str, edit: Callable[[Memory], Entry | None], act: Act) -> Memory:
        """`edit` gives the next state, or null to leave all as it is.

        Other terms or another content than before make a new `doc`: the old vectors no longer count, and the memory is
        pending again.
        """
        ...

    def trash(self, memory_ids: Sequence[str], act: Act) -> None: ...

    def revert(self, numbers: Mapping[str, int], act: Act) -> None:
        """The kept state of that number becomes the next state of each memory, without an end that has passed.

        What was of a project whose name is an alias by now is of the one that it means.
        """
        ...

    def projects(self) -> list[KeptProject]:
        """As `Rows` says, also for the next and for `movable`."""
        ...

    def aliases(self) -> Mapping[str, str]: ...

    def named_by(self, batch_id: str) -> list[AliasChange]:
        """Which names the batch gave another meaning."""
        ...

    def name(self, meanings: Mapping[str, str | None], act: Act) -> None:
        """From now on each alias means that project (null: itself), which is no alias. `act` names a batch."""
        ...

    def movable(self, selection: Selection, *, sample: int) -> Movable: ...

    def move(self, selection: Selection, act: Act) -> int:
        """How many those were. Nothing but the project changes: words and vectors stay."""
        ...

    def lain_since(self, before: datetime, *, sample: int) -> tuple[list[str], list[Memory]]:
        """Ids of what has been in the trash since then, and the first of them."""
        ...

    def remove(self, memory_ids: Sequence[str]) -> None:
        """For good, with all states, words and vectors."""
        ...

    def link(self, newer: str, alike: Sequence[Alike], found_at: datetime) -> None:
        """Keep that the two say nearly the same; a pair that is known stays as it is."""
        ...

    def forget_open(self, memory_id: str) -> None:
        """Its open pairs: it says something else now."""
        ...

    def settle(self, one: str, other: str, how: str) -> bool:
        """Close the pair; false where there is no open one."""
        ...

    def remember_uncompared(self, memory_ids: Sequence[str]) -> None:
        """Those wait to be compared by meaning."""
        ...

    def compared(self, memory_ids: Sequence[str]) -> None: ...

    def usage(self, key: str) -> Usage:
        """As it is within the transaction by now."""
        ...

    def answer(self, key: str) -> Answer | None: ...

    def keep_answer(self, key: str, answer: Answer, at: datetime) -> None: ...

    def forget_answers(self, before: datetime) -> None: ...
