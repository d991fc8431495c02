"""The queue as the service uses it: a real store, the real model, and a thread that nobody may wait for in vain."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec.structs import replace

from memory_core.engine import embedding
from memory_core.engine.backlog import BATCH, PAGE, Pause
from memory_core.engine.embedding import EmbeddingQueue, Pauses
from memory_core.engine.lexical import indexed_text
from memory_core.engine.ports import Embedder, Vectors
from memory_core.errors import ModelUnavailableError, StorageFullError, UnavailableError
from memory_core.types import EmbeddingState, EmbeddingStatus
from support import embedders
from support.stores import ObservedStore

LONG_S = 60.0  # longer than anything here takes; reached only when something is broken
AT_ONCE = Pause(first_s=0.001, longest_s=0.001)
NEVER = Pause(first_s=1e6, longest_s=1e6)
Load = Callable[[], Embedder]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def load(cache: Path) -> Load:
    return lambda: embedders.onnx(cache)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObservedStore]:
    opened = ObservedStore(tmp_path)
    yield opened
    opened.close()


def a_queue(store: ObservedStore, load: Load | None, *, pauses: Pauses | None = None) -> EmbeddingQueue:
    """Of the embedder "one" that `load` loads; null: off."""

    def loaded(spec: str) -> Embedder:
        assert load is not None
        assert spec == "one"
        return load()

    return EmbeddingQueue(store, loaded, indexed_text, embedder=None if load is None else "one", pauses=pauses)


class Queues:
    """Makes queues and closes them."""

    def __init__(self, store: ObservedStore) -> None:
        self._store = store
        self._opened: list[EmbeddingQueue] = []

    def __call__(self, load: Load | None, *, pauses: Pauses | None = None) -> EmbeddingQueue:
        queue = a_queue(self._store, load, pauses=pauses)
        self._opened.append(queue)
        queue.start()
        return queue

    def close(self) -> None:
        for queue in self._opened:
            queue.close()


@pytest.fixture
def started(store: ObservedStore) -> Iterator[Queues]:
    queues = Queues(store)
    yield queues
    queues.close()


async def ready(queue: EmbeddingQueue) -> EmbeddingStatus:
    assert await queue.query_vector("anything", wait_s=LONG_S) is not None
    return queue.status()


async def taken(store: ObservedStore) -> set[int]:
    """The next revisions that the store has taken vectors of."""
    return await asyncio.to_thread(store.taken.get, timeout=LONG_S)


class Gate:
    """A load that waits until it is let through, and counts."""

    def __init__(self, load: Load, *failures: Exception) -> None:
        self._load = load
        self._failures = list(failures)
        self.open = threading.Event()
        self.calls: list[float] = []

    def __call__(self) -> Embedder:
        self.open.wait(LONG_S)
        self.calls.append(time.monotonic())
        if self._failures:
            raise self._failures.pop(0)
        return self._load()


async def test_what_was_stored_before_the_model_was_there_gets_its_vectors(
    store: ObservedStore, started: Queues, load: Load
) -> None:
    memories = store.add("We deploy on Fridays", "The cat sleeps")

    queue = started(load)
    await ready(queue)
    await queue.settle(wait_s=LONG_S)

    status = queue.status()
    assert (status.state, status.pending, status.failed, status.detail) == (EmbeddingState.READY, 0, 0, None)
    assert (status.model, status.dimension) == ("all-MiniLM-L6-v2", 384)
    assert all(store.vectors_of(memory.id) is not None for memory in memories)


async def test_a_search_beside_a_steady_writer_waits_for_what_was_stored_before_it_and_no_longer(
    store: ObservedStore, started: Queues, load: Load
) -> None:
    """Whoever writes all the time would else hold up every search until its patience ends."""
    queue = started(load)
    await ready(queue)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            if store.count_pending() < 2 * PAGE - 8:  # there is always another page to embed, and never much
                store.add(*(f"one more memory {uuid4().hex}" for _ in range(8)))
                queue.notify()

    writing = asyncio.create_task(asyncio.to_thread(write))
    try:
        await taken(store)
        for _ in range(5):
            await asyncio.wait_for(queue.settle(wait_s=10 * LONG_S), LONG_S / 2)
    finally:
        stop.set()
        await writing


async def test_what_is_stored_later_can_be_found_once_it_is_settled(
    store: ObservedStore, started: Queues, load: Load
) -> None:
    queue = started(load)
    await ready(queue)

    for number in range(5):
        (memory,) = store.add(f"memory number {number}")
        queue.notify()
        await queue.settle(wait_s=LONG_S)
        assert store.vectors_of(memory.id) is not None


async def test_a_search_waits_for_a_model_that_is_loading(store: ObservedStore, started: Queues, load: Load) -> None:
    gate = Gate(load)
    queue = started(gate)
    assert queue.status().state is EmbeddingState.LOADING

    asked = asyncio.create_task(queue.query_vector("hello", wait_s=LONG_S))
    await asyncio.sleep(0)
    gate.open.set()

    assert (await asked) is not None


async def test_a_search_waits_no_longer_than_it_was_told(store: ObservedStore, started: Queues, load: Load) -> None:
    gate = Gate(load)
    queue = started(gate)

    assert await queue.query_vector("hello", wait_s=0.01) is None
    assert await queue.query_vector("hello", wait_s=0.0) is None
    await queue.settle(wait_s=0.01)

    gate.open.set()
    await ready(queue)


async def test_nobody_waits_for_a_model_that_takes_long(
    store: ObservedStore, started: Queues, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is being downloaded; with a wait, each search would take the whole of it for minutes."""
    monkeypatch.setattr(embedding, "PATIENCE_S", 0.0)
    gate = Gate(load)
    queue = started(gate)

    assert await queue.query_vector("hello", wait_s=LONG_S) is None
    await queue.settle(wait_s=LONG_S)

    gate.open.set()


