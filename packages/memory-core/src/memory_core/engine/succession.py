"""Which model embeds, and how one follows another without a gap.

The model in use answers queries until the next one has vectors of everything; then they change places in one
transaction of the store. Vectors of two models are never compared. Used by the embedding queue's thread alone, but for
`serving` and `arriving`, which others may read.
"""

import logging
from collections.abc import Callable

from msgspec import Struct

from memory_core.engine.backlog import Backlog, Pause
from memory_core.engine.noise import noise_of
from memory_core.engine.ports import Embedder, Store
from memory_core.types import Memory

log = logging.getLogger(__name__)

Load = Callable[[str], Embedder]
"""From what names an embedder (`onnx:all-MiniLM-L6-v2`) to the loaded model; takes its time, raises what it likes."""


class Live(Struct, frozen=True, eq=False):
    """A loaded model with what it has to do. `spec` names its embedder."""

    spec: str
    embedder: Embedder
    backlog: Backlog
    noise: float


class Succession:
    def __init__(self, store: Store, load: Load, text_of: Callable[[Memory], str], *, pause: Pause) -> None:
        self._store = store
        self._load = load
        self._text_of = text_of
        self._pause = pause
        self._loaded: Live | None = None  # and not placed, because the store could not
        self.serving: Live | None = None
        self.arriving: Live | None = None

    def resume(self, wanted: str) -> None:
        """At the start: take up the model whose vectors are in use, if another one is wanted now.

        So search by meaning is there while that one loads. Where it cannot be had any more, search goes by keyword.
        """
        kept = next((each for each in self._store.models() if each.is_current), None)
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
            before.embedder.close()

    def fits(self, wanted: str) -> bool:
        """Whether the wanted model serves, or is on its way."""
        latest = self.arriving or self.serving
        return latest is not None and latest.spec == wanted

    def load(self, wanted: str) -> None:
        """Raises what the model's libraries raise. What was on its way before is given up."""
        if self.arriving is not None:
            dropped, self.arriving = self.arriving, None
            dropped.embedder.close()
        if self._loaded is None or self._loaded.spec != wanted:
            self._loaded = None if self.fits(wanted) else self._loaded_as(wanted)

    def place(self) -> None:
        """Give what was loaded its place: at once, unless other vectors are in use. Raises what the store raises."""
        new = self._loaded
        if new is None:
            self._store.prepare_model(None)
        elif self.serving is None or self.serving.embedder.model == new.embedder.model:
            self._store.use_model(new.embedder.model, spec=new.spec)
            self._serve(new)
        else:
            self._store.prepare_model(new.embedder.model, spec=new.spec)
            self.arriving = new
        self._loaded = None

    def hand_over(self) -> bool:
        """Let the next model take over if it has vectors of all that it can have; whether it did."""
        new = self.arriving
        if new is None or self._store.count_pending(new.embedder.model) > new.backlog.failed:
            return False
        self._store.use_model(new.embedder.model, spec=new.spec)
        self.arriving = None
        self._serve(new)
        return True

    def close(self) -> None:
        for live in (self.serving, self.arriving, self._loaded):
            if live is not None:
                live.embedder.close()
        self.serving = self.arriving = self._loaded = None

    def _loaded_as(self, spec: str) -> Live:
        embedder = self._load(spec)
        backlog = Backlog(self._store, self._text_of, model=embedder.model, pause=self._pause)
        return Live(spec, embedder, backlog, noise_of(embedder))

    def _serve(self, new: Live) -> None:
        before, self.serving = self.serving, new
        log.info("The embedding model %s (%s) is ready", new.embedder.model.name, new.embedder.model.revision)
        if before is not None:
            before.embedder.close()
