"""Another version of the analyser makes the lexical index anew, once, and touches nothing else."""

import numpy as np
import pytest
from msgspec.structs import replace

from memory_core.engine.ports import Entry, Store
from memory_core.types import Memory, Scope
from support.entries import MODEL, START, edited, embed, entry, plain_bm25, probe, random_vectors


def shouted(memory: Memory) -> Entry:
    """What a later analyser makes of a memory; in some it finds a word twice."""
    return Entry(memory=memory, terms={word.upper(): 1 + (word == "apple") for word in memory.content.split()})


def scores(store: Store, *terms: str) -> dict[str, float]:
    return {found.memory.id: found.bm25 for found in store.candidates(probe(*terms, pool=5_000), Scope()) if found.bm25}


@pytest.fixture
def entries(store: Store) -> list[Entry]:
    """More than one batch of them, the last in the trash, the first changed."""
    kept = [entry(f"apple number n{number}", minute=number) for number in range(1_100)]
    kept.append(entry("apple gone", deleted_at=START))
    store.insert(kept)
    store.use_model(MODEL)
    embed(store, {one.memory.id: random_vectors(place) for place, one in enumerate(kept[:50])})
    changed = store.change(kept[0].memory.id, edited(content="apple changed"))
    return [Entry(memory=changed, terms={}), *kept[1:]]


def test_searches_find_by_the_new_terms_and_by_no_old_one(store: Store, entries: list[Entry]) -> None:
    assert len(scores(store, "apple")) > 0

    assert store.reindex(7, shouted) == len(entries) + 1, "the text before the change is one more"

    assert scores(store, "apple", "number", "n7") == {}
    live = [shouted(one.memory) for one in entries if one.memory.deleted_at is None]
    for terms in (["APPLE"], ["N7", "CHANGED"]):
        assert scores(store, *terms) == pytest.approx(plain_bm25(live, terms))
    gone = entries[-1].memory
    store.change(gone.id, lambda memory: shouted(replace(memory, deleted_at=None)))
    assert gone.id in scores(store, "GONE"), "what was in the trash was indexed too"


def test_vectors_and_what_waits_for_some_stay_as_they_are(store: Store, entries: list[Entry]) -> None:
    waiting = {(each.doc, each.memory.id) for each in store.pending(limit=2_000)}

    store.reindex(7, shouted)

    assert {(each.doc, each.memory.id) for each in store.pending(limit=2_000)} == waiting
    for place, one in enumerate(entries[1:50], 1):
        assert np.array_equal(store.vectors_of(one.memory.id), random_vectors(place))


def test_the_same_version_does_it_once(store: Store, entries: list[Entry]) -> None:
    store.reindex(7, shouted)

    def never(memory: Memory) -> Entry:
        raise AssertionError(f"{memory.content} is analysed again")

    assert store.reindex(7, never) == 0
    assert len(scores(store, "N7")) == 1
    assert store.reindex(8, lambda memory: Entry(memory=memory, terms={"ALL": 1})) == len(entries) + 1


def test_a_change_to_what_the_new_analyser_made_is_no_new_revision_unless_the_terms_change(store: Store) -> None:
    """Its digest of terms is the new one."""
    one = entry("apple pear")
    store.insert([one])
    store.use_model(MODEL)
    embed(store, {one.memory.id: random_vectors(1)})
    store.reindex(7, shouted)

    store.change(one.memory.id, lambda memory: shouted(replace(memory, tags=("x",))))

    assert store.count_pending() == 0


def test_an_analyser_that_fails_leaves_the_old_index(store: Store, entries: list[Entry]) -> None:
    before = scores(store, "apple")

    def fails(memory: Memory) -> Entry:
        if memory.content.endswith("n1050"):
            raise ValueError("this analyser is broken")
        return shouted(memory)

    with pytest.raises(ValueError, match="broken"):
        store.reindex(7, fails)

    assert scores(store, "apple") == before
    assert scores(store, "APPLE") == {}
    assert store.reindex(7, shouted) == len(entries) + 1, "the text before the change is one more"


def test_an_empty_store_takes_the_version_over(store: Store) -> None:
    assert store.reindex(7, shouted) == 0
    store.insert([entry("apple")])

    assert store.reindex(7, shouted) == 0

    assert len(scores(store, "apple")) == 1
