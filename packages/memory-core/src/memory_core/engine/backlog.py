"""Embedding what is pending, one page after another, and remembering what could not be.

One bad memory stops no other: it is put aside, counted, and tried again later. Vectors that the store cannot take now
are kept until it can. Threads, waiting and the loading of models stay with `embedding`.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from memory_core.engine.ports import Embedder, ModelIdentity, Pending, Store, Vectors
from memory_core.errors import InternalError, ModelUnavailableError, StorageFullError, UnavailableError
from memory_core.types import Memory

log = logging.getLogger(__name__)

BATCH = 8  # texts at a time: more cost memory, gain no time, and make stopping slow
PAGE = 32  # memories asked of the store at a time
COMMIT = 32  # pieces a transaction: 8 take nearly as long to save, a tenth of the time they take to embed


class Pause(Struct, frozen=True, kw_only=True):
    """Seconds before a new try: the first time, and what doubling leads to at most."""

    first_s: float
    longest_s: float

    def after(self, failures: int) -> float:
        """Of the pause that follows the given number of failures in a row."""
        return min(self.first_s * 2.0 ** min(failures - 1, 32), self.longest_s)


class _Failure(Struct):
    attempts: int
    due: float  # on the monotonic clock


class Backlog:
    """What `model` (null: the current one) has no vectors of.

    Used by one thread; only `failed`, `done` and `forget_failures` are for others too.
    """

    def __init__(
        self, store: Store, text_of: Callable[[Memory], str], *, pause: Pause, model: ModelIdentity | None = None
    ) -> None:
        self._store = store
        self._model = model
        self._text_of = text_of
        self._pause = pause
        self._lock = threading.Lock()
        self._failures: dict[int, _Failure] = {}
        self._unsaved: dict[int, Vectors] = {}
        self.done = 0  # revisions that got their vectors, or that were put aside

    @property
    def failed(self) -> int:
        return len(self._failures)

    def forget_failures(self) -> None:
        with self._lock:
            self._failures.clear()

    def next_due(self) -> float | None:
        """Seconds until something that failed is to be tried again."""
        with self._lock:
            return min((max(0.0, failure.due - time.monotonic()) for failure in self._failures.values()), default=None)

    def page(self, embedder: Embedder, stopping: Callable[[], bool]) -> bool:
        """Embed up to a page of what is pending; false when nothing is, and when stopped.

        Raises what the store raises; the vectors made by then are kept and saved first by the next call. Raises
        ModelUnavailableError when the model is away, InternalError when a whole page fails: it is not the memories.
        """
        if self._unsaved:
            self._save({})
        left_out = self._not_due()
        page = self._store.pending(limit=PAGE, exclude=left_out, model=self._model)
        if not page:
            self._forget_all_but(left_out)
            return False
        kept = 0
        texts = sorted(self._texts(page), key=lambda item: len(item.text))
        for start in range(0, len(texts), BATCH):
            self._unsaved |= self._embed(embedder, texts[start : start + BATCH], stopping)
            if stopping() or sum(map(len, self._unsaved.values())) >= COMMIT:
                kept += self._save({})
            if stopping():
                return False
        kept += self._save({})
        if kept == 0 and len(page) == PAGE:
            raise InternalError(f"None of {PAGE} memories could be embedded; the log says why")
        return True

    def _texts(self, page: Sequence[Pending]) -> list["_Text"]:
        texts = []
        for pending in page:
            try:
                texts.append(_Text(pending.doc, pending.memory.id, self._text_of(pending.memory)))
            except Exception as error:  # noqa: BLE001 - put aside, logged and counted, whatever it is
                self._put_aside(pending.doc, pending.memory.id, error)
        return texts

    def _embed(self, embedder: Embedder, texts: Sequence["_Text"], stopping: Callable[[], bool]) -> dict[int, Vectors]:
        """Together if that works; else one by one, to find the one that does not."""
        try:
            return _vectors(embedder, texts, stopping)
        except ModelUnavailableError:
            raise  # an endpoint is away, whatever the text: no memory is put aside for that
        except Exception as error:  # noqa: BLE001 - put aside, logged and counted, whatever it is
            if len(texts) == 1:
                self._put_aside(texts[0].doc, texts[0].memory_id, error)
                return {}
        found: dict[int, Vectors] = {}
        for text in texts:
            found |= self._embed(embedder, [text], stopping)
        return found

    def _save(self, vectors: Mapping[int, Vectors]) -> int:
        """How many were taken, of these and of those that had to wait for the store."""
        self._unsaved |= vectors
        if not self._unsaved:
            return 0
        try:
            taken = self._take(self._unsaved)
        except (UnavailableError, StorageFullError):
            raise  # not now: they stay until it can
        except Exception:
            log.exception("The store refused vectors; they are saved one by one")
            taken = sum(self._take_one(doc, each) for doc, each in self._unsaved.items())
        self._unsaved = {}
        return taken

    def _take(self, vectors: Mapping[int, Vectors]) -> int:
        taken = self._store.set_vectors(vectors, model=self._model)
        self.done += len(vectors)
        with self._lock:
            for doc in vectors:
                self._failures.pop(doc, None)
        return taken

    def _take_one(self, doc: int, vectors: Vectors) -> int:
        try:
            return self._take({doc: vectors})
        except (UnavailableError, StorageFullError):
            raise
        except Exception as error:  # noqa: BLE001 - put aside, logged and counted, whatever it is
            self._put_aside(doc, f"of revision {doc}", error)
            return 0

    def _put_aside(self, doc: int, memory_id: str, error: Exception) -> None:
        with self._lock:
            attempts = self._failures[doc].attempts + 1 if doc in self._failures else 1
            due = time.monotonic() + self._pause.after(attempts)
            self._failures[doc] = _Failure(attempts, due)
        self.done += 1
        log.warning("Memory %s could not be embedded (try %d)", memory_id, attempts, exc_info=error)

    def _not_due(self) -> list[int]:
        with self._lock:
            return [doc for doc, failure in self._failures.items() if failure.due > time.monotonic()]

    def _forget_all_but(self, left_out: Sequence[int]) -> None:
        """What failed, was asked for again and is not pending any more was changed or deleted."""
        with self._lock:
            self._failures = {doc: self._failures[doc] for doc in left_out if doc in self._failures}


class _Text(NamedTuple):
    doc: int
    memory_id: str
    text: str


def _vectors(embedder: Embedder, texts: Sequence[_Text], stopping: Callable[[], bool]) -> dict[int, Vectors]:
    """One array a text, a row for each of its pieces; nothing when stopped halfway."""
    pieces = [(text.doc, piece) for text in texts for piece in embedder.pieces(text.text)]
    order = sorted(range(len(pieces)), key=lambda index: len(pieces[index][1]))
    rows: dict[int, Vectors] = {}
    for start in range(0, len(order), BATCH):
        if stopping():
            return {}
        batch = order[start : start + BATCH]
        rows |= zip(batch, embedder.embed([pieces[index][1] for index in batch]), strict=True)
    found: dict[int, list[Vectors]] = {text.doc: [] for text in texts}
    for index, (doc, _) in enumerate(pieces):
        found[doc].append(rows[index])
    return {doc: np.stack(each) for doc, each in found.items()}
