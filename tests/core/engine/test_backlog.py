"""What happens to what is pending, call by call: no thread, a real store and the real model."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from memory_core.engine.backlog import BATCH, PAGE, Backlog, Pause
from memory_core.engine.ports import Embedder, Vectors
from memory_core.errors import InternalError, InvalidError, ModelUnavailableError, StorageFullError
from memory_core.types import Memory, Scope
from support import embedders
from support.entries import trash
from support.stores import ObservedStore

AT_ONCE = Pause(first_s=0.0, longest_s=0.0)
MUCH_LATER = Pause(first_s=3600.0, longest_s=3600.0)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedder]:
    loaded = embedders.onnx(tmp_path_factory.mktemp("models"))
    yield loaded
    loaded.close()


@pytest.fixture
def store(tmp_path: Path, embedder: Embedder) -> Iterator[ObservedStore]:
    opened = ObservedStore(tmp_path)
    opened.use_model(embedder.model)
    yield opened
    opened.close()


class Choosy:
    """The real embedder, but for texts with a certain word in them."""

    def __init__(self, embedder: Embedder, refused: str) -> None:
        self._embedder = embedder
        self.refused = refused
        self.error: Exception = ValueError("this text cannot be")
        self.sizes: list[int] = []
        self.model = embedder.model
        self.pieces = embedder.pieces
        self.embed_query = embedder.embed_query
        self.close = embedder.close

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.sizes.append(len(texts))
        if self.refused and any(self.refused in text for text in texts):
            raise self.error
        return self._embedder.embed(texts)


def backlog(store: ObservedStore, pause: Pause = MUCH_LATER) -> Backlog:
    return Backlog(store, _content, pause=pause)


def never() -> bool:
    return False


def work_off(backlog: Backlog, embedder: Embedder) -> None:
    while backlog.page(embedder, never):
        pass


def test_every_pending_memory_gets_its_own_vectors(store: ObservedStore, embedder: Embedder) -> None:
    contents = [f"memory number {number} about {'cats ' * (number % 7)}" for number in range(PAGE + 5)]
    memories = store.add(*contents)

    work_off(backlog(store), embedder)

    assert store.count_pending() == 0
    expected = embedder.embed(contents)
    for memory, vector in zip(memories, expected, strict=True):
        vectors = store.vectors_of(memory.id)
        assert vectors is not None
        np.testing.assert_allclose(vectors, [vector], atol=1e-4)


def test_a_long_memory_gets_a_vector_for_each_piece_in_order(store: ObservedStore, embedder: Embedder) -> None:
    text = "\n\n".join(f"Part {number}: " + "words and more words " * 50 for number in range(2))
    (memory,) = store.add(text)

    work_off(backlog(store), embedder)

    vectors = store.vectors_of(memory.id)
    assert vectors is not None
    np.testing.assert_allclose(vectors, embedder.embed(embedder.pieces(text)), atol=1e-4)


def test_nothing_pending_is_said_at_once(store: ObservedStore, embedder: Embedder) -> None:
    assert backlog(store).page(embedder, never) is False


def test_the_model_never_gets_more_than_a_batch(store: ObservedStore, embedder: Embedder) -> None:
    store.add("long " * 1500, *(f"short {number}" for number in range(20)))
    counting = Choosy(embedder, refused="")

    work_off(backlog(store), counting)

    assert max(counting.sizes) <= BATCH
    assert store.count_pending() == 0


def test_one_bad_memory_stops_no_other_and_is_counted(store: ObservedStore, embedder: Embedder) -> None:
    store.add(*(f"good {number}" for number in range(6)), "poison", "good again")
    work = backlog(store)

    work_off(work, Choosy(embedder, refused="poison"))

    assert (store.count_pending(), work.failed) == (1, 1)
    assert 3000 < (work.next_due() or 0) <= 3600


def test_a_failed_memory_is_tried_again_when_its_pause_is_over(store: ObservedStore, embedder: Embedder) -> None:
    store.add("poison")
    work = backlog(store, AT_ONCE)
    choosy = Choosy(embedder, refused="poison")
    assert work.page(choosy, never)
    assert (work.failed, work.next_due()) == (1, 0.0)

    choosy.refused = ""
    work_off(work, choosy)

    assert (store.count_pending(), work.failed, work.next_due()) == (0, 0, None)


def test_a_failure_that_falls_due_while_the_store_is_asked_is_not_forgotten(
    store: ObservedStore, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was left out of what the store was asked for, so its absence says nothing."""
    store.add("poison")
    work = backlog(store, MUCH_LATER)
    work_off(work, Choosy(embedder, refused="poison"))
    clock = iter([0.0])  # before it is due; after that, much later
    monkeypatch.setattr("memory_core.engine.backlog.time", SimpleNamespace(monotonic=lambda: next(clock, 1e9)))

    assert work.page(embedder, never) is False
    assert (work.failed, work.next_due()) == (1, 0.0)

    work_off(work, embedder)
    assert store.count_pending() == 0