async def test_the_loop_runs_on_while_a_model_loads_and_a_query_is_embedded(
    store: ObservedStore, started: Queues, load: Load
) -> None:
    queue = started(load)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    await ready(queue)
    turning.cancel()

    assert turns > 100


async def test_a_query_asked_again_is_answered_from_memory(store: ObservedStore, started: Queues, load: Load) -> None:
    queue = started(load)

    first = await queue.query_vector("hello", wait_s=LONG_S)
    second = await queue.query_vector("hello", wait_s=LONG_S)

    assert first is second
    assert first is not None
    assert not first.numbers.flags.writeable


async def test_without_a_model_nobody_waits_and_the_status_says_off(store: ObservedStore, started: Queues) -> None:
    store.add("We deploy on Fridays")
    queue = started(None)

    assert await queue.query_vector("hello", wait_s=LONG_S) is None
    await queue.settle(wait_s=LONG_S)
    queue.notify()
    queue.retry()

    assert queue.status() == EmbeddingStatus(state=EmbeddingState.OFF)
    assert queue.model is None


async def test_a_model_that_cannot_be_had_is_said_with_its_sentence_and_tried_again(
    store: ObservedStore, started: Queues, load: Load
) -> None:
    store.add("We deploy on Fridays")
    gate = Gate(load, ModelUnavailableError("There is no model here; get one"))
    gate.open.set()
    queue = started(gate, pauses=Pauses(model=NEVER))

    assert await queue.query_vector("hello", wait_s=LONG_S) is None
    status = queue.status()
    assert (status.state, status.detail) == (EmbeddingState.UNAVAILABLE, "There is no model here; get one")
    assert status.pending == 1

    queue.notify()  # a new memory is no reason to load again
    queue.retry()
    assert (await ready(queue)).detail is None
    assert len(gate.calls) == 2


async def test_a_model_is_tried_again_by_itself_after_a_pause(
    store: ObservedStore, started: Queues, load: Load
) -> None:
    store.add("We deploy on Fridays")
    gate = Gate(load, ModelUnavailableError("not yet"), RuntimeError("nor now"))
    gate.open.set()

    started(gate, pauses=Pauses(model=AT_ONCE))

    assert len(await taken(store)) == 1
    assert len(gate.calls) == 3


async def test_an_unexpected_error_of_a_models_library_is_shown(
    store: ObservedStore, started: Queues, load: Load
) -> None:
    gate = Gate(load, RuntimeError("the library is broken"))
    gate.open.set()
    queue = started(gate, pauses=Pauses(model=NEVER))

    assert await queue.query_vector("hello", wait_s=LONG_S) is None

    assert queue.status().detail == "The embedding model could not be loaded: the library is broken"


async def test_a_full_store_loses_no_embedding(store: ObservedStore, started: Queues, load: Load) -> None:
    store.refusals = [StorageFullError("The disk is full"), UnavailableError("The file is in use")]
    (memory,) = store.add("We deploy on Fridays")

    queue = started(load, pauses=Pauses(store=AT_ONCE))

    assert len(await taken(store)) == 1
    assert store.vectors_of(memory.id) is not None
    await queue.settle(wait_s=LONG_S)
    assert queue.status().failed == 0


