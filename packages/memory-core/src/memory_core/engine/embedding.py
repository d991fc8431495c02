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
from msgspec.structs import replace

from memory_core.engine.backlog import Pause
from memory_core.engine.ports import ModelIdentity, QueryVector, Store
from memory_core.engine.queries import Queries
from memory_core.engine.standing import coming, standing
from memory_core.engine.succession import Live, Load, Succession
from memory_core.engine.waiting import Waiting, at_most
from memory_core.errors import MemoryServiceError
from memory_core.types import EmbeddingStatus, Memory

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
    """`load` may take its time, in a thread of the queue's; a null `embedder` switches embedding off.

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
        self._models = Succession(store, load, text_of, pause=self._pauses.memory, loaded=self._urge)
        self._thread: threading.Thread | None = None
        self._queries = Queries()
        self._for_model, self._for_work = Waiting(), Waiting()
        # The condition's lock guards all below.
        self._changed = threading.Condition()
        self._wanted = embedder
        self._loading_since = time.monotonic()
        self._unloadable: str | None = None  # why the wanted model could not be loaded
        self._unloaded = 0  # tries in a row
        self._next_try = 0.0  # to load it, on the monotonic clock
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
            self._unloadable, self._unloaded = None, 0
            self._loading_since = time.monotonic()
        self.retry()
        self.start()

    def notify(self) -> None:
        """Something may be pending."""
        with self._changed:
            self._asked = True
            self._changed.notify_all()

    def retry(self) -> None:
        """Forget what failed and try at once, the model too."""
        for live in self._live():
            live.retry()
        with self._changed:
            if self._unloadable:
                self._unloadable = None
                self._loading_since = time.monotonic()
        self._urge()

    @property
    def model(self) -> ModelIdentity | None:
        """The model whose vectors count; null until it is ready."""
        live = self._models.serving
        return live.embedder.model if live else None

    def status(self, *, with_next: bool = True) -> EmbeddingStatus:
        """Asks the store for a number or two, and nothing that could take time."""
        live, arriving = self._models.serving, self._models.arriving
        with self._changed:
            wanted, unloadable = None if self._closing else self._wanted, self._unloadable
        status = standing(self._store, wanted, live, unloadable)
        if wanted is None or live is None or live.spec == wanted or not with_next:
            return status
        return replace(status, next=coming(self._store, wanted, arriving, unloadable))

    async def query_vector(self, text: str, *, wait_s: float) -> QueryVector | None:
        """Null where there is no model within `wait_s` seconds."""
        if self._models.serving is None:
            with self._changed:
                loaded = self._for_model.join() if self._loads_soon() else None
            if loaded is not None:
                await at_most(wait_s, loaded)
        # Switched off is off at once; the thread puts the model away a moment later.
        while self._wanted is not None and (live := self._models.serving) is not None:
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

    async def wait_for_change(self) -> None:
        """After ModelChangedError: until queries are embedded by the model that the store compares with."""
        await asyncio.to_thread(self._models.wait_for_change)

    async def settle(self, *, wait_s: float) -> None:
        """Wait until what is pending now is embedded, if that is little, at most `wait_s` seconds.

        What is stored meanwhile is not waited for: a search beside a steady writer would never begin.
        """
        live = self._models.serving
        with self._changed:
            if live is None and not self._loads_soon():
                return
        done = live.backlog.done if live else 0  # before the count: what is done in between is not waited for twice
        pending = await asyncio.to_thread(self._store.count_pending)
        failed = live.backlog.failed if live else 0
        with self._changed:
            if (live and live.trouble) or self._closing or not 0 < pending - failed <= LITTLE_WORK:
                return
            settled = self._for_work.join(done + pending - failed)
            self._asked = True
            self._changed.notify_all()
        await at_most(wait_s, settled)

    def close(self) -> None:
        """Ends within a batch. A download under way ends with the process, and is taken up again by the next."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_S)
        self._wake_everyone()

    def _live(self) -> list[Live]:
        return [live for live in (self._models.serving, self._models.arriving) if live is not None]

    def _loads_soon(self) -> bool:
        patient = time.monotonic() - self._loading_since < PATIENCE_S
        return self._wanted is not None and not self._unloadable and patient and not self._closing

    def _urge(self) -> None:
        with self._changed:
            self._asked = self._urged = True
            self._changed.notify_all()

    # From here on: the thread.

    def _work(self) -> None:
        try:
            while not self._closing:
                self._rest(self._step())
        finally:
            self._wake_everyone()
            self._models.end()

    def _step(self) -> float | None:
        """Bring the wanted model and embed all that is pending; the seconds to rest, null for until something happens.

        What can be done is done whether or not the wanted model can be had.
        """
        wanted = self._wanted
        next_try = self._bring(wanted)
        while wanted is not None and self._wanted == wanted and self._next_page():
            pass
        due = [next_try, *(live.next_due() for live in self._live())]
        return min((each for each in due if each is not None), default=None)

    def _bring(self, wanted: str | None) -> float | None:
        """The seconds until the next try, where it cannot be had."""
        with self._changed:
            pause = self._next_try - time.monotonic() if self._unloadable else 0.0
        if pause > 0:
            return pause
        try:
            if wanted is None:
                self._models.switch_off()
                if self._wanted is None:  # else whoever waits, waits for that one
                    self._wake_everyone()
                return None
            self._models.resume(wanted)
            is_there = self._models.bring(wanted)
        except Exception as error:  # noqa: BLE001 - logged and shown; this thread must live on
            return self._cannot_be_had(wanted, error)
        with self._changed:
            if is_there and self._wanted == wanted:
                self._unloadable, self._unloaded = None, 0
        if self._models.serving is not None:
            self._for_model.wake()
        return None

    def _cannot_be_had(self, wanted: str | None, error: Exception) -> float:
        sentence = _logged("The embedding model could not be loaded", error)
        with self._changed:
            if self._wanted != wanted:
                return 0.0  # another one was chosen meanwhile
            self._unloaded += 1
            pause = self._pauses.model.after(self._unloaded)
            self._unloadable, self._next_try = sentence, time.monotonic() + pause
        self._wake_everyone()
        return pause

    def _next_page(self) -> bool:
        """Whether there is more. What was just stored comes before what only waits for another model.

        Who waited before the page was asked for has what they waited for when there is none.
        """
        with self._changed:
            self._asked = False
            waiting = self._for_work.present()
        serving, arriving = self._models.serving, self._models.arriving
        if serving is not None and self._page(serving, lambda: self._closing):
            self._for_work.reach(serving.backlog.done)
            return True
        self._for_work.wake(waiting)
        if self._closing or arriving is None:
            return False
        more = self._page(arriving, lambda: self._closing or self._asked or self._wanted != arriving.spec)
        return (more or self._asked or self._models.serving is not serving) and not self._closing

    def _page(self, live: Live, stopping: Callable[[], bool]) -> bool:
        """Whether there is more, of this model. One that is in trouble holds up no other."""
        if live.pause_s() > 0:
            return False
        try:
            more = live.backlog.page(live.embedder, stopping)
            if live is self._models.arriving and not more and not stopping():
                self._models.hand_over()
        except Exception as error:  # noqa: BLE001 - logged and shown; this thread must live on
            live.in_trouble(_logged("Embeddings cannot be saved", error), self._pauses.store)
            self._wake_everyone()
            return False
        live.out_of_trouble()
        return more

    def _rest(self, pause_s: float | None) -> None:
        """Until the pause is over, work arrives, or someone urges."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._urged or self._asked, timeout=pause_s)
            self._urged = self._asked = False

    def _wake_everyone(self) -> None:
        self._for_model.wake()
        self._for_work.wake()


def _logged(what: str, error: Exception) -> str:
    """What is said of it: errors of ours are sentences already."""
    ours = isinstance(error, MemoryServiceError)
    sentence = str(error) if ours else f"{what}: {error}"
    log.warning("%s", sentence, exc_info=None if ours else error)
    return sentence
