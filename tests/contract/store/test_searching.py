"""Candidates are those of a plain computation, with both scores exact."""

import numpy as np
import pytest
from msgspec.structs import replace

from memory_core.engine.ports import Entry, ModelChangedError, Store
from memory_core.types import Scope
from support.entries import (
    MODEL,
    OTHER_MODEL,
    START,
    edited,
    embed,
    entry,
    entry_of,
    in_scope,
    is_best,
    plain_bm25,
    plain_cosine,
    plain_coverage,
    probe,
    random_vectors,
)


def _fill_for_search(store: Store, rng: np.random.Generator) -> tuple[list[Entry], dict[str, np.ndarray]]:
    words = [f"w{number}" for number in range(12)]
    entries = []
    for number in range(60):
        text = " ".join(rng.choice(words, size=rng.integers(1, 15)))
        deleted_at = START if number % 10 == 3 else None
        entries.append(entry(text, project_id=("x", "y")[number % 2], deleted_at=deleted_at))
    store.insert(entries)
    store.use_model(MODEL)
    waiting = {pending.memory.id for pending in store.pending(limit=100)}
    vectors = {
        one.memory.id: random_vectors(number, pieces=1 + number % 3)
        for number, one in enumerate(entries)
        if number % 4 and one.memory.id in waiting
    }
    embed(store, vectors)
    return entries, vectors


@pytest.mark.parametrize("pool", [1000, 5])
@pytest.mark.parametrize("merged", [False, True])
def test_candidates_are_those_of_a_plain_computation(
    store: Store, monkeypatch: pytest.MonkeyPatch, pool: int, merged: bool
) -> None:
    """Both scores of every member exact, whichever side listed it, before and after the postings are sorted."""
    rng = np.random.default_rng(pool)
    entries, vectors = _fill_for_search(store, rng)
    for one in entries[:5]:  # leaves remains of old revisions behind
        if one.memory.deleted_at is None:
            store.change(one.memory.id, edited(content="w1 w1 w2"))
    if merged:
        monkeypatch.setattr("memory_core.engine.stores.duckdb.maintenance.MERGE_FROM", 1)
        store.maintain()
    live = [entry_of(memory) for memory in store.newest(Scope(), limit=200)]
    vectors = {one.memory.id: rows for one in live if (rows := store.vectors_of(one.memory.id)) is not None}
    assert len(vectors) > 30

    for seed, scope in enumerate([Scope(), Scope(project_id="x"), Scope(project_id="y")] * 3):
        terms = [f"w{number}" for number in rng.choice(14, size=3, replace=False)]
        vector = random_vectors(900 + seed)[0]
        meant = [one for one in live if in_scope(one.memory, scope)]
        bm25, coverage = plain_bm25(meant, terms), plain_coverage(meant, terms)
        cosine = {
            one.memory.id: plain_cosine(vectors[one.memory.id], vector) for one in meant if one.memory.id in vectors
        }

        found = {c.memory.id: c for c in store.candidates(probe(*terms, vector=vector, pool=pool), scope)}

        assert is_best(set(found), bm25, pool)
        assert is_best(set(found), cosine, pool)
        assert len(found) <= min(pool, len(bm25)) + min(pool, len(cosine))
        for memory_id, candidate in found.items():
            assert candidate.bm25 == pytest.approx(bm25.get(memory_id, 0.0))
            assert candidate.coverage == pytest.approx(coverage[memory_id])
            assert candidate.cosine == pytest.approx(cosine.get(memory_id), abs=1e-6)


def test_a_small_first_pass_keeps_the_nearest_and_scores_them_exactly(store: Store) -> None:
    entries = [entry(f"memory {number}") for number in range(300)]
    store.insert(entries)
    store.use_model(MODEL)
    vectors = {one.memory.id: random_vectors(number, pieces=2) for number, one in enumerate(entries)}
    embed(store, vectors)

    for number in (0, 77, 299):
        vector = vectors[entries[number].memory.id][1]
        found = store.candidates(probe(vector=vector, coarse_pool=20, pool=5), Scope())
        nearest = max(found, key=lambda candidate: candidate.cosine or 0)
        assert nearest.memory.id == entries[number].memory.id
        assert len(found) == 5
        for candidate in found:
            assert candidate.cosine == pytest.approx(plain_cosine(vectors[candidate.memory.id], vector), abs=1e-6)


