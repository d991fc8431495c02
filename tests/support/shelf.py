"""Models to choose from by name, whose loading and embedding a test holds up, lets go on and makes fail.

Each has vectors of its own for the same text, of the same dimension: a mix-up would not be noticed by its shape.
"""

import threading
from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from memory_core.engine import noise
from memory_core.engine.ports import Embedder, Vectors
from memory_core.errors import UnavailableError
from support.toys import ToyEmbedder

LONG_S = 60.0  # longer than anything here takes; reached only when something is broken


class Gate:
    """Open, or held: then each `release` lets one more through."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = False
        self._released = 0
        self.reached = threading.Event()  # someone has been here since it was held

    def hold(self) -> None:
        with self._changed:
            self._held, self._released = True, 0
            self.reached.clear()

    def release(self) -> None:
        with self._changed:
            self._released += 1
            self._changed.notify_all()

    def open(self) -> None:
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def go_through(self) -> None:
        with self._changed:
            self.reached.set()
            if not self._changed.wait_for(lambda: not self._held or self._released, LONG_S):
                raise TimeoutError("nobody opened this gate")
            self._released -= self._held


class Book:
    """What a test decides of the models of one name, and what became of them. `same_as`: it has that one's weights."""

    def __init__(self, name: str) -> None:
        self.same_as = name
        self.revision = "1"
        self.may_load, self.may_embed = Gate(), Gate()
        self.failures: list[Exception] = []  # of the next loads
        self.broken: Exception | None = None  # of each embedding of a memory
        self.poison: str | None = None
        self.embedded: list[str] = []  # memories, by any model of this name
        self.loaded: list[ShelfModel] = []


class Shelf:
    """Loads by name: what `EmbeddingQueue` calls."""

    def __init__(self) -> None:
        self._books: dict[str, Book] = {}
        self.loads: list[str] = []

    def __getitem__(self, name: str) -> Book:
        return self._books.setdefault(name, Book(name))

    def __call__(self, name: str) -> Embedder:
        book = self[name]
        self.loads.append(name)
        book.may_load.go_through()
        if book.failures:
            raise book.failures.pop(0)
        model = ShelfModel(book)
        book.loaded.append(model)
        return model

    def open_all(self) -> None:
        for book in self._books.values():
            book.may_load.open()
            book.may_embed.open()


class ShelfModel(ToyEmbedder):
    def __init__(self, book: Book) -> None:
        super().__init__(book.same_as)
        self.model = replace(self.model, revision=book.revision)
        self.closed = threading.Event()
        self._book = book

    def embed(self, texts: Sequence[str]) -> Vectors:
        if texts == noise._TEXTS:  # what every model is asked when it is loaded
            return super().embed(texts)
        self._book.may_embed.go_through()
        self._require_open()
        if self._book.broken is not None:
            raise self._book.broken
        if self._book.poison and any(self._book.poison in text for text in texts):
            raise ValueError("this text cannot be embedded")
        self._book.embedded += texts
        return super().embed(texts)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        self._require_open()
        return np.roll(super().embed_query(text), sum(self.model.name.encode() + self.model.revision.encode()))

    def close(self) -> None:
        self.closed.set()

    def _require_open(self) -> None:
        if self.closed.is_set():
            raise UnavailableError("this model is closed")
