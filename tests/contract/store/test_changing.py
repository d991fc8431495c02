"""Changes, revisions and the trash."""

from datetime import timedelta

import numpy as np
import pytest

from memory_core.engine.ports import Store
from memory_core.types import PurgeQuery, Scope
from support.entries import MODEL, START, edited, embed, entry, probe, random_vectors, trash


def test_a_change_is_kept_and_returned(store: Store) -> None:
    kept = entry("before", project_id="x")
    store.insert([kept])

    changed = store.change(kept.memory.id, edited(content="after", tags=("t",), project_id=None, certainty_score=1.0))

    assert changed.content == "after"
    assert store.get(kept.memory.id) == changed
    assert [one.memory for one in store.candidates(probe("after"), Scope())] == [changed]
    assert store.candidates(probe("before"), Scope()) == []


def test_an_edit_that_gives_nothing_changes_nothing(store: Store) -> None:
    kept = entry("as it was")
    store.insert([kept])

    assert store.change(kept.memory.id, lambda _: None) == kept.memory
    assert store.get(kept.memory.id) == kept.memory


def test_an_edit_that_raises_changes_nothing_and_the_store_goes_on(store: Store) -> None:
    kept = entry("as it was")
    store.insert([kept])

    with pytest.raises(ZeroDivisionError):
        store.change(kept.memory.id, lambda _: entry(str(1 // 0)))

    assert store.get(kept.memory.id) == kept.memory
    store.change(kept.memory.id, edited(content="after"))
    assert store.get(kept.memory.id).content == "after"


def test_other_words_make_a_new_revision_that_waits_for_its_vector(store: Store) -> None:
    kept = entry("dog bites man")
    store.insert([kept])
    store.use_model(MODEL)
    (before,) = store.pending(limit=5)
    store.set_vectors({before.doc: random_vectors(1)})

    store.change(kept.memory.id, edited(content="man bites dog"))

    (after,) = store.pending(limit=5)
    assert after.doc != before.doc
    assert store.vectors_of(kept.memory.id) is None
    assert store.set_vectors({before.doc: random_vectors(2)}) == 0, "an answer for the old text came too late"
    assert store.count_pending() == 1


def test_a_change_that_no_search_sees_keeps_the_vector(store: Store) -> None:
    kept = entry("same words")
    store.insert([kept])
    store.use_model(MODEL)
    embed(store, {kept.memory.id: random_vectors(1)})

    store.change(kept.memory.id, edited(source="a book", quality_score=0.1))

    assert store.count_pending() == 0
    assert np.array_equal(store.vectors_of(kept.memory.id), random_vectors(1))


def test_the_trash_is_out_of_sight_and_gives_everything_back(store: Store) -> None:
    kept, unembedded = entry("thrown away"), entry("thrown too")
    store.insert([kept, unembedded])
    store.use_model(MODEL)
    embed(store, {kept.memory.id: random_vectors(1)})
    for one in (kept, unembedded):
        store.change(one.memory.id, edited(deleted_at=START))

    assert store.candidates(probe("thrown", vector=random_vectors(1)[0]), Scope()) == []
    assert (store.newest(Scope(), limit=5), store.pending(limit=5), store.count_pending()) == ([], [], 0)

    for one in (kept, unembedded):
        store.change(one.memory.id, edited(deleted_at=None))

    assert [pending.memory.id for pending in store.pending(limit=5)] == [unembedded.memory.id]
    (found, _) = store.candidates(probe("thrown", vector=random_vectors(1)[0]), Scope())
    assert found.cosine == pytest.approx(1)


def test_a_purge_takes_what_it_showed(store: Store) -> None:
    entries = [entry(f"secret {n}" if n % 2 else f"plain {n}", minute=n, project_id="x") for n in range(10)]
    store.insert([*entries, entry("secret of another", project_id="y")])
    scope = PurgeQuery(project_id="x", created_before=START + timedelta(minutes=6))

    matched, sample = store.matching(scope, content_contains="SECRET", limit=2)
    assert (matched, [memory.content for memory in sample]) == (3, ["secret 5", "secret 3"])
    at = START + timedelta(days=1)
    assert trash(store, scope, content_contains="SECRET", at=at) == 3
    assert trash(store, scope, content_contains="SECRET", at=at) == 0, "what is in the trash stays as it is"

    thrown = store.newest(Scope(trashed=True), limit=10)
    assert [memory.content for memory in thrown] == ["secret 5", "secret 3", "secret 1"]
    assert {memory.deleted_at for memory in thrown} == {at}
    assert store.counts(Scope()).total == 8
    assert store.count_pending() == 8
