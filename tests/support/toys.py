"""Models small enough to read, for tests of what goes on around a model."""

import re
import threading
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memory_core.engine.ports import ModelIdentity, Vectors

DIMENSION = 64


class ToyEmbedder:
    """Texts that share words are near. Refuses texts that contain `poison`, and embeds nothing before `free` is set."""

    def __init__(self, name: str = "toy", *, poison: str | None = None) -> None:
        self.model = ModelIdentity(name=name, revision="1", dimension=DIMENSION)
        self.free = threading.Event()
        self.free.set()
        self.embedded: list[str] = []
        self._poison = poison

    def pieces(self, text: str) -> list[str]:
        return [text]

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.free.wait()
        for text in texts:
            if self._poison is not None and self._poison in text:
                raise ValueError("this text cannot be embedded")
        self.embedded += texts
        return np.stack([self.embed_query(text) for text in texts])

    def embed_query(self, text: str) -> NDArray[np.float32]:
        vector = np.full(DIMENSION, 0.01, dtype=np.float32)
        for word in re.findall(r"\w+", text.casefold()):
            vector[zlib.crc32(word.encode()) % DIMENSION] += 1
        length = float(np.linalg.norm(vector))
        return np.asarray(vector / length, dtype=np.float32)

    def close(self) -> None:
        pass


class ToyReranker:
    """Is sure of texts that contain `word`, and of nothing else."""

    def __init__(self, word: str, name: str = "toy") -> None:
        self.name = name
        self.closed = False
        self._word = word

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:  # noqa: ARG002 - it asks nothing of it
        return [0.9 if self._word in text else 0.1 for text in texts]

    def close(self) -> None:
        self.closed = True
