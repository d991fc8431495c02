"""A next model gets its vectors beside those in use, and what a store is told of itself it keeps."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from memory_core.engine.ports import KeptModel, ModelChangedError, ModelIdentity, Store
from memory_core.errors import InvalidError
from memory_core.types import Scope
from support.entries import MODEL, OTHER_MODEL, START, edited, embed, entry, probe, random_vectors
from support.every_store import Opener

NEXT = replace(MODEL, revision="2")  # of the same dimension: a mix-up would not be noticed by its shape


def give(store: Store, model: ModelIdentity, *, seed: int, limit: int = 100) -> list[str]:
    """Vectors of `model` to what lacks some; the contents of those."""
    pending = store.pending(limit=limit, model=model)
    vectors = {each.doc: random_vectors(seed + each.doc, dimension=model.dimension) for each in pending}
    assert store.set_vectors(vectors, model=model) == len(pending)
    return [each.memory.content for each in pending]


def uses(store: Store) -> dict[str, tuple[str | None, bool, bool, int]]:
    return {f"{m.model.name} {m.model.revision}": (m.spec, m.is_current, m.is_next, m.memories) for m in store.models()}


def test_a_store_tells_which_models_it_holds_vectors_of_and_of_how_many_memories(store: Store) -> None:
    assert list(store.models()) == []
    store.insert([entry("one"), entry("two"), entry("gone", deleted_at=START)])

    store.use_model(MODEL, spec="toy:a")
    give(store, MODEL, seed=1)
    store.prepare_model(OTHER_MODEL, spec="toy:b")
    give(store, OTHER_MODEL, seed=2, limit=1)

    assert sorted(store.models(), key=lambda kept: kept.model.name) == [
        KeptModel(model=MODEL, spec="toy:a", is_current=True, is_next=False, memories=2),
        KeptModel(model=OTHER_MODEL, spec="toy:b", is_current=False, is_next=True, memories=1),
    ]


def test_a_next_model_changes_nothing_for_searches_until_it_is_used(store: Store) -> None:
    kept = entry("words")
    store.insert([kept, entry("more words")])
    store.use_model(MODEL)
    give(store, MODEL, seed=1)
    before = store.vectors_of(kept.memory.id)
    assert before is not None
    asked = probe(vector=before[0])
    cosines = {c.memory.id: c.cosine for c in store.candidates(asked, Scope())}

    store.prepare_model(NEXT)
    assert (store.count_pending(), store.count_pending(NEXT)) == (0, 2)
    assert sorted(give(store, NEXT, seed=50)) == ["more words", "words"]

    assert (store.count_pending(), store.count_pending(NEXT), store.model()) == (0, 0, MODEL)
    assert np.array_equal(store.vectors_of(kept.memory.id), before)
    assert {c.memory.id: c.cosine for c in store.candidates(asked, Scope())} == cosines
    with pytest.raises(ModelChangedError):
        store.candidates(replace(asked, vector=replace(asked.vector, model=NEXT)), Scope())

    store.use_model(NEXT)
    assert (store.count_pending(), store.model()) == (0, NEXT)
    with pytest.raises(ModelChangedError):
        store.candidates(asked, Scope())
    after = store.vectors_of(kept.memory.id)
    assert after is not None
    assert not np.array_equal(after, before)
    found = store.candidates(probe(vector=after[0], model=NEXT), Scope())
    assert {c.memory.id: c.cosine for c in found}[kept.memory.id] == pytest.approx(1, abs=1e-5)


def test_what_a_next_model_lacks_are_the_revisions_of_now_the_newest_first(store: Store) -> None:
    first, second, third = (entry(content) for content in ("first", "second", "third"))
    store.insert([first, second, third])
    store.use_model(MODEL)
    store.prepare_model(NEXT)
    give(store, NEXT, seed=1)

    store.change(first.memory.id, edited(content="changed"))
    store.change(second.memory.id, edited(deleted_at=START))
    store.insert([entry("new")])

    assert [each.memory.content for each in store.pending(limit=9, model=NEXT)] == ["new", "changed"]
    (newest,) = store.pending(limit=1, model=NEXT)
    assert [each.memory.content for each in store.pending(limit=9, model=NEXT, exclude=[newest.doc])] == ["changed"]
    assert store.count_pending(NEXT) == 2
    store.change(second.memory.id, edited(deleted_at=None))
    assert store.count_pending(NEXT) == 2, "out of the trash it has the vector it had"


def test_vectors_for_a_revision_that_is_gone_or_has_some_are_left_out(store: Store) -> None:
    kept = entry("words")
    store.insert([kept, entry("others")])
    store.use_model(MODEL)
    store.prepare_model(NEXT)
    docs = {each.memory.content: each.doc for each in store.pending(limit=9, model=NEXT)}
    store.set_vectors({docs["others"]: random_vectors(1)}, model=NEXT)
    store.change(kept.memory.id, edited(content="changed"))

    vectors = {doc: random_vectors(2) for doc in docs.values()}
    assert store.set_vectors(vectors, model=NEXT) == 0

    assert [each.memory.content for each in store.pending(limit=9, model=NEXT)] == ["changed"]


def test_vectors_that_come_late_for_a_model_that_was_replaced_stay_apart(store: Store) -> None:
    """A batch may be under way while another model takes over."""
    store.insert([entry("words")])
    store.use_model(MODEL)
    (pending,) = store.pending(limit=1)
    store.use_model(NEXT)

    assert store.set_vectors({pending.doc: random_vectors(1)}, model=MODEL) == 1

    assert store.count_pending() == 1
    assert store.vectors_of(pending.memory.id) is None
    store.use_model(MODEL)
    assert store.count_pending() == 0


def test_an_import_leaves_behind_vectors_of_a_model_that_was_replaced_meanwhile(store: Store) -> None:
    """Which model's vectors a file has is looked at before the transaction that keeps them."""
    store.use_model(NEXT)
    one, other = entry("words"), entry("more words")

    assert store.import_entries([(one, random_vectors(1))], model=MODEL) == []
    assert store.import_entries([(other, random_vectors(2))], model=NEXT) == []

    assert [each.memory.content for each in store.pending(limit=9)] == ["words"]
    assert store.vectors_of(one.memory.id) is None
    assert np.array_equal(store.vectors_of(other.memory.id), random_vectors(2))


