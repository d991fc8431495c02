"""The queue that gives every memory its vectors, and every query its own.

One thread loads the model and embeds what the store says is pending: the store is the queue, so nothing is lost when
the process ends. Callers are never held up: what they may wait for has a limit, and without a model they get none.
Knows no model library and no SQL; which model comes when is `succession`'s, which memories fail is `backlog`'s.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

from msgspec import Struct

from memory_core.engine.backlog import Pause
from memory_core.engine.ports import ModelIdentity, QueryVector, Store
from memory_core.engine.queries import Queries
from memory_core.engine.succession import Live, Load, Succession
from memory_core.engine.waiting import Waiting, at_most
from memory_core.errors import MemoryServiceError
from memory_core.types import EmbeddingState, EmbeddingStatus, Memory, NextModel

log = logging.getLogger(__name__)

LITTLE_WORK = 64  # so many pending memories are worth a wait
PATIENCE_S = 10.0  # a model that loads for longer is being downloaded: nobody waits for that
CLOSE_S = 5.0


class Pauses(Struct, frozen=True, kw_only=True):
    """Before a new try of what failed: to load the model, to use the store, to embed a memory."""

    model: Pause = Pause(first_s=30.0, longest_s=900.0)
    store: Pause = Pause(first_s=1.0, longest_s=60.0)
    memory: Pause = Pause(first_s=30.0, longest_s=3600.0)


class EmbeddingQueue:
    """`load` is called in the queue's own thread and may take its time; a null `embedder` switches embedding off.

    `text_of` says what of a memory is embedded. What fails is counted, logged by the memory's id, and tried again.
    """

    def __init__(
        self,
        store: Store,
        load: Load,
        text_of: Callable[[Memory], str],
        *,
        embedder: str | None,
        pauses: Pauses | None = None,
    ) -> None:
        self._store = store
        self._pauses = pauses or Pauses()
        self._models = Succession(store, load, text_of, pause=self._pauses.memory)
        self._thread: threading.Thread | None = None
        self._queries = Queries()
        self._for_model, self._for_work = Waiting(), Waiting()
        # The thread's own: tries in a row that failed, to load the model and to use the store.
        self._unloaded = self._failed_in_a_row = 0
        self._next_try = 0.0  # to load the model, on the monotonic clock
        self._resumed = False
        # The condition's lock guards all below.
        self._changed = threading.Condition()
        self._wanted = embedder
        self._loading_since = time.monotonic()
        self._unloadable: str | None = None  # why the wanted model could not be loaded
        self._trouble: str | None = None  # why the store takes no vectors, or the model makes none
        self._asked = self._urged = self._closing = False

    def start(self) -> None:
        if self._wanted is not None and self._thread is None:
            self._loading_since = time.monotonic()
            self._thread = threading.Thread(target=self._work, name="embedding", daemon=True)
            self._thread.start()

    def use(self, embedder: str | None) -> None:
        """From now on this one, or none; the one in use serves until it has vectors of everything. Returns at once."""
        with self._changed:
            self._wanted = embedder
        self.retry()
        self.start()

    def notify(self) -> None:
        """Something may be pending."""
        with self._changed:
            self._asked = True
            self._changed.notify_all()

    def retry(self) -> None:
        """Forget what failed and try at once, the model too."""
        for live in (self._models.serving, self._models.arriving):
            if live is not None:
                live.backlog.forget_failures()
        with self._changed:
            self._asked = self._urged = True
            if self._unloadable:
                self._unloadable = None
                self._loading_since = time.monotonic()
            self._changed.notify_all()

    @property
    def model(self) -> ModelIdentity | None:
        """The model whose vectors count; null until it is ready."""
        live = self._models.serving
        return live.embedder.model if live else None

    def status(self, *, with_next: bool = True) -> EmbeddingStatus:
        """Asks the store for a number or two, and nothing that could take time."""
        live, arriving = self._models.serving, self._models.arriving
        off = self._wanted is None or self._closing
        pending = 0 if off else self._store.count_pending()
        failed = min(live.backlog.failed, pending) if live else 0  # one that was deleted since does not count
        with self._changed:
            wanted, unloadable, trouble = self._wanted, self._unloadable, self._trouble
        return EmbeddingStatus(
            state=_state(wanted, live, unloadable or trouble),
            model=live.embedder.model.name if live else None,
            dimension=live.embedder.model.dimension if live else None,
            pending=pending,
            failed=failed,
            detail=(None if live else unloadable) or trouble or _about(failed),
            embedder=live.spec if live else wanted,
            next=self._next(wanted, arriving, unloadable) if with_next and live and live.spec != wanted else None,
        )

    async def query_vector(self, text: str, *, wait_s: float) -> QueryVector | None:
        """Null where there is no model within `wait_s` seconds."""
        if self._models.serving is None:
            with self._changed:
                loaded = self._for_model.join() if self._loads_soon() else None
            if loaded is not None:
                await at_most(wait_s, loaded)
        while (live := self._models.serving) is not None:
            if (known := self._queries.get(live.embedder.model, text)) is not None:
                return known
            try:
                numbers = await asyncio.to_thread(live.embedder.embed_query, text)
            except Exception as error:
                if self._models.serving is not live:
                    continue  # another model took over meanwhile, and this one was closed
                if isinstance(error, MemoryServiceError):
                    log.warning("A query could not be embedded and is answered by keyword: %s", error)
                else:
                    log.exception("A query could not be embedded; it is answered by keyword")
                return None
            vector = QueryVector(numbers=numbers, model=live.embedder.model, noise=live.noise)
            self._queries.put(text, vector)
            return vector
        return None

    async def settle(self, *, wait_s: float) -> None:
        """Wait until what is pending now is embedded, if that is little, at most `wait_s` seconds."""
        live = self._models.serving
        with self._changed:
            if live is None and not self._loads_soon():
                return
        pending = await asyncio.to_thread(self._store.count_pending)
        failed = live.backlog.failed if live else 0
        with self._changed:
            if self._trouble or self._closing or not 0 < pending - failed <= LITTLE_WORK:
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

    def _next(self, wanted: str | None, arriving: Live | None, unloadable: str | None) -> NextModel | None:
        if wanted is None:
            return None
        if arriving is None or arriving.spec != wanted:
            state = EmbeddingState.UNAVAILABLE if unloadable else EmbeddingState.LOADING
            return NextModel(embedder=wanted, state=state, detail=unloadable)
        model = arriving.embedder.model
        pending = self._store.count_pending(model)
        failed = min(arriving.backlog.failed, pending)
        return NextModel(
            embedder=wanted,
            state=EmbeddingState.READY,
            model=model.name,
            pending=pending,
            failed=failed,
            detail=_about(failed),
        )

    def _loads_soon(self) -> bool:
        patient = time.monotonic() - self._loading_since < PATIENCE_S
        return self._wanted is not None and not self._unloadable and patient and not self._closing

    # From here on: the thread.

    def _work(self) -> None:
        try:
            while not self._closing:
                self._rest(self._step())
        finally:
            self._wake_everyone()
            self._models.close()

    def _step(self) -> float | None:
        """Bring the wanted model and embed all that is pending; the seconds to rest, null for until something happens.

        What can be done is done whether or not the wanted model can be had.
        """
        wanted = self._wanted
        if wanted is None:
            self._models.close()
            return None
        try:
            if not self._resumed:
                self._models.resume(wanted)
                self._resumed = True
            next_try = self._bring(wanted)
            while self._wanted == wanted and self._next_page():
                self._failed_in_a_row = 0
        except Exception as error:  # noqa: BLE001 - logged and shown; this thread must live on
            self._failed_in_a_row += 1
            self._in_trouble(_said(error, "Embeddings cannot be saved"), error)
            return self._pauses.store.after(self._failed_in_a_row)
        self._failed_in_a_row = 0
        with self._changed:
            self._trouble = None
        due = [live.backlog.next_due() for live in (self._models.serving, self._models.arriving) if live]
        return min((each for each in [next_try, *due] if each is not None), default=None)

    def _bring(self, wanted: str) -> float | None:
        """The seconds until the next try, where it cannot be loaded. Raises what the store raises."""
        if self._models.fits(wanted) or self._closing:
            return None
        with self._changed:
            pause = self._next_try - time.monotonic() if self._unloadable else 0.0
        if pause > 0:
            return pause
        try:
            self._models.load(wanted)
        except Exception as error:  # whatever a model's libraries raise; logged below
            self._unloaded += 1
            pause = self._pauses.model.after(self._unloaded)
            with self._changed:
                self._unloadable = _said(error, "The embedding model could not be loaded")
                self._next_try = time.monotonic() + pause
            log.warning("%s", self._unloadable, exc_info=None if isinstance(error, MemoryServiceError) else error)
            self._wake_everyone()
            return pause
        self._unloaded = 0
        if not self._closing:  # it may have been closed while the model loaded
            self._models.place()
            with self._changed:
                self._unloadable = None
            self._for_model.wake()
        return None

    def _next_page(self) -> bool:
        """Whether there is more. What was just stored comes before what only waits for another model.

        Who waited before the page was asked for has what they waited for when there is none.
        """
        with self._changed:
            self._asked = False
            waiting = self._for_work.present()
        serving, arriving = self._models.serving, self._models.arriving
        if serving is not None and serving.backlog.page(serving.embedder, lambda: self._closing):
            return True
        self._for_work.wake(waiting)
        if self._closing or arriving is None:
            return False
        if arriving.backlog.page(arriving.embedder, lambda: self._closing or self._asked) or self._asked:
            return not self._closing
        return self._models.hand_over()

    def _in_trouble(self, sentence: str, error: Exception) -> None:
        log.warning("%s", sentence, exc_info=None if isinstance(error, MemoryServiceError) else error)
        with self._changed:
            self._trouble = sentence
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


def _state(wanted: str | None, live: Live | None, trouble: str | None) -> EmbeddingState:
    if wanted is None:
        return EmbeddingState.OFF
    if live is not None:
        return EmbeddingState.READY
    return EmbeddingState.UNAVAILABLE if trouble else EmbeddingState.LOADING


def _said(error: Exception, otherwise: str) -> str:
    """Errors of ours are sentences already."""
    return str(error) if isinstance(error, MemoryServiceError) else f"{otherwise}: {error}"


def _about(failed: int) -> str | None:
    if failed == 0:
        return None
    return (
        f"{failed} {'memory' if failed == 1 else 'memories'} could not be embedded; the log says why, they are retried"
    )