def test_failures_that_are_forgotten_are_tried_at_once(store: ObservedStore, embedder: Embedder) -> None:
    store.add("poison")
    work = backlog(store)
    work_off(work, Choosy(embedder, refused="poison"))

    work.forget_failures()
    assert work.failed == 0
    work_off(work, embedder)

    assert store.count_pending() == 0


def test_a_failed_memory_that_was_deleted_meanwhile_counts_no_more(store: ObservedStore, embedder: Embedder) -> None:
    (memory,) = store.add("poison")
    work = backlog(store, AT_ONCE)
    work.page(Choosy(embedder, refused="poison"), never)

    trash(store, Scope(), content_contains=None, at=memory.created_at)
    work_off(work, embedder)

    assert (store.count_pending(), work.failed) == (0, 0)


def test_pauses_double_up_to_the_longest() -> None:
    pause = Pause(first_s=1.0, longest_s=60.0)

    assert [pause.after(failures) for failures in (1, 2, 3, 7, 10_000)] == [1.0, 2.0, 4.0, 60.0, 60.0]


def test_a_page_of_failures_is_the_models_fault_and_ends_the_round(store: ObservedStore, embedder: Embedder) -> None:
    """Else a broken model would put every memory of a large store aside, one page after another."""
    store.add(*(f"poison {number}" for number in range(PAGE + 1)))

    with pytest.raises(InternalError, match="could be embedded"):
        backlog(store).page(Choosy(embedder, refused="poison"), never)


def test_a_model_that_is_away_is_no_memorys_fault(store: ObservedStore, embedder: Embedder) -> None:
    """An endpoint that was down for a minute would leave them all waiting for an hour."""
    store.add("one", "two")
    work = backlog(store)
    choosy = Choosy(embedder, refused="two")
    choosy.error = ModelUnavailableError("the endpoint is away")
    with pytest.raises(ModelUnavailableError):
        work.page(choosy, never)
    assert (work.failed, choosy.sizes) == (0, [2])

    choosy.refused = ""
    work_off(work, choosy)

    assert store.count_pending() == 0


def test_vectors_that_a_full_store_cannot_take_are_kept_and_saved_later(
    store: ObservedStore, embedder: Embedder
) -> None:
    store.add("one", "two")
    work = backlog(store)
    choosy = Choosy(embedder, refused="")
    store.refusals = [StorageFullError("full"), StorageFullError("full")]
    for _ in range(2):
        with pytest.raises(StorageFullError):
            work.page(choosy, never)

    work_off(work, choosy)

    assert store.count_pending() == 0
    assert choosy.sizes == [2]  # embedded once, saved at the third try


def test_vectors_that_are_refused_for_themselves_hold_up_no_others(store: ObservedStore, embedder: Embedder) -> None:
    store.add("one", "two", "three")
    work = backlog(store)
    store.refusals = [InvalidError("one of these is wrong"), InvalidError("this one is")]

    work_off(work, embedder)

    assert (store.count_pending(), work.failed) == (1, 1)


def test_work_stops_between_batches_when_it_is_told_to(store: ObservedStore, embedder: Embedder) -> None:
    store.add("long " * 2600)
    choosy = Choosy(embedder, refused="")

    assert backlog(store).page(choosy, lambda: len(choosy.sizes) > 0) is False

    assert (choosy.sizes, store.count_pending()) == ([BATCH], 1)


def test_a_memory_whose_text_cannot_be_made_is_put_aside(store: ObservedStore, embedder: Embedder) -> None:
    store.add("one", "two")
    work = Backlog(store, _text_or_error, pause=MUCH_LATER)

    work_off(work, embedder)

    assert (store.count_pending(), work.failed) == (1, 1)


def test_the_log_names_the_memory_and_not_its_text(
    store: ObservedStore, embedder: Embedder, caplog: pytest.LogCaptureFixture
) -> None:
    (memory,) = store.add("poison with a secret")

    work_off(backlog(store), Choosy(embedder, refused="poison"))

    assert memory.id in caplog.text
    assert "secret" not in caplog.text


def _content(memory: Memory) -> str:
    return memory.content


def _text_or_error(memory: Memory) -> str:
    if memory.content == "two":
        raise ValueError("no text")
    return memory.content
