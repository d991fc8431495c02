"""What one client was told is kept, memory by memory. Pure."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class State:
    """How a memory is, as far as the client set it."""

    content: str
    tags: tuple[str, ...]
    trashed: bool = False


@dataclass
class Kept:
    """A memory by the last acknowledgement; `history` are the words that were in it once and are no more."""

    memory_id: str  # or its beginning, where a tool gave no more
    state: State
    history: list[str] = field(default_factory=list)


@dataclass
class Ledger:
    """`kept` by the word that is in one memory alone.

    `unsure` has what was asked and not answered: how the memory is after that, and null stands for there being none.
    """

    kept: dict[str, Kept] = field(default_factory=dict)
    unsure: dict[str, State | None] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    acknowledged: int = 0

    def possible(self, word: str) -> list[State | None]:
        """Each state that the memory with this word may be in."""
        known = self.kept.get(word)
        sure = None if known is None else known.state
        return [sure, self.unsure[word]] if word in self.unsure else [sure]

    def settle(self, word: str, memory_id: str | None, state: State | None) -> None:
        """What is really there, for something unsure."""
        del self.unsure[word]
        if memory_id is None or state is None:
            return
        before = self.kept.get(word)
        history = [] if before is None else before.history
        if before is not None and version_of(before.state) != version_of(state):
            history = [*history, version_of(before.state)]
        self.kept[word] = Kept(memory_id, state, history)


def marker_of(content: str) -> str:
    """The word that stays with a memory through its changes: the first."""
    return content.split(" ", 2)[0]


def version_of(state: State) -> str:
    """The word that each version of a memory has of its own: the second."""
    return state.content.split(" ", 2)[1]
