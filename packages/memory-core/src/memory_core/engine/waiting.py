"""Coroutines that wait, for a limited time, for something a thread does."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import Future


class Waiting:
    """Who waits for one thing. Coroutines `join` and then wait `at_most`; a thread wakes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: list[Future[None]] = []

    def join(self) -> Future[None]:
        future: Future[None] = Future()
        with self._lock:
            self._futures.append(future)
        return future

    def present(self) -> list[Future[None]]:
        with self._lock:
            return list(self._futures)

    def wake(self, some: Sequence[Future[None]] | None = None) -> None:
        """Those who are named, or all."""
        with self._lock:
            woken = list(self._futures if some is None else some)
            self._futures = [future for future in self._futures if future not in woken]
        for future in woken:
            if future.set_running_or_notify_cancel():  # false where the caller has stopped waiting
                future.set_result(None)


async def at_most(wait_s: float, future: Future[None]) -> None:
    """Until the future is done, or so many seconds."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.wrap_future(future), wait_s)
