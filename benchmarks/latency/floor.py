"""The least that exact search by meaning can cost: one pass over all vectors in memory, and the query's embedding."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic import Vectors


class Floor:
    """`matrix @ vector` in NumPy, by one thread or by two that take half each."""

    def __init__(self, matrix: Vectors) -> None:
        self._matrix = matrix
        self._half = len(matrix) // 2
        self._thread = ThreadPoolExecutor(1)

    def one_thread(self, vector: Vectors) -> NDArray[np.float32]:
        return self._matrix @ vector

    def two_threads(self, vector: Vectors) -> NDArray[np.float32]:
        other = self._thread.submit(lambda: self._matrix[: self._half] @ vector)
        second = self._matrix[self._half :] @ vector
        return np.concatenate([other.result(), second])

    def best(self, vector: Vectors, count: int) -> set[int]:
        """Row numbers of the nearest."""
        return set(np.argpartition(-self.one_thread(vector), count)[:count].tolist())

    def close(self) -> None:
        self._thread.shutdown()
