"""What is kept between searches never shows: each search sees its own snapshot, whatever others read and write."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from memory_core.engine.ports import Candidate, StoreOptions
from memory_core.engine.stores.duckdb import open_store, pieces, search
from memory_core.engine.stores.duckdb.resident import Resident
from memory_core.engine.stores.duckdb.scope import condition
from memory_core.engine.stores.duckdb.store import DuckDBStore
from memory_core.types import Scope
from support.entries import MODEL, OTHER_MODEL, START, edited, embed, entry, entry_of, probe, random_vectors, trash

MINE, OTHERS = Scope(project_id="mine", include_global=False), Scope(project_id="others", include_global=False)


@pytest.fixture(params=["signs", "numbers"])
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[DuckDBStore]:
    """With resident numbers and without, in blocks that are small enough to be several."""
    monkeypatch.setattr(pieces, "EXACT", 0 if request.param == "signs" else 1000)
    monkeypatch.setattr(pieces, "BLOCK", 16)
    monkeypatch.setattr(pieces, "CHUNK", 16)
    store = open_store("", StoreOptions(data_dir=tmp_path, min_free_bytes=0))
    store.use_model(MODEL)
    yield store
    store.close()


def test_a_search_sees_every_change_that_was_made_before_it(store: DuckDBStore) -> None:
    vector = random_vectors(0)[0]
    asked = probe("apple", vector=vector, coarse_pool=5)
    kept = [entry(f"apple number {number}", project_id="mine") for number in range(40)]
    store.insert(kept)
    assert _cosines(store.candidates(asked, MINE)) == {one.memory.id: None for one in kept}

    for number, one in enumerate(kept):
        embed(store, {one.memory.id: random_vectors(number + 1, pieces=1 + number % 3)})
        assert _cosines(store.candidates(asked, MINE))[one.memory.id] is not None
    embed(store, {_added(store, "nearest of all"): vector[np.newaxis]})
    assert _nearest(store.candidates(asked, MINE)) == "nearest of all"

    first = kept[0].memory.id
    store.change(first, edited(content="a pear since then"))
    assert _cosines(store.candidates(probe("pear", vector=vector, coarse_pool=5), MINE))[first] is None
    store.change(first, lambda memory: entry_of(replace(memory, project_id="others")))
    assert first not in _cosines(store.candidates(asked, MINE))
    assert _cosines(store.candidates(probe("pear", vector=vector), OTHERS)) == {first: None}
    trash(store, MINE, content_contains="number", at=START)
    assert [one.memory.content for one in store.candidates(asked, MINE)] == ["nearest of all"]


def test_rows_that_move_when_the_store_is_tidied_are_found_where_they_are(store: DuckDBStore) -> None:
    kept = [entry(f"apple number {number}", project_id="mine") for number in range(60)]
    store.insert(kept)
    embed(store, {one.memory.id: random_vectors(number) for number, one in enumerate(kept)})
    for number in range(0, 60, 2):
        asked = probe(vector=random_vectors(number + 1)[0], coarse_pool=5)
        assert _nearest(store.candidates(asked, MINE)) == f"apple number {number + 1}"
        store.change(kept[number].memory.id, edited(content=f"pear number {number}"))
        store.maintain()
        assert _nearest(store.candidates(asked, MINE)) == f"apple number {number + 1}"


def test_the_vectors_of_another_model_are_never_taken_for_those_of_the_last(store: DuckDBStore) -> None:
    """Dropped and made anew, a table can have the name of one before it."""
    kept = [entry(f"apple number {number}", project_id="mine") for number in range(20)]
    store.insert(kept)
    for model in (MODEL, OTHER_MODEL, replace(OTHER_MODEL, revision="2"), MODEL):
        store.use_model(model)
        store.maintain()
        vectors = {
            one.memory.id: random_vectors(number, dimension=model.dimension)
            for number, one in enumerate(reversed(kept))
        }
        embed(store, vectors)
        store.maintain()
        for number in range(0, 20, 7):
            vector = random_vectors(number, dimension=model.dimension)[0]
            found = store.candidates(probe(vector=vector, model=model, coarse_pool=5), MINE)
            assert _nearest(found) == f"apple number {19 - number}"


def test_searches_among_writers_see_whole_transactions(store: DuckDBStore) -> None:
    """Each memory is there with its words or not at all, and the one before it has its vector by then."""
    vector = random_vectors(0)[0]
    asked = probe("apple", vector=vector, pool=100, coarse_pool=3)
    gone = entry("a pear", project_id="others")
    store.insert([gone])
    stop = threading.Event()

    def write() -> None:
        try:
            for number in range(40):
                embed(store, {_added(store, f"apple {number}"): random_vectors(number)})
                store.change(gone.memory.id, edited(content=f"a pear {number}"))
                embed(store, {gone.memory.id: random_vectors(number)})
                if number % 8 == 0:
                    store.maintain()
        finally:
            stop.set()

    def read(_: int) -> None:
        seen = 0
        while not stop.is_set():
            found = store.candidates(asked, MINE)
            assert len(found) >= seen, "time does not go backwards"
            seen = len(found)
            numbers = sorted(int(one.memory.content.split()[1]) for one in found)
            assert numbers == list(range(seen)), "every memory that was there is found by its word"
            for number, one in zip(numbers, sorted(found, key=lambda one: one.memory.created_at), strict=True):
                waiting = number == seen - 1 and one.cosine is None
                assert waiting or one.cosine == pytest.approx(random_vectors(number)[0] @ vector, abs=1e-5)

    with ThreadPoolExecutor(4) as threads:
        writer = threads.submit(write)
        readers = [threads.submit(read, number) for number in range(3)]
        writer.result()
        for reader in readers:
            reader.result()


def test_a_search_that_began_before_a_commit_answers_as_of_its_beginning(store: DuckDBStore) -> None:
    """Even if another search, that began after it, has made newer numbers resident meanwhile."""
    asked = probe("apple", vector=random_vectors(0)[0], coarse_pool=3)
    for number in range(10):
        embed(store, {_added(store, f"apple {number}"): random_vectors(number)})
    with store._db.snapshot() as (cursor, commits):
        embed(store, {_added(store, "apple 10"): random_vectors(0)})
        assert len(store.candidates(asked, MINE)) == 11
        moment = store._resident.at(commits)
        before = search.candidates(cursor, asked, MINE, moment)
        assert len(before) == 10
        assert all(one.cosine is not None for one in before)
    assert len(store.candidates(asked, MINE)) == 11


def test_a_snapshot_taken_during_a_commit_keeps_nothing(store: DuckDBStore) -> None:
    with store._db.idle(), store._db.snapshot() as (_, commits):
        assert commits is None
    resident = Resident()
    assert resident.at(None) is not resident.at(None)
    assert resident.at(2) is resident.at(2)
    assert resident.at(0) is not resident.at(0), "from before the last one"


def test_few_scopes_are_kept(store: DuckDBStore) -> None:
    _added(store, "apple")
    with store._db.snapshot() as (cursor, commits):
        moment = store._resident.at(commits)
        for number in range(100):
            moment.documents(cursor, condition(Scope(project_id=f"p{number}")))
        assert len(moment._scopes) <= 16


def _added(store: DuckDBStore, content: str) -> str:
    place = content.rpartition(" ")[2]
    one = entry(content, project_id="mine", minute=int(place) if place.isdigit() else 0)
    store.insert([one])
    return one.memory.id


def _cosines(found: list[Candidate]) -> dict[str, float | None]:
    return {one.memory.id: one.cosine for one in found}


def _nearest(found: list[Candidate]) -> str:
    return max(found, key=lambda one: one.cosine if one.cosine is not None else -2.0).memory.content
