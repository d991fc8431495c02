"""The threads in which blocking work is done, so that no call ever blocks the event loop.

A caller who goes away cannot leave half a write: what has begun in a thread ends there, with its transaction.
Whatever the caller's context holds, such as the name of a request for the log, holds in the thread too.
"""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from memory_core.engine.arriving import Arrivals
from memory_core.errors import UnavailableError

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

_READERS = 4


class Threads:
    """One for each store, whoever reads and writes it; `arrivals` are what is written beside those who read."""

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        # Writes of their own: a long import must not keep searches waiting, nor the other way round.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="memory-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="memory-reader")
        self._watcher = ThreadPoolExecutor(1, thread_name_prefix="memory-watcher")

    async def read(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        return await _in(self._readers, functools.partial(function, *args, **named))

    async def write(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        return await _in(self._writer, functools.partial(function, *args, **named))

    async def watch(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """For what takes no time: how things stand is said at once, however many searches wait for their turn."""
        return await _in(self._watcher, functools.partial(function, *args, **named))

    async def read_then_write(self, read: Callable[[], T], write: Callable[[T], R]) -> R:
        """`write` is given what `read` found; once begun, both are done, whatever happens in between."""
        writing = await _in(self._readers, lambda: self._writer.submit(copy_context().run, write, read()))
        return await asyncio.wrap_future(writing)

    def close(self) -> None:
        """Let what has begun come to its end. Later calls raise UnavailableError."""
        self._readers.shutdown()  # first: what is read there may be about to be written
        self._writer.shutdown()
        self._watcher.shutdown()


def submitted(threads: Executor, function: Callable[[], T]) -> Future[T]:
    """With what the caller's context holds. Raises UnavailableError once `threads` are shut down."""
    try:
        return threads.submit(copy_context().run, function)
    except RuntimeError as closed:
        raise UnavailableError("the memory service is stopping; try again in a moment") from closed


async def _in(threads: Executor, function: Callable[[], T]) -> T:
    return await asyncio.wrap_future(submitted(threads, function))