def test_a_search_for_nothing_finds_nothing(store: Store) -> None:
    store.insert([entry("some words")])

    assert store.candidates(probe(), Scope()) == []
    assert store.candidates(probe("absent"), Scope()) == []
    assert store.candidates(probe("words"), Scope(project_id="empty")) == []


def test_keyword_finds_what_has_no_vector_yet_and_says_so(store: Store) -> None:
    embedded, waiting = entry("words one"), entry("words two")
    store.insert([embedded, waiting])
    store.use_model(MODEL)
    embed(store, {embedded.memory.id: random_vectors(1)})

    found = {c.memory.content: c.cosine for c in store.candidates(probe("two", vector=random_vectors(1)[0]), Scope())}

    assert found == {"words one": pytest.approx(1), "words two": None}


def test_what_contains_every_phrase_is_a_candidate_with_both_scores(store: Store) -> None:
    """Case aside; a phrase is text, not a pattern, and reaches into the middle of words."""
    held = [
        entry("Error: E_CONN 50% reached"),
        entry("error: e_conn 50% REACHED, again"),
        entry("50 % reached, E_CONN"),
    ]
    store.insert(held)
    store.use_model(MODEL)
    embed(store, {one.memory.id: random_vectors(n) for n, one in enumerate(held)})
    asked = probe("absent", vector=random_vectors(2)[0], pool=2, coarse_pool=1, phrases=("_conn 50%", "reached"))

    found = {c.memory.id: c.cosine for c in store.candidates(asked, Scope())}

    assert found == {
        one.memory.id: pytest.approx(plain_cosine(random_vectors(n), random_vectors(2)[0]), abs=1e-6)
        for n, one in enumerate(held)
    }
    assert store.candidates(probe(phrases=("50_",)), Scope()) == []


def test_neighbours_in_a_session_come_along_with_both_scores(store: Store) -> None:
    """Whoever is next to a good match is judged too; other sessions, projects and the trash are no neighbours."""
    line = [entry(f"w{n}", minute=n, session_id="s", project_id="x") for n in range(5)]
    others = [
        entry("other session", minute=2, session_id="t", project_id="x"),
        entry("other project", minute=2, session_id="s", project_id="y"),
        entry("in the trash", minute=2, session_id="s", project_id="x", deleted_at=START),
    ]
    store.insert([*reversed(line), *others])
    store.use_model(MODEL)
    embed(store, {one.memory.id: random_vectors(n) for n, one in enumerate([*line, *others[:2]])})
    asked = probe("w2", vector=random_vectors(2)[0], pool=1, coarse_pool=100)

    found = {c.memory.content: c for c in store.candidates(asked, Scope(project_id="x"))}

    assert found.keys() == {"w1", "w2", "w3"}
    assert found["w2"].neighbours == (line[1].memory.id, line[3].memory.id)
    assert line[2].memory.id in found["w1"].neighbours
    assert found["w1"].bm25 == 0
    for n in (1, 2, 3):
        expected = plain_cosine(random_vectors(n), random_vectors(2)[0])
        assert found[f"w{n}"].cosine == pytest.approx(expected, abs=1e-6)


def test_scores_tell_nothing_of_other_projects(store: Store) -> None:
    store.insert([entry("alpha beta", project_id="x"), entry("gamma", project_id="x")])
    (before,) = store.candidates(probe("alpha"), Scope(project_id="x"))

    store.insert([entry("alpha " * n, project_id="y") for n in range(1, 20)])

    (after,) = store.candidates(probe("alpha"), Scope(project_id="x"))
    assert after.bm25 == before.bm25


def test_terms_are_no_patterns_and_no_sql(store: Store) -> None:
    store.insert([entry("it's 100% '; DROP TABLE memories; --")])

    for term in ("it's", "100%", "';", "--"):
        assert len(store.candidates(probe(term), Scope())) == 1
    assert store.candidates(probe("%"), Scope(project_id="'; DROP TABLE memories; --")) == []


def test_a_query_vector_of_another_model_is_refused(store: Store) -> None:
    store.insert([entry()])
    with pytest.raises(ModelChangedError):
        store.candidates(probe(vector=random_vectors(1)[0]), Scope())
    store.use_model(MODEL)
    with pytest.raises(ModelChangedError):
        store.candidates(probe(vector=random_vectors(1, dimension=64)[0], model=OTHER_MODEL), Scope())
    with pytest.raises(ModelChangedError):
        store.candidates(probe(vector=random_vectors(1)[0], model=replace(MODEL, revision="2")), Scope())
