"""A model that is being loaded, in a thread of its own: a download may take minutes, and the model in use works on.

Knows nothing of queues or stores; what becomes of a loaded model is `succession`'s.
"""

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Closeable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=Closeable)


class Loading(Generic[T]):
    """Begins at once, and calls `ended` when `outcome` is there: what was loaded, or why it could not be."""

    def __init__(self, spec: str, load: Callable[[str], T], ended: Callable[[], None]) -> None:
        self.spec = spec
        self.outcome: T | Exception | None = None
        self._load = load
        self._ended = ended
        self._lock = threading.Lock()
        self._given_up = False
        self._thread = threading.Thread(target=self._run, name="embedding-load", daemon=True)
        self._thread.start()

    def give_up(self) -> None:
        """What comes of it is closed as soon as it is there."""
        with self._lock:
            self._given_up = True
            outcome, self.outcome = self.outcome, None
        _close(outcome)

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        outcome: T | Exception
        try:
            outcome = self._load(self.spec)
        except Exception as error:  # noqa: BLE001 - handed over as the outcome, whatever a model's libraries raise
            outcome = error
        with self._lock:
            given_up = self._given_up
            if not given_up:
                self.outcome = outcome
        if given_up:
            _close(outcome)
        else:
            self._ended()


def _close(outcome: Closeable | Exception | None) -> None:
    if outcome is not None and not isinstance(outcome, Exception):
        outcome.close()