def test_a_store_has_one_next_model_and_none_once_it_is_used_or_given_up(store: Store) -> None:
    store.insert([entry()])
    store.use_model(MODEL, spec="toy:a")
    store.prepare_model(NEXT, spec="toy:b")
    store.prepare_model(OTHER_MODEL, spec="toy:c")
    assert uses(store) == {
        "model-a 1": ("toy:a", True, False, 0),
        "model-a 2": ("toy:b", False, False, 0),
        "model-b 1": ("toy:c", False, True, 0),
    }

    store.prepare_model(None)
    assert not any(kept.is_next for kept in store.models())

    store.prepare_model(NEXT)
    store.use_model(MODEL, spec="toy:a")
    assert not any(kept.is_next for kept in store.models()), "the one in use, used again, has no successor"

    store.prepare_model(NEXT)
    store.use_model(NEXT)
    assert uses(store)["model-a 2"] == ("toy:b", True, False, 0)


def test_upkeep_spares_a_next_model_and_drops_what_was_replaced(store: Store) -> None:
    store.insert([entry("one"), entry("two")])
    store.use_model(MODEL)
    give(store, MODEL, seed=1)
    store.prepare_model(NEXT)
    give(store, NEXT, seed=2, limit=1)

    store.maintain()
    assert (store.count_pending(), store.count_pending(NEXT)) == (0, 1)

    give(store, NEXT, seed=2)
    store.use_model(NEXT)
    store.maintain()
    assert uses(store) == {"model-a 2": (None, True, False, 2)}


def test_a_next_model_that_was_given_up_is_dropped_by_upkeep(store: Store) -> None:
    store.insert([entry()])
    store.use_model(MODEL)
    give(store, MODEL, seed=1)
    store.prepare_model(NEXT)
    give(store, NEXT, seed=2)

    store.prepare_model(None)
    store.maintain()

    assert [kept.model for kept in store.models()] == [MODEL]


def test_another_spec_for_the_model_in_use_leaves_its_vectors(store: Store) -> None:
    kept = entry()
    store.insert([kept, entry("lacks one")])
    store.use_model(MODEL, spec="toy:a")
    embed(store, {kept.memory.id: random_vectors(1)})

    store.use_model(MODEL, spec="elsewhere:a")
    store.use_model(MODEL)

    assert uses(store) == {"model-a 1": ("elsewhere:a", True, False, 1)}
    assert [each.memory.content for each in store.pending(limit=9)] == ["lacks one"]


def test_vectors_for_a_model_that_was_never_announced_are_refused(store: Store) -> None:
    store.insert([entry()])
    store.use_model(MODEL)
    (pending,) = store.pending(limit=1)

    with pytest.raises(InvalidError):
        store.set_vectors({pending.doc: random_vectors(1)}, model=NEXT)
    assert store.count_pending(NEXT) == 1


def test_models_and_notes_are_there_again_after_a_restart(opener: Opener, store: Store, tmp_path: Path) -> None:
    store.insert([entry("one"), entry("two")])
    store.use_model(MODEL, spec="toy:a")
    store.prepare_model(NEXT, spec="toy:b")
    give(store, NEXT, seed=2, limit=1)
    store.write_note("embedder", "toy:b")
    before = uses(store)
    store.close()

    again = opener(tmp_path / "data")

    assert uses(again) == before
    assert (again.count_pending(NEXT), again.note("embedder")) == (1, "toy:b")
    again.close()


def test_a_note_is_what_was_written_last_and_null_is_none(store: Store) -> None:
    assert store.note("embedder") is None
    store.write_note("embedder", None)
    store.write_note("embedder", "onnx:x")
    store.write_note("another", "ünïcode 'quoted'")
    store.write_note("embedder", "none")
    assert (store.note("embedder"), store.note("another")) == ("none", "ünïcode 'quoted'")

    store.write_note("embedder", None)
    assert (store.note("embedder"), store.note("another")) == (None, "ünïcode 'quoted'")
