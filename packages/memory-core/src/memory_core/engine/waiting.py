"""Coroutines that wait, for a limited time, for something a thread does."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import Future


class Waiting:
    """Who waits for one thing, or until a count that only grows reaches some target.

    Coroutines `join` and then wait `at_most`; a thread wakes them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, Future[None]]] = []

    def join(self, target: int = 0) -> Future[None]:
        future: Future[None] = Future()
        with self._lock:
            self._waiting.append((target, future))
        return future

    def present(self) -> list[Future[None]]:
        with self._lock:
            return [future for _, future in self._waiting]

    def reach(self, count: int) -> None:
        """Wake those whose target this is, or more than that."""
        with self._lock:
            reached = [future for target, future in self._waiting if target <= count]
        self.wake(reached)

    def wake(self, some: Sequence[Future[None]] | None = None) -> None:
        """Those who are named, or all."""
        with self._lock:
            woken = [future for _, future in self._waiting if some is None or future in some]
            self._waiting = [each for each in self._waiting if each[1] not in woken]
        for future in woken:
            if future.set_running_or_notify_cancel():  # false where the caller has stopped waiting
                future.set_result(None)


async def at_most(wait_s: float, future: Future[None]) -> None:
    """Until the future is done, or so many seconds."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.wrap_future(future), wait_s)
