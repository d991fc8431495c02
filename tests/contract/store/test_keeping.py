"""What is kept comes back exactly, and an id names one memory."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory_core.engine.ports import Store
from memory_core.errors import ConflictError, NotFoundError
from memory_core.types import Scope
from support.entries import (
    START,
    entry,
    one_of_many,
    probe,
)


def test_a_memory_comes_back_field_by_field(store: Store) -> None:
    kept = one_of_many(30)
    store.insert([kept])

    assert store.get(kept.memory.id) == kept.memory


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_text_comes_back_exactly(store: Store, content: str) -> None:
    kept = entry(content, source=content[:200], tags=(content[:100],))
    store.insert([kept])

    assert store.get(kept.memory.id) == kept.memory


def test_an_id_that_is_taken_is_refused_and_nothing_of_the_batch_is_kept(store: Store) -> None:
    first, second = entry("first"), entry("second")
    store.insert([first])

    with pytest.raises(ConflictError):
        store.insert([second, entry("again", id=first.memory.id)])

    assert store.newest(Scope(), limit=10) == [first.memory]
    assert store.candidates(probe("second"), Scope()) == []


def test_an_id_twice_in_one_batch_is_refused(store: Store) -> None:
    one = entry("one")

    with pytest.raises(ConflictError):
        store.insert([one, one])

    assert store.counts(Scope()).total == 0


def test_inserting_nothing_is_fine(store: Store) -> None:
    store.insert([])

    assert store.counts(Scope()).total == 0


def test_a_missing_id_is_said_to_be_missing(store: Store) -> None:
    for call in (store.get, store.vectors_of, lambda memory_id: store.change(memory_id, lambda _: None)):
        with pytest.raises(NotFoundError):
            call("f" * 32)


def test_get_looks_where_it_is_told_to(store: Store) -> None:
    live, gone = entry("live"), entry("gone", deleted_at=START)
    store.insert([live, gone])

    assert store.get(gone.memory.id, trashed=True) == gone.memory
    assert store.get(gone.memory.id, trashed=None) == gone.memory
    assert store.get(live.memory.id, trashed=None) == live.memory
    with pytest.raises(NotFoundError, match="in the trash"):
        store.get(gone.memory.id)
    with pytest.raises(NotFoundError, match="not in the trash"):
        store.get(live.memory.id, trashed=True)


def test_ids_are_found_by_their_beginning_and_wildcards_are_letters(store: Store) -> None:
    ids = ["ab12" + "0" * 28, "ab13" + "0" * 28, "b" + "0" * 31]
    store.insert([entry(id=ids[0]), entry(id=ids[1], deleted_at=START), entry(id=ids[2])])

    assert store.ids_like("ab1", limit=10) == ids[:2]
    assert store.ids_like("ab1", limit=1) == ids[:1]
    assert store.ids_like("a%", limit=10) == []
    assert store.ids_like("zz", limit=10) == []
