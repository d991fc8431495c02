"""Threads for the bridge: as many as there is work for, up to a limit; `concurrent.futures` costs 15 ms."""

import threading
import time
from collections import deque
from collections.abc import Callable

Work = Callable[[], None]


class Pool:
    """Runs work in up to `limit` threads, which end with the process. What exceeds the limit waits in order."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._work: deque[Work] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._unfinished = 0

    def run(self, work: Work) -> None:
        with self._changed:
            self._work.append(work)
            self._unfinished += 1
            if self._idle >= len(self._work) or self._threads == self._limit:
                self._changed.notify_all()
                return
            self._threads += 1
        threading.Thread(target=self._serve, daemon=True).start()

    def wait(self, timeout_s: float, *, apart_from: Callable[[], int]) -> None:
        """Return when no more work is left than what `apart_from` counts, or after that time."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self._unfinished > apart_from() and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(min(left, 0.05))  # what is counted apart may change unseen

    def _serve(self) -> None:
        with self._changed:
            self._idle += 1
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._work)
                self._idle -= 1
                work = self._work.popleft()
            try:
                work()
            except Exception as error:  # noqa: BLE001 - said, and no more: a thread that ended would be counted as idle
                threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, None)))
            finally:
                with self._changed:
                    self._unfinished -= 1
                    self._idle += 1
                    self._changed.notify_all()
