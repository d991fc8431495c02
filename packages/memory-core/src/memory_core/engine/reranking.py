"""The reranker of a service: loaded in a thread of its own, tried again, and never waited for.

Knows no model library; which hits are read and what a probability changes is `ranking`'s.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from memory_core.engine.backlog import Pause
from memory_core.engine.ports import Reranker
from memory_core.errors import MemoryServiceError, UnavailableError
from memory_core.types import RerankerState, RerankerStatus

log = logging.getLogger(__name__)

PAUSE = Pause(first_s=30.0, longest_s=900.0)
CLOSE_S = 5.0


class Reranking:
    """`load` may take its time. Until it is through, and where it fails, searches go on without a reranker."""

    def __init__(self, load: Callable[[], Reranker], *, pause: Pause = PAUSE) -> None:
        self._load = load
        self._pause = pause
        self._reranker: Reranker | None = None
        self._trouble: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._bring, name="reranker-load", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def status(self) -> RerankerStatus:
        reranker, trouble = self._reranker, self._trouble
        if trouble is not None:
            state = RerankerState.UNAVAILABLE
        else:
            state = RerankerState.LOADING if reranker is None else RerankerState.READY
        return RerankerStatus(state=state, model=reranker.name if reranker else None, detail=trouble)

    def probabilities(self, query: str, texts: Sequence[str]) -> list[float] | None:
        """How likely each text is what `query` asks for, 0..1; null where there is no reranker that can say it."""
        reranker = self._reranker
        if reranker is None:
            return None
        try:
            found = _checked(reranker.scores(query, texts), len(texts))
        except Exception as error:  # noqa: BLE001 - logged and shown; a search can do without
            self._in_trouble("The reranker failed, and searches do without it", error)
            return None
        self._trouble = None
        return found

    def close(self) -> None:
        """A load under way ends with the process."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)
        reranker, self._reranker = self._reranker, None
        if reranker is not None:
            reranker.close()

    def _bring(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                reranker = self._load()
            except Exception as error:  # noqa: BLE001 - logged and shown, whatever a model's libraries raise
                failures += 1
                self._in_trouble("The reranker could not be loaded", error)
                self._closing.wait(self._pause.after(failures))
                continue
            if self._closing.is_set():
                reranker.close()
                return
            self._trouble = None
            self._reranker = reranker
            log.info("The reranker %s is ready", reranker.name)
            return

    def _in_trouble(self, what: str, error: Exception) -> None:
        """Logged when it begins: it is the same at every search and every new try."""
        ours = isinstance(error, MemoryServiceError)
        sentence = str(error) if ours else f"{what}: {error}"
        if sentence != self._trouble:
            log.warning("%s", sentence, exc_info=None if ours else error)
        self._trouble = sentence


def _checked(probabilities: list[float], texts: int) -> list[float]:
    if len(probabilities) != texts or not all(0 <= each <= 1 for each in probabilities):  # NaN is neither
        raise UnavailableError("The reranker gave no probabilities; its weights may be damaged")
    return probabilities
