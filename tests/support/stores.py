"""A real store in a temporary folder that can be made to refuse vectors, and tells what it took."""

from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from uuid import uuid4

from memory_core.engine import lexical
from memory_core.engine.ports import ModelIdentity, StoreOptions, Vectors
from memory_core.engine.stores.duckdb import DuckDBStore
from memory_core.types import Memory
from support.samples import a_memory


class ObservedStore(DuckDBStore):
    """`refusals` are raised by the next calls of `set_vectors`, one each; `taken` has the revisions of each other."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "memories.duckdb", StoreOptions(data_dir=folder))
        self.refusals: list[Exception] = []
        self.taken: SimpleQueue[set[int]] = SimpleQueue()

    def set_vectors(self, vectors: Mapping[int, Vectors], *, model: ModelIdentity | None = None) -> int:
        if self.refusals:
            raise self.refusals.pop(0)
        kept = super().set_vectors(vectors, model=model)
        self.taken.put(set(vectors))
        return kept

    def add(self, *contents: str) -> list[Memory]:
        memories = [a_memory(content, id=uuid4().hex) for content in contents]
        self.insert([lexical.entry(memory) for memory in memories])
        return memories
