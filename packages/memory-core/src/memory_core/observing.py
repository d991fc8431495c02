"""What the engine tells of its own work to whoever counts it: durations, and nothing of what was looked for or found.

It knows no metrics, no traces and no transport; they see it through `Observer`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

from memory_core.types import SearchMode


class Stage(StrEnum):
    """The parts of a search, in the order in which they come."""

    EMBED = "embed"  # the query's vector, with waiting for the model
    SETTLE = "settle"  # waiting until what was kept a moment ago has its vector
    CANDIDATES = "candidates"  # from the store
    FUSE = "fuse"  # their scores to an order, with the next
    RERANK = "rerank"  # the best of them read again


class Observer(Protocol):
    """Called in any thread, right after what it tells of, in the context of the call that caused it. Never raises."""

    def stage(self, stage: Stage, mode: SearchMode, seconds: float) -> None: ...

    def search(self, *, asked: SearchMode, answered: SearchMode, seconds: float) -> None:
        """The whole of it. Without a model, what was asked by meaning is answered by keyword."""
        ...

    def batch(self, pieces: int, seconds: float) -> None:
        """So many pieces of memories were embedded together."""
        ...


class Unobserved:
    """Nobody counts."""

    def stage(self, stage: Stage, mode: SearchMode, seconds: float) -> None: ...

    def search(self, *, asked: SearchMode, answered: SearchMode, seconds: float) -> None: ...

    def batch(self, pieces: int, seconds: float) -> None: ...


UNOBSERVED = Unobserved()


@contextmanager
def timed(observer: Observer, stage: Stage, mode: SearchMode) -> Iterator[None]:
    """What fails is not told of: its duration says nothing of the stage."""
    began = time.perf_counter()
    yield
    observer.stage(stage, mode, time.perf_counter() - began)
