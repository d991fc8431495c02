"""The queue that gives every memory its vectors, and every query its own.

One thread loads the model and embeds what the store says is pending: the store is the queue, so nothing is lost when
the process ends. Callers are never held up: what they may wait for has a limit, and without a model they get none.
Knows no model library and no SQL; which memories fail and when they are tried again is `backlog`'s.
"""

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.engine.backlog import Backlog, Pause
from memory_core.engine.ports import Embedder, ModelIdentity, Store
from memory_core.engine.waiting import Waiting, at_most
from memory_core.errors import MemoryServiceError
from memory_core.types import EmbeddingState, EmbeddingStatus, Memory

log = logging.getLogger(__name__)

LITTLE_WORK = 64  # so many pending memories are worth a wait
PATIENCE_S = 10.0  # a model that loads for longer is being downloaded: nobody waits for that
CLOSE_S = 5.0
REMEMBERED_QUERIES = 256


class Pauses(Struct, frozen=True, kw_only=True):
    """Before a new try of what failed: to load the model, to use the store, to embed a memory."""

    model: Pause = Pause(first_s=30.0, longest_s=900.0)
    store: Pause = Pause(first_s=1.0, longest_s=60.0)
    memory: Pause = Pause(first_s=30.0, longest_s=3600.0)


class EmbeddingQueue:
    """`load` is called in the queue's own thread and may take its time; null switches embedding off.

    `text_of` says what of a memory is embedded. What fails is counted, logged by the memory's id, and tried again.
    """

    def __init__(
        self,
        store: Store,
        load: Callable[[], Embedder] | None,
        text_of: Callable[[Memory], str],
        *,
        pauses: Pauses | None = None,
    ) -> None:
        self._store = store
        self._load = load
        self._pauses = pauses or Pauses()
        self._backlog = Backlog(store, text_of, pause=self._pauses.memory)
        self._thread: threading.Thread | None = None
        self._queries = _Queries()
        self._for_model, self._for_work = Waiting(), Waiting()
        self._failed_in_a_row = 0  # tries to load the model, or to use the store: the thread's own count
        # The condition's lock guards all below.
        self._changed = threading.Condition()
        self._state = EmbeddingState.OFF if load is None else EmbeddingState.LOADING
        self._loading_since = time.monotonic()
        self._embedder: Embedder | None = None
        self._trouble: str | None = None
        self._asked = self._urged = self._closing = False

    def start(self) -> None:
        if self._load is not None and self._thread is None:
            self._loading_since = time.monotonic()
            self._thread = threading.Thread(target=self._work, name="embedding", daemon=True)
            self._thread.start()

    def notify(self) -> None:
        """Something may be pending."""
        with self._changed:
            self._asked = True
            self._changed.notify_all()

    def retry(self) -> None:
        """Forget what failed and try at once, the model too."""
        self._backlog.forget_failures()
        with self._changed:
            self._asked = self._urged = True
            if self._state is EmbeddingState.UNAVAILABLE:
                self._state, self._trouble = EmbeddingState.LOADING, None
                self._loading_since = time.monotonic()
            self._changed.notify_all()

    @property
    def model(self) -> ModelIdentity | None:
        """The model whose vectors count; null until it is ready."""
        embedder = self._ready()
        return embedder.model if embedder else None

    def status(self) -> EmbeddingStatus:
        """Asks the store for one number, and nothing that could take time."""
        pending = 0 if self._load is None or self._closing else self._store.count_pending()
        failed = min(self._backlog.failed, pending)  # one that was deleted since does not count
        model = self.model
        with self._changed:
            return EmbeddingStatus(
                state=self._state,
                model=model.name if model else None,
                dimension=model.dimension if model else None,
                pending=pending,
                failed=failed,
                detail=self._trouble or _about(failed),
            )

    async def query_vector(self, text: str, *, wait_s: float) -> NDArray[np.float32] | None:
        """Null where there is no model within `wait_s` seconds."""
        if (known := self._queries.get(text)) is not None:
            return known
        with self._changed:
            loaded = self._for_model.join() if self._loads_soon() else None
        if loaded is not None:
            await at_most(wait_s, loaded)
        if (embedder := self._ready()) is None:
            return None
        try:
            vector = await asyncio.to_thread(embedder.embed_query, text)
        except MemoryServiceError as error:
            log.warning("A query could not be embedded and is answered by keyword: %s", error)
            return None
        except Exception:
            log.exception("A query could not be embedded; it is answered by keyword")
            return None
        self._queries.put(text, vector)
        return vector

    async def settle(self, *, wait_s: float) -> None:
        """Wait until what is pending now is embedded, if that is little, at most `wait_s` seconds."""
        with self._changed:
            if self._state is not EmbeddingState.READY and not self._loads_soon():
                return
        pending = await asyncio.to_thread(self._store.count_pending)
        with self._changed:
            if self._trouble or self._closing or not 0 < pending - self._backlog.failed <= LITTLE_WORK:
                return
            done = self._for_work.join()
            self._asked = True
            self._changed.notify_all()
        await at_most(wait_s, done)

    def close(self) -> None:
        """Ends within a batch. A download under way ends with the process, and is taken up again by the next."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_S)
        self._wake_everyone()

    def _ready(self) -> Embedder | None:
        with self._changed:
            return self._embedder if self._state is EmbeddingState.READY else None

    def _loads_soon(self) -> bool:
        patient = time.monotonic() - self._loading_since < PATIENCE_S
        return self._state is EmbeddingState.LOADING and patient and not self._closing

    # From here on: the thread.

    def _work(self) -> None:
        embedder: Embedder | None = None
        try:
            while not self._closing:
                embedder = embedder or self._loaded()
                self._rest(self._worked_off(embedder) if embedder else self._pauses.model.after(self._failed_in_a_row))
        finally:
            self._wake_everyone()
            if embedder is not None:
                embedder.close()

    def _loaded(self) -> Embedder | None:
        try:
            embedder = self._load() if self._load else None
        except Exception as error:  # noqa: BLE001 - logged and shown, whatever a model's libraries raise
            self._in_trouble(error, f"The embedding model could not be loaded: {error}", EmbeddingState.UNAVAILABLE)
            return None
        self._failed_in_a_row = 0
        return embedder

    def _worked_off(self, embedder: Embedder) -> float | None:
        """Embed all that is pending; the seconds to rest after it, null for until something happens."""
        try:
            if self._ready() is None and not self._closing:  # it may have been closed while the model loaded
                self._store.use_model(embedder.model)
                self._now_ready(embedder)
            while self._next_page(embedder):
                self._failed_in_a_row = 0
        except Exception as error:  # noqa: BLE001 - logged and shown; this thread must live on
            state = self._state if self._ready() else EmbeddingState.UNAVAILABLE
            self._in_trouble(error, f"Embeddings cannot be saved: {error}", state)
            return self._pauses.store.after(self._failed_in_a_row)
        self._failed_in_a_row = 0
        with self._changed:
            self._trouble = None
        return self._backlog.next_due()

    def _next_page(self, embedder: Embedder) -> bool:
        """Who waited before the page was asked for has what they waited for when there is none."""
        with self._changed:
            self._asked = False
            waiting = self._for_work.present()
        more = not self._closing and self._backlog.page(embedder, lambda: self._closing)
        if not more:
            self._for_work.wake(waiting)
        return more

    def _now_ready(self, embedder: Embedder) -> None:
        log.info("The embedding model %s (%s) is ready", embedder.model.name, embedder.model.revision)
        with self._changed:
            self._embedder, self._state, self._trouble = embedder, EmbeddingState.READY, None
        self._for_model.wake()

    def _in_trouble(self, error: Exception, sentence: str, state: EmbeddingState) -> None:
        self._failed_in_a_row += 1
        expected = isinstance(error, MemoryServiceError)
        sentence = str(error) if expected else sentence
        log.warning("%s", sentence, exc_info=None if expected else error)
        with self._changed:
            self._state, self._trouble = state, sentence
        self._wake_everyone()

    def _rest(self, pause_s: float | None) -> None:
        """Until the pause is over or someone urges; until work arrives, too, unless there is trouble."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing or self._urged or (self._asked and self._trouble is None), timeout=pause_s
            )
            self._urged = False

    def _wake_everyone(self) -> None:
        self._for_model.wake()
        self._for_work.wake()


class _Queries:
    """The vectors of the last queries: people and agents ask the same again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def get(self, text: str) -> NDArray[np.float32] | None:
        with self._lock:
            if text in self._vectors:
                self._vectors.move_to_end(text)
            return self._vectors.get(text)

    def put(self, text: str, vector: NDArray[np.float32]) -> None:
        vector.setflags(write=False)  # one array for all who ask
        with self._lock:
            self._vectors[text] = vector
            if len(self._vectors) > REMEMBERED_QUERIES:
                self._vectors.popitem(last=False)


def _about(failed: int) -> str | None:
    if failed == 0:
        return None
    return (
        f"{failed} {'memory' if failed == 1 else 'memories'} could not be embedded; the log says why, they are retried"
    )
