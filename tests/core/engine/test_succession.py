"""One model follows another while people search and store: a real store, and models that a test can hold up."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from memory_core.engine import lexical
from memory_core.engine.backlog import BATCH, Pause
from memory_core.engine.embedding import EmbeddingQueue, Pauses
from memory_core.engine.ports import ModelChangedError, ModelIdentity
from memory_core.errors import ModelUnavailableError, StorageFullError
from memory_core.types import EmbeddingState, EmbeddingStatus, Memory, Scope
from support.entries import probe
from support.shelf import LONG_S, Gate, Shelf
from support.stores import ObservedStore

AT_ONCE = Pause(first_s=0.001, longest_s=0.001)
NEVER = Pause(first_s=1e6, longest_s=1e6)
PATIENT = Pauses(model=NEVER, store=NEVER, memory=NEVER)
MANY = [f"memory number {number}" for number in range(5 * BATCH)]


class WatchedStore(ObservedStore):
    """`use_refusals` are raised by the next calls of `use_model` and `prepare_model`, one each."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.use_refusals: list[Exception] = []
        self.after_use = Gate()

    def use_model(self, model: ModelIdentity, *, spec: str | None = None) -> None:
        if self.use_refusals:
            raise self.use_refusals.pop(0)
        super().use_model(model, spec=spec)
        self.after_use.go_through()

    def prepare_model(self, model: ModelIdentity | None, *, spec: str | None = None) -> None:
        if self.use_refusals:
            raise self.use_refusals.pop(0)
        super().prepare_model(model, spec=spec)

    @property
    def specs(self) -> dict[str, str | None]:
        """Which specs the store holds as "current" and "next"."""
        uses = {"current": lambda kept: kept.is_current, "next": lambda kept: kept.is_next}
        return {use: kept.spec for kept in self.models() for use, holds in uses.items() if holds(kept)}


