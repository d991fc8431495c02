"""Which model embeds, and how one follows another without a gap.

The model in use answers queries until the next one has vectors of everything; then they change places in one
transaction of the store. Vectors of two models are never compared. Used by the embedding queue's thread alone, but for
`serving`, `arriving` and `wait_for_change`, which are for others too.
"""

import logging
import threading
import time
from collections.abc import Callable

from msgspec import Struct

from memory_core.engine.backlog import Backlog, Pause
from memory_core.engine.loading import Loading
from memory_core.engine.noise import noise_of
from memory_core.engine.ports import Embedder, Store
from memory_core.types import Memory, Scope

log = logging.getLogger(__name__)

Load = Callable[[str], Embedder]
"""From what names an embedder (`onnx:all-MiniLM-L6-v2`) to the loaded model; takes its time, raises what it likes."""

_EVERYTHING = Scope(global_search=True)


class Live(Struct, eq=False):
    """A loaded model with what it has to do. `spec` names its embedder.

    `trouble` is why the store takes no vectors of it, or it makes none; `unfit` why it cannot take over.
    """

    spec: str
    embedder: Embedder
    backlog: Backlog
    noise: float
    trouble: str | None = None
    unfit: str | None = None
    failures: int = 0  # in a row
    next_try: float = 0.0  # on the monotonic clock

    def retry(self) -> None:
        """Forget what failed."""
        self.backlog.forget_failures()
        self.next_try = 0.0

    def in_trouble(self, sentence: str, pause: Pause) -> None:
        self.failures += 1
        self.trouble, self.next_try = sentence, time.monotonic() + pause.after(self.failures)

    def out_of_trouble(self) -> None:
        self.trouble, self.failures, self.next_try = None, 0, 0.0

    def pause_s(self) -> float:
        """Until the next try; 0 where there is no trouble."""
        return max(0.0, self.next_try - time.monotonic())

    def next_due(self) -> float | None:
        """Seconds until there is something to try again."""
        return self.pause_s() if self.trouble else self.backlog.next_due()

    def close(self) -> None:
        self.embedder.close()


class Succession:
    """`loaded` is called, in another thread, when `bring` can go on."""

    def __init__(
        self,
        store: Store,
        load: Load,
        text_of: Callable[[Memory], str],
        *,
        pause: Pause,
        loaded: Callable[[], None],
    ) -> None:
        self._store = store
        self._load = load
        self._text_of = text_of
        self._pause = pause
        self._ended = loaded
        self._resumed = False
        self._loading: Loading[Live] | None = None
        self._changing = threading.Lock()  # held while the store and `serving` change
        self.serving: Live | None = None
        self.arriving: Live | None = None

    def resume(self, wanted: str) -> None:
        """At the start: take up the model whose vectors are in use, if another one is wanted now.

        So search by meaning is there while that one loads. Where it cannot be had any more, search goes by keyword.
        """
        if self._resumed:
            return
        kept = next((each for each in self._store.models() if each.is_current), None)
        self._resumed = True
        if kept is None or kept.spec in (None, wanted) or not kept.memories:
            return
        try:
            before = self._loaded_as(str(kept.spec))
        except Exception as error:  # noqa: BLE001 - logged, whatever a model's libraries raise; the wanted one is next
            log.warning("The embedding model before, %s, cannot be loaded any more: %s", kept.spec, error)
            return
        if before.embedder.model == kept.model:
            self.serving = before
        else:
            before.close()

    def bring(self, wanted: str) -> bool:
        """Whether the wanted model serves or is on its way to; else it is being loaded.

        Any other that was on its way is given up. Raises what the store and a model's libraries raise.
        """
        if self._loading is not None and self._loading.spec != wanted:
            self._stop_loading()
        if self._is_on_its_way(wanted):
            return True
        if self.arriving is not None:
            self._drop_arriving(wanted)
            return self.bring(wanted)
        if self._loading is None:
            self._loading = Loading(wanted, self._loaded_as, self._ended)
        outcome = self._loading.outcome
        if isinstance(outcome, Exception):
            self._loading = None
            raise outcome
        if outcome is not None:
            self._place(outcome)  # kept for another try where the store refuses
            self._loading = None
        return outcome is not None

    def hand_over(self) -> None:
        """Let the next model take over, if it has vectors of all that it can have."""
        new = self.arriving
        if new is not None and self._has_caught_up(new):
            self._serve(new)

    def wait_for_change(self) -> None:
        """Until `serving` is what the store compares with, if they are changing now."""
        with self._changing:
            pass

    def switch_off(self) -> None:
        """No model serves and none is to; a later one is brought as at the start. Raises what the store raises."""
        if self._resumed:
            self.close()
            self._store.prepare_model(None)
            self._resumed = False

    def close(self) -> None:
        self._stop_loading()
        before, self.serving, self.arriving = (self.serving, self.arriving), None, None
        for live in before:  # only now: a query that meets a closed model looks for the one that serves
            if live is not None:
                live.close()

    def end(self) -> None:
        """As `close`, and wait for what is being loaded: a process must not end in the middle of that."""
        loading = self._loading
        self.close()
        if loading is not None:
            loading.join()

    def _is_on_its_way(self, wanted: str) -> bool:
        latest = self.arriving or self.serving
        return latest is not None and latest.spec == wanted

    def _drop_arriving(self, wanted: str) -> None:
        if self.serving is not None and self.serving.spec == wanted:
            self._store.prepare_model(None)
        dropped, self.arriving = self.arriving, None
        if dropped is not None:
            dropped.close()

    def _stop_loading(self) -> None:
        if self._loading is not None:
            self._loading.give_up()
            self._loading = None

    def _place(self, new: Live) -> None:
        """At once, unless other vectors are in use. Raises what the store raises."""
        if self.serving is None or self.serving.embedder.model == new.embedder.model:
            self._serve(new)
        else:
            self._store.prepare_model(new.embedder.model, spec=new.spec)
            self.arriving = new

    def _serve(self, new: Live) -> None:
        with self._changing:
            self._store.use_model(new.embedder.model, spec=new.spec)
            before, self.serving = self.serving, new
            self.arriving = None
        log.info("The embedding model %s (%s) is ready", new.embedder.model.name, new.embedder.model.revision)
        if before is not None:
            before.close()

    def _has_caught_up(self, new: Live) -> bool:
        """But for a few memories that it fails with. A model that fails with most is no successor."""
        new.unfit = None
        lacking = self._store.count_pending(new.embedder.model)
        if lacking > new.backlog.failed:
            return False
        if lacking > self._store.count_pending() and 2 * lacking > (total := self._store.counts(_EVERYTHING).total):
            new.unfit = f"{lacking} of {total} memories could not be embedded; the log says why, they are retried"
            return False
        return True

    def _loaded_as(self, spec: str) -> Live:
        embedder = self._load(spec)
        try:
            noise = noise_of(embedder)
        except BaseException:
            embedder.close()
            raise
        backlog = Backlog(self._store, self._text_of, model=embedder.model, pause=self._pause)
        return Live(spec, embedder, backlog, noise)
