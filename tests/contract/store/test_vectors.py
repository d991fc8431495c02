"""Vectors belong to one model and one revision, and what lacks them is known."""

import numpy as np
import pytest
from msgspec.structs import replace

from memory_core.engine.ports import ModelIdentity, Store
from memory_core.errors import InvalidError
from memory_core.types import Scope
from support.entries import (
    MODEL,
    OTHER_MODEL,
    START,
    embed,
    entry,
    probe,
    random_vectors,
)


@pytest.mark.parametrize("dimension", [1, 63, 64, 65, 384])
def test_vectors_of_any_dimension_come_back_exactly(store: Store, dimension: int) -> None:
    model = ModelIdentity(name="m", revision="r", dimension=dimension)
    store.use_model(model)
    kept = [entry(f"memory {number}") for number in range(3)]
    store.insert(kept)
    vectors = {one.memory.id: random_vectors(n, n + 1, dimension) for n, one in enumerate(kept)}
    embed(store, vectors)

    for memory_id, rows in vectors.items():
        back = store.vectors_of(memory_id)
        assert back is not None
        assert back.dtype == np.float32
        assert np.array_equal(back, rows)
    found = store.candidates(probe(vector=vectors[kept[0].memory.id][0], model=model), Scope())
    assert {candidate.memory.id: candidate.cosine for candidate in found}[kept[0].memory.id] == pytest.approx(1)


def test_pending_gives_the_newest_first_and_leaves_out_what_it_is_told(store: Store) -> None:
    store.insert([entry("old"), entry("gone", deleted_at=START)])
    store.insert([entry("new")])

    assert [pending.memory.content for pending in store.pending(limit=9)] == ["new", "old"]
    (newest,) = store.pending(limit=1)
    assert [pending.memory.content for pending in store.pending(limit=9, exclude=[newest.doc])] == ["old"]
    assert store.count_pending() == 2


def test_another_model_starts_from_nothing_and_the_first_comes_back_with_its_vectors(store: Store) -> None:
    kept = entry("words")
    store.insert([kept])
    store.use_model(MODEL)
    embed(store, {kept.memory.id: random_vectors(1)})

    store.use_model(OTHER_MODEL)
    assert (store.count_pending(), store.vectors_of(kept.memory.id)) == (1, None)
    store.maintain()
    store.use_model(MODEL)
    assert store.count_pending() == 0
    assert np.array_equal(store.vectors_of(kept.memory.id), random_vectors(1))

    store.use_model(OTHER_MODEL)
    embed(store, {kept.memory.id: random_vectors(2, dimension=64)})
    store.maintain()
    store.use_model(MODEL)
    assert store.count_pending() == 1, "once all have vectors of the new model, the old ones are dropped"


def test_models_that_differ_in_revision_alone_do_not_share_vectors(store: Store) -> None:
    store.insert([entry()])
    store.use_model(MODEL)
    store.set_vectors({store.pending(limit=1)[0].doc: random_vectors(1)})

    store.use_model(replace(MODEL, revision="2"))

    assert store.count_pending() == 1


@pytest.mark.parametrize(
    "vectors",
    [
        pytest.param(np.zeros((1, 100), dtype=np.float32), id="of no length"),
        pytest.param(np.full((1, 100), np.nan, dtype=np.float32), id="not a number"),
        pytest.param(random_vectors(1, dimension=99), id="of another dimension"),
        pytest.param(random_vectors(1)[0], id="not a table"),
        pytest.param(random_vectors(1)[:0], id="no piece"),
    ],
)
def test_a_vector_that_cannot_be_compared_is_refused(store: Store, vectors: np.ndarray) -> None:
    store.insert([entry()])
    with pytest.raises(InvalidError):
        store.set_vectors({store.pending(limit=1)[0].doc: vectors})
    store.use_model(MODEL)
    with pytest.raises(InvalidError):
        store.set_vectors({store.pending(limit=1)[0].doc: vectors})
    assert store.count_pending() == 1