class Desk:
    """A store in a folder, a shelf of models, and queues over both; what is opened is closed at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shelf = Shelf()
        self.store = WatchedStore(folder)
        self._queues: list[EmbeddingQueue] = []

    def start(self, embedder: str | None, *, pauses: Pauses = PATIENT) -> EmbeddingQueue:
        queue = EmbeddingQueue(self.store, self.shelf, _content, embedder=embedder, pauses=pauses)
        self._queues.append(queue)
        queue.start()
        return queue

    async def started(self, embedder: str, *, pauses: Pauses = PATIENT) -> EmbeddingQueue:
        """With vectors of everything."""
        queue = self.start(embedder, pauses=pauses)
        await serves(queue, embedder)
        return queue

    def reopen(self) -> None:
        """As after a restart: another store object over the same file."""
        self.close()
        self.store = WatchedStore(self.folder)

    def close(self) -> None:
        self.shelf.open_all()
        self.store.after_use.open()
        for queue in self._queues:
            queue.close()
        self._queues.clear()
        self.store.close()

    def has_vectors_of(self, name: str, memories: list[Memory]) -> bool:
        model = self.shelf[name].loaded[-1]
        kept = [self.store.vectors_of(memory.id) for memory in memories]
        own = [np.asarray([model.embed_query(memory.content)]) for memory in memories]
        return all(one is not None and np.array_equal(one, other) for one, other in zip(kept, own, strict=True))


def _content(memory: Memory) -> str:
    return memory.content


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.close()


async def holds(condition: Callable[[], bool]) -> None:
    """Until it does; there is no event for what a thread is to come to."""
    async with asyncio.timeout(LONG_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def until(queue: EmbeddingQueue, condition: Callable[[EmbeddingStatus], bool]) -> EmbeddingStatus:
    seen: list[EmbeddingStatus] = []

    def fits() -> bool:
        seen.append(queue.status())
        return condition(seen[-1])

    await holds(fits)
    return seen[-1]


async def serves(queue: EmbeddingQueue, embedder: str) -> EmbeddingStatus:
    """Until that one is in use and all have its vectors, as far as they can."""
    return await until(
        queue,
        lambda status: (
            status.embedder == embedder and status.state is EmbeddingState.READY and status.pending <= status.failed
        ),
    )


async def reached(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.reached.wait, LONG_S)


async def model_of_a_query(queue: EmbeddingQueue) -> str | None:
    vector = await queue.query_vector("anything", wait_s=LONG_S)
    return None if vector is None else vector.model.name


def next_of(status: EmbeddingStatus) -> tuple[str, EmbeddingState, str | None] | None:
    return None if status.next is None else (status.next.embedder, status.next.state, status.next.detail)


# ── Taking over ──


async def test_the_next_model_takes_over_when_it_has_vectors_of_everything(desk: Desk) -> None:
    memories = desk.store.add(*MANY)
    queue = await desk.started("a")
    assert desk.has_vectors_of("a", memories)

    queue.use("b")
    status = await serves(queue, "b")

    assert (status.model, status.next, status.detail) == ("b", None, None)
    assert desk.has_vectors_of("b", memories)
    assert desk.shelf["a"].loaded[0].closed.is_set()
    assert sorted(desk.shelf["b"].embedded) == sorted(MANY)


async def test_while_the_next_model_loads_the_one_in_use_answers_and_embeds(desk: Desk) -> None:
    """A download takes minutes; what is stored meanwhile is to be found by meaning at once."""
    queue = await desk.started("a")
    desk.shelf["b"].may_load.hold()
    queue.use("b")
    await reached(desk.shelf["b"].may_load)
    (memory,) = desk.store.add("stored meanwhile")
    queue.notify()

    await queue.settle(wait_s=LONG_S)

    status = queue.status()
    assert (status.embedder, status.state, status.pending, status.detail) == ("a", EmbeddingState.READY, 0, None)
    assert next_of(status) == ("b", EmbeddingState.LOADING, None)
    assert await model_of_a_query(queue) == "a"
    assert desk.has_vectors_of("a", [memory])
    desk.shelf["b"].may_load.open()
    await serves(queue, "b")
    assert desk.has_vectors_of("b", [memory])


async def test_what_is_stored_while_the_next_model_embeds_gets_vectors_of_the_one_in_use_first(desk: Desk) -> None:
    desk.store.add(*MANY)
    queue = await desk.started("a")
    gate = desk.shelf["b"].may_embed
    gate.hold()
    queue.use("b")
    await reached(gate)
    (memory,) = desk.store.add("stored meanwhile")
    queue.notify()

    gate.release()  # one batch; then it is held up again
    await queue.settle(wait_s=LONG_S)

    assert desk.has_vectors_of("a", [memory])
    status = await until(queue, lambda status: status.next is not None and status.next.pending < len(MANY) + 1)
    assert status.pending == 0
    assert status.next is not None
    assert (status.next.state, status.next.model, status.next.pending) == (EmbeddingState.READY, "b", 4 * BATCH + 1)
    gate.open()
    await serves(queue, "b")
    assert desk.has_vectors_of("b", [memory])


async def test_a_search_compares_a_query_with_vectors_of_its_own_model_or_not_at_all(desk: Desk) -> None:
    desk.store.add(*MANY)
    queue = await desk.started("a")
    of_a = await queue.query_vector("memory number 7", wait_s=LONG_S)
    assert of_a is not None

    def best(vector: np.ndarray, model: ModelIdentity) -> tuple[str, float | None]:
        found = desk.store.candidates(probe(vector=vector, model=model), Scope())
        first = max(found, key=lambda candidate: candidate.cosine or 0.0)
        return first.memory.content, first.cosine

    assert best(of_a.numbers, of_a.model) == ("memory number 7", pytest.approx(1, abs=1e-5))

    queue.use("b")
    await serves(queue, "b")

    with pytest.raises(ModelChangedError):
        best(of_a.numbers, of_a.model)
    of_b = await queue.query_vector("memory number 7", wait_s=LONG_S)
    assert of_b is not None
    assert of_b.model.name == "b"
    assert best(of_b.numbers, of_b.model) == ("memory number 7", pytest.approx(1, abs=1e-5))


async def test_who_is_told_that_the_model_changed_can_wait_until_queries_follow(desk: Desk) -> None:
    """The store changes first; a query embedded in between would be refused a second time."""
    desk.store.add(*MANY)
    queue = await desk.started("a")
    desk.store.after_use.hold()
    queue.use("b")
    await reached(desk.store.after_use)
    assert await model_of_a_query(queue) == "a"

    waiting = asyncio.create_task(queue.wait_for_change())
    desk.store.after_use.open()
    await waiting

    assert await model_of_a_query(queue) == "b"


async def test_the_same_weights_under_another_name_take_over_without_embedding_anything_anew(desk: Desk) -> None:
    desk.store.add(*MANY)
    queue = await desk.started("a")
    desk.shelf["copy of a"].same_as = "a"

    queue.use("copy of a")
    await serves(queue, "copy of a")

    assert desk.shelf["copy of a"].embedded == []
    assert desk.store.specs == {"current": "copy of a"}
    assert desk.shelf["a"].loaded[0].closed.is_set()
    desk.store.add("stored later")
    queue.notify()
    await queue.settle(wait_s=LONG_S)
    assert desk.shelf["copy of a"].embedded == ["stored later"]


# ── Changing one's mind ──


async def test_choosing_the_one_in_use_again_gives_up_the_one_that_loads(desk: Desk) -> None:
    queue = await desk.started("a")
    desk.shelf["b"].may_load.hold()
    queue.use("b")
    await reached(desk.shelf["b"].may_load)

    queue.use("a")
    desk.shelf["b"].may_load.open()

    status = await serves(queue, "a")
    assert status.next is None
    await _until_closed(desk, "b")
    assert desk.store.specs == {"current": "a"}
    assert desk.shelf.loads == ["a", "b"], "the one in use is not loaded again"


async def test_choosing_the_one_in_use_again_gives_up_the_one_that_embeds(desk: Desk) -> None:
    memories = desk.store.add(*MANY)
    queue = await desk.started("a")
    desk.shelf["b"].may_embed.hold()
    queue.use("b")
    await reached(desk.shelf["b"].may_embed)

    queue.use("a")
    desk.shelf["b"].may_embed.open()
    await _until_closed(desk, "b")
    status = await serves(queue, "a")

    assert status.next is None
    assert desk.store.specs == {"current": "a"}
    assert desk.shelf.loads == ["a", "b"]
    assert desk.has_vectors_of("a", memories)


async def test_a_model_chosen_while_another_loads_does_not_wait_for_that(desk: Desk) -> None:
    desk.store.add(*MANY)
    queue = await desk.started("a")
    desk.shelf["b"].may_load.hold()
    queue.use("b")
    await reached(desk.shelf["b"].may_load)

    queue.use("c")
    await serves(queue, "c")

    assert {kept.spec for kept in desk.store.models()} == {"a", "c"}
    desk.shelf["b"].may_load.open()
    await _until_closed(desk, "b")


async def test_a_model_chosen_while_another_embeds_takes_its_place(desk: Desk) -> None:
    memories = desk.store.add(*MANY)
    queue = await desk.started("a")
    desk.shelf["b"].may_embed.hold()
    queue.use("b")
    await reached(desk.shelf["b"].may_embed)

    queue.use("c")
    desk.shelf["b"].may_embed.open()
    await serves(queue, "c")

    assert desk.has_vectors_of("c", memories)
    assert len(desk.shelf["b"].embedded) <= BATCH
    assert desk.store.specs == {"current": "c"}
    desk.store.maintain()
    assert [kept.spec for kept in desk.store.models()] == ["c"]


async def test_the_failure_of_a_model_that_nobody_wants_any_more_holds_up_no_other(desk: Desk) -> None:
    queue = await desk.started("a")
    desk.shelf["b"].may_load.hold()
    desk.shelf["b"].failures = [ModelUnavailableError("There is no b here")]
    queue.use("b")
    await reached(desk.shelf["b"].may_load)

    queue.use("c")
    desk.shelf["b"].may_load.open()

    assert (await serves(queue, "c")).detail is None


async def _until_closed(desk: Desk, name: str) -> None:
    """Loading it may have been under way."""
    await holds(lambda: bool(desk.shelf[name].loaded))
    assert await asyncio.to_thread(desk.shelf[name].loaded[-1].closed.wait, LONG_S)


# ── What goes wrong ──


async def test_a_next_model_that_cannot_be_loaded_is_said_and_searches_go_on(desk: Desk) -> None:
    (memory,) = desk.store.add("stored before")
    queue = await desk.started("a")
    desk.shelf["b"].failures = [ModelUnavailableError("There is no b here; get one")]
    queue.use("b")

    status = await until(queue, lambda status: bool(status.next and status.next.detail))

    assert next_of(status) == ("b", EmbeddingState.UNAVAILABLE, "There is no b here; get one")
    assert (status.state, status.embedder, status.detail) == (EmbeddingState.READY, "a", None)
    assert await model_of_a_query(queue) == "a"
    (later,) = desk.store.add("stored meanwhile")
    queue.notify()
    await queue.settle(wait_s=LONG_S)
    assert desk.has_vectors_of("a", [memory, later])

    queue.use("a")
    assert (await serves(queue, "a")).next is None


async def test_a_next_model_that_could_not_be_loaded_is_tried_again_by_itself(desk: Desk) -> None:
    queue = await desk.started("a", pauses=Pauses(model=AT_ONCE))
    desk.shelf["b"].failures = [ModelUnavailableError("not yet"), RuntimeError("nor now")]

    queue.use("b")

    assert (await serves(queue, "b")).detail is None
    assert desk.shelf.loads == ["a", "b", "b", "b"]


async def test_a_memory_that_no_model_can_embed_does_not_hold_up_the_next(desk: Desk) -> None:
    desk.store.add("poison")
    desk.shelf["a"].poison = desk.shelf["b"].poison = "poison"
    queue = await desk.started("a")

    queue.use("b")

    status = await serves(queue, "b")
    assert (status.pending, status.failed) == (1, 1)


async def test_a_few_memories_that_only_the_next_model_fails_with_do_not_hold_it_up(desk: Desk) -> None:
    desk.store.add(*MANY, "poison")
    queue = await desk.started("a")
    desk.shelf["b"].poison = "poison"

    queue.use("b")

    status = await serves(queue, "b")
    assert (status.pending, status.failed) == (1, 1)
    assert status.detail == "1 memory could not be embedded; the log says why, they are retried"


async def test_a_model_that_fails_with_most_memories_does_not_take_over(desk: Desk) -> None:
    """Search by meaning would be gone, without anyone having asked for that."""
    memories = desk.store.add(*MANY[:5])
    queue = await desk.started("a")
    desk.shelf["b"].broken = ValueError("this model is broken")

    queue.use("b")
    status = await until(queue, lambda status: bool(status.next and status.next.state is EmbeddingState.UNAVAILABLE))

    assert status.next is not None
    assert status.next.detail == "5 of 5 memories could not be embedded; the log says why, they are retried"
    assert (status.embedder, status.detail) == ("a", None)
    assert desk.has_vectors_of("a", memories)
    desk.shelf["b"].broken = None
    queue.retry()
    assert (await serves(queue, "b")).detail is None


async def test_a_next_model_that_is_away_for_a_while_keeps_no_memory_from_the_one_in_use(desk: Desk) -> None:
    desk.store.add(*MANY)
    queue = await desk.started("a")
    desk.shelf["b"].broken = ModelUnavailableError("the endpoint is away")
    queue.use("b")
    status = await until(queue, lambda status: bool(status.next and status.next.detail))
    assert next_of(status) == ("b", EmbeddingState.READY, "the endpoint is away")
    assert status.detail is None

    (memory,) = desk.store.add("stored meanwhile")
    queue.notify()
    await queue.settle(wait_s=LONG_S)

    assert desk.has_vectors_of("a", [memory])
    desk.shelf["b"].broken = None
    queue.retry()
    await serves(queue, "b")


async def test_a_model_in_use_that_is_away_does_not_keep_the_next_from_taking_over(desk: Desk) -> None:
    """It may be the very reason for the change."""
    queue = await desk.started("a")
    desk.shelf["a"].broken = ModelUnavailableError("the endpoint is away")
    memories = desk.store.add(*MANY)
    queue.notify()
    assert (await until(queue, lambda status: bool(status.detail))).detail == "the endpoint is away"

    queue.use("b")

    assert (await serves(queue, "b")).detail is None
    assert desk.has_vectors_of("b", memories)


async def test_a_store_that_is_full_delays_the_hand_over_and_loses_nothing(desk: Desk) -> None:
    memories = desk.store.add(*MANY)
    queue = await desk.started("a")
    desk.shelf["b"].may_embed.hold()
    queue.use("b")
    await reached(desk.shelf["b"].may_embed)
    desk.store.use_refusals = [StorageFullError("the disk is full")]
    desk.shelf["b"].may_embed.open()

    status = await until(queue, lambda status: bool(status.next and status.next.detail))

    assert next_of(status) == ("b", EmbeddingState.READY, "the disk is full")
    assert status.embedder == "a"
    assert await model_of_a_query(queue) == "a"
    assert desk.has_vectors_of("a", memories)
    queue.retry()
    await serves(queue, "b")
    assert len(desk.shelf["b"].embedded) == len(MANY)


async def test_a_store_that_is_full_when_the_next_model_is_loaded_is_tried_again(desk: Desk) -> None:
    queue = await desk.started("a")
    desk.store.use_refusals = [StorageFullError("the disk is full")]

    queue.use("b")
    status = await until(queue, lambda status: bool(status.next and status.next.detail))

    assert next_of(status) == ("b", EmbeddingState.UNAVAILABLE, "the disk is full")
    queue.retry()
    await serves(queue, "b")
    assert desk.shelf.loads == ["a", "b"], "it was loaded already"


# ── Off and on ──


async def test_switched_off_and_on_again_nothing_is_embedded_anew(desk: Desk) -> None:
    desk.store.add(*MANY)
    queue = await desk.started("a")

    queue.use(None)
    assert queue.status() == EmbeddingStatus(state=EmbeddingState.OFF)
    assert await asyncio.to_thread(desk.shelf["a"].loaded[0].closed.wait, LONG_S)
    assert await queue.query_vector("anything", wait_s=LONG_S) is None
    await queue.settle(wait_s=LONG_S)
    desk.store.add("stored meanwhile")
    queue.notify()

    queue.use("a")
    await serves(queue, "a")
    assert sorted(desk.shelf["a"].embedded) == sorted([*MANY, "stored meanwhile"])


async def test_switched_off_a_store_has_no_next_model(desk: Desk) -> None:
    desk.store.add(*MANY)
    queue = await desk.started("a")
    desk.shelf["b"].may_embed.hold()
    queue.use("b")
    await reached(desk.shelf["b"].may_embed)

    queue.use(None)
    desk.shelf["b"].may_embed.open()
    await _until_closed(desk, "b")

    await holds(lambda: desk.store.specs == {"current": "a"})


async def test_another_model_switched_on_lets_the_one_before_serve_first(desk: Desk) -> None:
    desk.store.add(*MANY)
    queue = await desk.started("a")
    queue.use(None)
    assert await asyncio.to_thread(desk.shelf["a"].loaded[0].closed.wait, LONG_S)

    desk.shelf["b"].may_load.hold()
    queue.use("b")

    assert await model_of_a_query(queue) == "a"
    desk.shelf["b"].may_load.open()
    await serves(queue, "b")


async def test_who_waits_for_a_model_is_let_go_when_it_is_switched_off(desk: Desk) -> None:
    desk.shelf["a"].may_load.hold()
    queue = desk.start("a")
    await reached(desk.shelf["a"].may_load)
    asked = asyncio.create_task(queue.query_vector("anything", wait_s=1e6))
    await asyncio.sleep(0)

    queue.use(None)

    assert await asyncio.wait_for(asked, LONG_S) is None


class RestingQueue(EmbeddingQueue):
    """Counts how often its thread rests."""

    rests = 0

    def _rest(self, pause_s: float | None) -> None:
        self.rests += 1
        super()._rest(pause_s)


async def test_a_queue_that_is_off_rests_whatever_is_stored(desk: Desk) -> None:
    """It once spun from the first memory on that was stored without a model."""
    queue = RestingQueue(desk.store, desk.shelf, _content, embedder="a", pauses=PATIENT)
    queue.start()
    await serves(queue, "a")
    queue.use(None)
    assert await asyncio.to_thread(desk.shelf["a"].loaded[0].closed.wait, LONG_S)
    queue.notify()

    for _ in range(200):
        queue.status()
        await asyncio.sleep(0)
    queue.close()

    assert queue.rests < 20


# ── Restarts ──


async def test_closed_halfway_and_opened_again_it_goes_on_without_doing_anything_twice(desk: Desk) -> None:
    memories = desk.store.add(*MANY)
    queue = await desk.started("a")
    gate = desk.shelf["b"].may_embed
    gate.hold()
    queue.use("b")
    await reached(gate)
    closing = asyncio.create_task(asyncio.to_thread(queue.close))
    await asyncio.to_thread(_wait_until_closing, queue)
    gate.release()
    await closing

    desk.reopen()
    gate.hold()
    queue = desk.start("b")
    await reached(gate)
    status = queue.status()
    assert (status.embedder, status.pending) == ("a", 0)
    assert status.next is not None
    assert status.next.pending == len(MANY) - BATCH, "the batch under way was kept"
    assert await model_of_a_query(queue) == "a"
    gate.open()
    await serves(queue, "b")

    assert desk.has_vectors_of("b", memories)
    assert sorted(desk.shelf["b"].embedded) == sorted(MANY)


def _wait_until_closing(queue: EmbeddingQueue) -> None:
    with queue._changed:
        assert queue._changed.wait_for(lambda: queue._closing, LONG_S)


async def test_closed_while_the_next_model_loads_it_is_taken_up_at_the_next_start(desk: Desk) -> None:
    memories = desk.store.add(*MANY)
    queue = await desk.started("a")
    desk.shelf["b"].may_load.hold()
    queue.use("b")
    await reached(desk.shelf["b"].may_load)
    closing = asyncio.create_task(asyncio.to_thread(queue.close))
    await asyncio.to_thread(_wait_until_closing, queue)
    desk.shelf["b"].may_load.open()
    await closing
    assert desk.shelf["b"].loaded[-1].closed.is_set()

    desk.reopen()
    await desk.started("b")

    assert desk.has_vectors_of("b", memories)


async def test_started_with_another_model_the_one_before_serves_until_that_has_caught_up(desk: Desk) -> None:
    desk.store.add(*MANY)
    await desk.started("a")
    desk.reopen()

    desk.shelf["b"].may_load.hold()
    queue = desk.start("b")

    assert await model_of_a_query(queue) == "a", "who asks while it loads need not wait for the other"
    assert next_of(queue.status()) == ("b", EmbeddingState.LOADING, None)
    desk.shelf["b"].may_load.open()
    await serves(queue, "b")


async def test_started_with_another_model_where_the_one_before_is_gone_that_one_serves_as_far_as_it_is(
    desk: Desk,
) -> None:
    desk.store.add(*MANY)
    await desk.started("a")
    desk.reopen()
    desk.shelf["a"].failures = [ModelUnavailableError("a was removed")]
    desk.shelf["b"].may_load.hold()

    queue = desk.start("b")
    await reached(desk.shelf["b"].may_load)
    assert await queue.query_vector("anything", wait_s=0.0) is None
    status = queue.status()
    assert (status.state, status.embedder, status.next) == (EmbeddingState.LOADING, "b", None)
    desk.shelf["b"].may_load.open()

    await serves(queue, "b")


async def test_a_model_before_that_has_other_weights_now_is_not_used(desk: Desk) -> None:
    """Its vectors are not those in the store, whatever it is called."""
    memories = desk.store.add(*MANY)
    await desk.started("a")
    desk.reopen()
    desk.shelf["a"].revision = "2"
    desk.shelf["b"].may_load.hold()

    queue = desk.start("b")
    await reached(desk.shelf["b"].may_load)

    assert queue.model is None
    assert desk.shelf["a"].loaded[-1].closed.is_set()
    desk.shelf["b"].may_load.open()
    await serves(queue, "b")
    assert desk.has_vectors_of("b", memories)


async def test_a_next_model_that_a_restart_no_longer_asks_for_is_forgotten(desk: Desk) -> None:
    desk.store.add(*MANY)
    queue = await desk.started("a")
    desk.shelf["b"].may_embed.hold()
    queue.use("b")
    await reached(desk.shelf["b"].may_embed)
    desk.reopen()
    assert desk.store.specs == {"current": "a", "next": "b"}

    await desk.started("a")

    assert desk.store.specs == {"current": "a"}
    desk.store.maintain()
    assert [kept.spec for kept in desk.store.models()] == ["a"]


# ── Upkeep ──


async def test_upkeep_leaves_the_next_model_its_vectors_and_takes_those_of_the_one_before(desk: Desk) -> None:
    desk.store.add(*MANY)
    queue = await desk.started("a")
    gate = desk.shelf["b"].may_embed
    gate.hold()
    queue.use("b")
    await reached(gate)
    queue.notify()  # so that the batch under way is saved before there is a page of them
    gate.release()
    status = await until(queue, lambda status: bool(status.next and status.next.pending < len(MANY)))

    desk.store.maintain()

    assert queue.status().next == status.next
    gate.open()
    await serves(queue, "b")
    assert sorted(desk.shelf["b"].embedded) == sorted(MANY)
    desk.store.maintain()
    assert [(kept.spec, kept.memories) for kept in desk.store.models()] == [("b", len(MANY))]


async def test_what_is_changed_while_the_next_model_embeds_has_a_vector_of_what_it_says_now(desk: Desk) -> None:

    memories = desk.store.add(*MANY)
    queue = await desk.started("a")
    gate = desk.shelf["b"].may_embed
    gate.hold()
    queue.use("b")
    await reached(gate)
    changed = [
        desk.store.change(memory.id, lambda memory: lexical.entry(replace(memory, content=f"changed {memory.content}")))
        for memory in memories[::3]
    ]
    queue.notify()

    gate.open()
    await serves(queue, "b")

    assert desk.has_vectors_of("b", changed)