async def test_trouble_with_the_store_is_said_and_nobody_waits_for_its_end(
    store: ObservedStore, started: Queues, load: Load
) -> None:
    store.refusals = [StorageFullError("The disk is full")]
    store.add("We deploy on Fridays")
    queue = started(load, pauses=Pauses(store=NEVER))

    await ready(queue)
    await queue.settle(wait_s=LONG_S)

    status = queue.status()
    assert (status.state, status.pending, status.detail) == (EmbeddingState.READY, 1, "The disk is full")
    queue.retry()
    assert len(await taken(store)) == 1


class Poisoned:
    """The real embedder, but for one text; `tried` is set when it has met that."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.poison: str | None = "poison"
        self.tried = threading.Event()
        self.model = embedder.model
        self.pieces = embedder.pieces
        self.embed_query = embedder.embed_query
        self.close = embedder.close

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.poison and any(self.poison in text for text in texts):
            self.tried.set()
            raise ValueError("this text cannot be")
        return self._embedder.embed(texts)


async def test_a_memory_that_cannot_be_embedded_is_counted_and_no_reason_to_wait(
    store: ObservedStore, started: Queues, load: Load
) -> None:
    store.add("good", "poison", "good too")
    queue = started(lambda: Poisoned(load()), pauses=Pauses(memory=NEVER))

    await ready(queue)
    await queue.settle(wait_s=LONG_S)
    await queue.settle(wait_s=LONG_S)

    status = queue.status()
    assert (status.state, status.pending, status.failed) == (EmbeddingState.READY, 1, 1)
    assert status.detail == "1 memory could not be embedded; the log says why, they are retried"


async def test_a_memory_that_failed_is_tried_again_by_itself(store: ObservedStore, started: Queues, load: Load) -> None:
    store.add("poison")
    poisoned = Poisoned(load())
    started(lambda: poisoned, pauses=Pauses(memory=AT_ONCE))
    assert await asyncio.to_thread(poisoned.tried.wait, LONG_S)

    poisoned.poison = None

    assert len(await taken(store)) == 1


async def test_much_work_is_not_waited_for(store: ObservedStore, started: Queues, load: Load) -> None:
    store.add(*(f"memory number {number}" for number in range(embedding.LITTLE_WORK + 100)))
    queue = started(load)
    await ready(queue)

    await queue.settle(wait_s=LONG_S)

    assert queue.status().pending > 0


async def test_closing_leaves_what_is_not_done_for_the_next_start(
    store: ObservedStore, started: Queues, load: Load
) -> None:
    store.add(*(f"memory number {number}" for number in range(40)))
    slow = Slow(load())
    queue = started(lambda: slow)
    assert await asyncio.to_thread(slow.begun.wait, LONG_S)

    closing = asyncio.create_task(asyncio.to_thread(queue.close))
    await asyncio.to_thread(_wait_until_closing, queue)
    slow.go_on.set()
    await closing

    assert store.count_pending() == 40 - BATCH  # the batch under way was saved, and no other begun
    queue = started(load)
    await ready(queue)
    await queue.settle(wait_s=LONG_S)
    assert queue.status().pending == 0


class Slow(Poisoned):
    """The real embedder, which waits in the middle of its first batch of memories."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__(embedder)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not any("memory number" in text for text in texts):
            return super().embed(texts)  # what every model is asked when it is loaded
        self.begun.set()
        self.go_on.wait(LONG_S)
        return super().embed(texts)


def _wait_until_closing(queue: EmbeddingQueue) -> None:
    with queue._changed:
        assert queue._changed.wait_for(lambda: queue._closing, LONG_S)


async def test_a_queue_closed_while_its_model_loads_lets_its_callers_go(
    store: ObservedStore, started: Queues, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "CLOSE_S", 0.01)
    gate = Gate(load)
    queue = started(gate)
    asked = asyncio.create_task(queue.query_vector("hello", wait_s=LONG_S))
    await asyncio.sleep(0)

    await asyncio.to_thread(queue.close)

    assert await asked is None
    gate.open.set()


def test_a_queue_that_was_never_started_closes(store: ObservedStore, load: Load) -> None:
    a_queue(store, load).close()


async def test_another_model_embeds_everything_anew(store: ObservedStore, started: Queues, load: Load) -> None:
    (memory,) = store.add("We deploy on Fridays")
    queue = started(load)
    await ready(queue)
    await queue.settle(wait_s=LONG_S)
    queue.close()

    other = Renamed(load())
    queue = started(lambda: other)
    await ready(queue)
    await queue.settle(wait_s=LONG_S)

    assert queue.model == other.model
    assert queue.status().pending == 0
    assert store.vectors_of(memory.id) is not None


class Renamed(Poisoned):
    """The same vectors under another name."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__(embedder)
        self.poison = None
        self.model = replace(embedder.model, revision="another")
