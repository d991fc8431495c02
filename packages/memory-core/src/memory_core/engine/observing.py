"""An embedder that tells an observer of its batches."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memory_core.engine.ports import Embedder, ModelIdentity, Vectors
from memory_core.observing import Observer


class ObservedEmbedder:
    def __init__(self, embedder: Embedder, observer: Observer) -> None:
        self._embedder = embedder
        self._observer = observer

    @property
    def model(self) -> ModelIdentity:
        return self._embedder.model

    def pieces(self, text: str) -> list[str]:
        return self._embedder.pieces(text)

    def embed(self, texts: Sequence[str]) -> Vectors:
        began = time.perf_counter()
        vectors = self._embedder.embed(texts)
        self._observer.batch(len(texts), time.perf_counter() - began)
        return vectors

    def embed_query(self, text: str) -> NDArray[np.float32]:
        return self._embedder.embed_query(text)

    def close(self) -> None:
        self._embedder.close()
