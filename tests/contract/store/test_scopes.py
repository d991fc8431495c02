"""One scope means the same memories to every verb that reads."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from memory_core.engine.ports import Entry, Store, Wanted
from memory_core.types import PINNED, Memory, MemoryType, Scope, TagsMatch
from support.entries import (
    MODEL,
    START,
    embed,
    entry,
    in_scope,
    one_of_many,
    plain_bm25,
    probe,
    random_vectors,
)
from support.every_store import Opener

ORDER = (MemoryType.DECISION, MemoryType.PREFERENCE, MemoryType.FACT, MemoryType.SESSION)


SCOPES = st.builds(
    Scope,
    project_id=st.sampled_from([UNSET, None, "x", "y", "nobody's"]),
    projects=st.none() | st.lists(st.sampled_from(["x", "y", "", "nobody's"]), max_size=3).map(tuple),
    global_search=st.booleans(),
    include_global=st.booleans(),
    memory_type=st.none() | st.sampled_from(MemoryType),
    tags=st.lists(st.sampled_from(["a", "b", "c", "%"]), max_size=3).map(tuple),
    tags_match=st.sampled_from(TagsMatch),
    client_id=st.sampled_from([None, None, "laptop", "desk"]),
    session_id=st.sampled_from([None, None, "s1"]),
    created_after=st.none() | st.integers(-5, 65).map(lambda minute: START + timedelta(minutes=minute)),
    created_before=st.none() | st.integers(-5, 65).map(lambda minute: START + timedelta(minutes=minute)),
    min_certainty=st.sampled_from([None, None, 0.5]),
    min_quality=st.sampled_from([None, None, 0.6]),
    trashed=st.booleans(),
)


def wanted(*, each: int, **fields: Any) -> Wanted:  # Any: whatever field it is
    return Wanted(each=each, tag=PINNED, types=ORDER, **fields)


@pytest.fixture(scope="module")
def crowd(opener: Opener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[Entry]]]:
    """One store with 120 memories of all kinds, to be read only."""
    opened = opener(tmp_path_factory.mktemp("crowd"))
    entries = [one_of_many(number) for number in range(120)]
    opened.insert(entries)
    yield opened, entries
    opened.close()


@settings(max_examples=80, deadline=None)
@given(scope=SCOPES)
def test_every_reading_verb_means_the_same_memories_by_a_scope(crowd: tuple[Store, list[Entry]], scope: Scope) -> None:
    store, entries = crowd
    meant = [one for one in entries if in_scope(one.memory, scope)]
    newest = sorted((one.memory for one in meant), key=lambda memory: (memory.created_at, memory.id), reverse=True)

    assert store.newest(scope, limit=200) == newest
    assert store.counts(scope).total == len(meant)
    count, opening = store.opening(scope, wanted(each=200))
    assert (count, {memory.id for memory in opening}) == (len(meant), {memory.id for memory in newest})
    found = {candidate.memory.id: candidate.bm25 for candidate in store.candidates(probe("rust", "7"), scope)}
    assert found == pytest.approx(plain_bm25(meant, ["rust", "7"]))


def test_pages_show_each_memory_once_even_where_moments_are_shared(crowd: tuple[Store, list[Entry]]) -> None:
    store, entries = crowd
    seen: list[Memory] = []
    while page := store.newest(Scope(), limit=7, before=(seen[-1].created_at, seen[-1].id) if seen else None):
        seen += page

    assert len(seen) == len({memory.id for memory in seen})
    assert len(seen) == sum(one.memory.deleted_at is None for one in entries)


def test_containing_takes_the_text_for_no_pattern_and_ignores_the_case(store: Store) -> None:
    contents = ["100% sure", "100 percent", "snake_case", "snakeXcase", "Straße NACH Köln", r"C:\dir", "it's"]
    store.insert([entry(content, minute=place) for place, content in enumerate(contents)])

    def found(text: str) -> list[str]:
        _, memories = store.matching(Scope(), content_contains=text, limit=10)
        return [memory.content for memory in memories]

    assert found("0%") == ["100% sure"]
    assert found("E_C") == ["snake_case"]
    assert found("nach kÖLN") == ["Straße NACH Köln"]
    assert found(r"c:\D") == [r"C:\dir"]
    assert found("T'S") == ["it's"]
    assert found("100") == ["100 percent", "100% sure"]


def test_an_opening_has_of_each_kind_those_that_changed_last(store: Store) -> None:
    """However many decisions there are, they leave room for the rest."""
    kinds = ["fact", "session", "decision", "decision", "preference", "decision", "relation", "observation", "entity"]
    store.insert([entry(kind, minute=place, memory_type=MemoryType(kind)) for place, kind in enumerate(kinds)])
    store.insert([entry("old pin", minute=-2, tags=("pinned",)), entry("gone", deleted_at=START, tags=("pinned",))])

    count, found = store.opening(Scope(), wanted(each=2))
    _, one_each = store.opening(Scope(), wanted(each=1))

    expected = ["decision"] * 2 + ["entity", "fact", "observation", "old pin", "preference", "session"]
    assert (count, sorted(memory.content for memory in found)) == (10, expected)
    assert min(memory.updated_at for memory in found if memory.content == "decision") == START + timedelta(minutes=3)
    assert sorted(memory.content for memory in one_each) == sorted({*expected} - {"observation"})


def test_an_opening_leaves_out_what_is_excluded_and_what_has_not_changed(store: Store) -> None:
    entries = [entry(f"fact {minute}", minute=minute) for minute in range(4)]
    store.insert(entries)

    _, found = store.opening(
        Scope(), wanted(each=9, changed_after=START + timedelta(minutes=1), exclude=(entries[2].memory.id, "x"))
    )
    nothing = store.opening(Scope(), wanted(each=9, exclude=tuple(one.memory.id for one in entries)))

    assert sorted(memory.content for memory in found) == ["fact 1", "fact 3"]
    assert nothing == (0, [])


@settings(max_examples=60, deadline=None)
@given(scope=SCOPES, each=st.integers(1, 6), minute=st.none() | st.integers(0, 60))
def test_an_opening_agrees_with_a_plain_count(
    crowd: tuple[Store, list[Entry]], scope: Scope, each: int, minute: int | None
) -> None:
    store, entries = crowd
    after = None if minute is None else START + timedelta(minutes=minute)
    meant = [one.memory for one in entries if in_scope(one.memory, scope)]
    meant = [memory for memory in meant if after is None or memory.updated_at >= after]
    kinds: dict[object, list[Memory]] = {}
    for memory in sorted(meant, key=lambda one: (one.updated_at, one.id), reverse=True):
        kind = "a" if "a" in memory.tags else memory.memory_type if memory.memory_type in ORDER else None
        kinds.setdefault(kind, []).append(memory)

    count, found = store.opening(scope, Wanted(each=each, tag="a", types=ORDER, changed_after=after))

    assert count == len(meant)
    assert {memory.id for memory in found} == {memory.id for of_kind in kinds.values() for memory in of_kind[:each]}


def test_counts_tell_types_clients_projects_trash_and_vectors(store: Store) -> None:
    mine = entry("mine", project_id="x", client_id="laptop", memory_type=MemoryType.DECISION)
    store.insert([mine, entry("all's"), entry("old", project_id="x", deleted_at=START)])
    store.use_model(MODEL)
    embed(store, {mine.memory.id: random_vectors(1)})

    counts = store.counts(Scope())

    assert (counts.total, counts.with_vectors, counts.in_trash) == (2, 1, 1)
    assert counts.by_type == {"decision": 1, "fact": 1}
    assert counts.by_client == {"": 1, "laptop": 1}
    assert counts.by_project == {"": 1, "x": 1}
    assert store.counts(Scope(project_id="y")).in_trash == 0
