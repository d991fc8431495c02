"""What is kept while others look for what is like theirs: a search that began before cannot have found it.

Pure but for its lock: holds memories for as long as somebody looks, and no longer.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from memory_core.engine.ports import QueryVector
from memory_core.types import Memory


class Arrival(NamedTuple):
    number: int
    memory: Memory
    vector: QueryVector | None


class Arrivals:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0  # of the last arrival
        self._arrived: deque[Arrival] = deque()
        self._looking: list[int] = []  # for each who looks, the last arrival before

    @contextmanager
    def looking(self) -> Iterator[int]:
        """Around the search and what is made of it; what it gives is for `since`."""
        with self._lock:
            began = self._number
            self._looking.append(began)
        try:
            yield began
        finally:
            with self._lock:
                self._looking.remove(began)
                oldest = min(self._looking, default=self._number)
                while self._arrived and self._arrived[0].number <= oldest:
                    self._arrived.popleft()

    def kept(self, memory: Memory, vector: QueryVector | None) -> None:
        """From now on every search finds it."""
        with self._lock:
            self._number += 1
            if self._looking:
                self._arrived.append(Arrival(self._number, memory, vector))

    def since(self, began: int) -> list[Arrival]:
        with self._lock:
            return [each for each in self._arrived if each.number > began]
