"""An embedder for Claude Memory without a model: texts are near that share words, or parts of words.

Each word, and each three letters of it, has a place among the numbers by its checksum, and is counted there, up or
down.
"""

import re
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from memory_core.engine.ports import EmbedderOptions, ModelIdentity, Vectors
from memory_core.errors import ModelUnavailableError, UnavailableError

PIECE_CHARACTERS = 800  # in more than that, one sentence would hardly move the counts


def load_embedder(name: str, options: EmbedderOptions) -> "HashEmbedder":  # noqa: ARG001 - it needs no folder
    """`name` is what stands after the colon of MEMORY_EMBEDDER: how many numbers a text becomes."""
    if not name.isdecimal() or not 8 <= int(name) <= 4096:
        raise ModelUnavailableError(f"hash:{name} says no dimension from 8 to 4096; set MEMORY_EMBEDDER to hash:256")
    return HashEmbedder(int(name))


class HashEmbedder:
    def __init__(self, dimension: int) -> None:
        # Another way of counting needs another revision: vectors of two revisions are never compared.
        self.model = ModelIdentity(name=f"hash-{dimension}", revision="1", dimension=dimension)
        self._is_open = True

    def pieces(self, text: str) -> list[str]:
        """Cut behind a space where there is one."""
        cut = re.compile(rf".{{1,{PIECE_CHARACTERS}}}(?:(?<=\s)|$)|.{{{PIECE_CHARACTERS}}}", re.DOTALL)
        return cut.findall(text) or [text]

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = [self.embed_query(text) for text in texts]
        return np.array(vectors, dtype=np.float32).reshape(-1, self.model.dimension)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        if not self._is_open:
            raise UnavailableError("this embedder is closed")
        numbers = np.zeros(self.model.dimension, dtype=np.float32)
        numbers[0] = 0.1  # so that a text without a word has a direction too
        for feature, weight in _features(text):
            place = zlib.crc32(feature.encode())
            # Half of them count down, so that texts without a word in common are at right angles, and not just far.
            numbers[place % self.model.dimension] += weight if place >> 31 else -weight
        return np.asarray(numbers / np.linalg.norm(numbers), dtype=np.float32)

    def close(self) -> None:
        self._is_open = False


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in re.findall(r"\w+", text.casefold()):
        yield word, 1.0
        edged = f"^{word}$"
        yield from ((edged[place : place + 3], 0.3) for place in range(len(edged) - 2))
