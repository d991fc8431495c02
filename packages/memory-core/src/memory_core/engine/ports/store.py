"""The contract of a store as a whole: rows, what keeps them in order, and the queue of what has no vector yet."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from memory_core.engine.ports.rows import Rows
from memory_core.engine.ports.states import Act, Entry, Pending
from memory_core.engine.ports.vectors import KeptModel, ModelIdentity, Vectors
from memory_core.types import Memory


class StoreOptions(Struct, frozen=True, kw_only=True):
    """Where a store lies when its location does not say, and how much of the machine it may use.

    Below `min_free_bytes` of free disk, writes are refused before they can fail halfway; 0 means no such floor.
    `backup_dir` is where backups are to be written; null: a folder beside the store.
    `entry` is how memories are analysed that another program kept in the store's place; null: its file is refused.
    """

    data_dir: Path
    backup_dir: Path | None = None
    threads: int = 2
    memory_limit: str = "512MB"
    min_free_bytes: int = 64 * 1024 * 1024
    entry: Callable[[Memory], Entry] | None = None


class Store(Rows, Protocol):
    """Rows on disk, all of them, with what keeps them in order and gives them their vectors.

    Each writing call is one transaction: all of it is durable when it returns, or none of it is. Raises as `Rows` does.
    """

    def insert(self, entries: Sequence[Entry], act: Act | None = None) -> None:
        """A transaction of this one step; without `act`, as far as the memories tell."""
        ...

    def change(self, memory_id: str, edit: Callable[[Memory], Entry | None], act: Act | None = None) -> Memory:
        """A transaction of this one step."""
        ...

    def lain_since(self, before: datetime, *, sample: int) -> tuple[list[str], list[Memory]]:
        """As `Transaction` says."""
        ...

    def uncompared(self, *, limit: int) -> list[Memory]: ...

    def models(self) -> list[KeptModel]: ...

    def use_model(self, model: ModelIdentity, *, spec: str | None = None) -> None:
        """From now on this model's vectors are the current ones, and there is no next; others stay until dropped."""
        ...

    def prepare_model(self, model: ModelIdentity | None, *, spec: str | None = None) -> None:
        """Make room for vectors of the model that is to be the next, beside those in use. Null: there is no next."""
        ...

    def pending(self, *, limit: int, exclude: Sequence[int] = (), model: ModelIdentity | None = None) -> list[Pending]:
        """What `model` (null: the current one) has no vectors of, the newest revisions first; all if none is in use."""
        ...

    def count_pending(self, model: ModelIdentity | None = None) -> int: ...

    def set_vectors(self, vectors: Mapping[int, Vectors], *, model: ModelIdentity | None = None) -> int:
        """By revision (`doc`); a revision that is gone meanwhile is left out. How many were kept."""
        ...

    def note(self, name: str) -> str | None:
        """What `write_note` was last given under this name."""
        ...

    def write_note(self, name: str, value: str | None) -> None: ...

    def reindex(self, analyser: int, analysed: Callable[[Memory], Entry]) -> int:
        """Make the lexical index anew if another version of the analyser made it; how many documents that took.

        One transaction: searches see the whole old index or the whole new one. Vectors stay.
        """
        ...

    def maintain(self) -> None:
        """Idle work: a short WAL, sorted postings, no remains of dead revisions, and memory not in use given back."""
        ...

    def close(self) -> None: ...
