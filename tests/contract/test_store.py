"""What every Store must do, whatever it is made of."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from memory_core.engine.ports import Entry, ModelIdentity, Store
from memory_core.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from memory_core.types import Memory, MemoryType, PurgeQuery, Scope, TagsMatch
from support.entries import (
    MODEL,
    OTHER_MODEL,
    START,
    edited,
    embed,
    entry,
    entry_of,
    is_best,
    plain_bm25,
    plain_cosine,
    probe,
    random_vectors,
)
from support.every_store import STORES, Opener

ORDER = (MemoryType.DECISION, MemoryType.PREFERENCE, MemoryType.FACT)


@pytest.fixture(params=STORES)
def opener(request: pytest.FixtureRequest) -> Opener:
    return STORES[request.param]


@pytest.fixture
def store(opener: Opener, tmp_path: Path) -> Iterator[Store]:
    opened = opener(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=STORES)
def crowd(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, list[Entry]]]:
    """One store with 120 memories of all kinds, to be read only."""
    opened = STORES[request.param](tmp_path_factory.mktemp("crowd"))
    entries = [_one_of_many(number) for number in range(120)]
    opened.insert(entries)
    yield opened, entries
    opened.close()


def _one_of_many(number: int) -> Entry:
    return entry(
        f"memory number {number} about {'rust' if number % 3 else 'Python'}",
        minute=number // 2,  # pairs share their moment
        memory_type=list(MemoryType)[number % 7],
        tags=tuple(tag for tag, every in (("a", 2), ("b", 3), ("c", 5)) if number % every == 0),
        project_id=(None, "x", "y")[number % 3],
        client_id=(None, "laptop", "desk")[number % 4 % 3],
        session_id=(None, "s1")[number % 2],
        certainty_score=number % 11 / 10,
        quality_score=number % 6 / 5,
        deleted_at=START if number % 13 == 0 else None,
    )


# Keeping and reading back


def test_a_memory_comes_back_field_by_field(store: Store) -> None:
    kept = _one_of_many(30)
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


# Scopes


SCOPES = st.builds(
    Scope,
    project_id=st.sampled_from([UNSET, None, "x", "y", "nobody's"]),
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


def _in_scope(memory: Memory, scope: Scope) -> bool:
    projects = {scope.project_id, None} if scope.include_global else {scope.project_id}
    has = [tag in memory.tags for tag in scope.tags]
    return (
        (scope.global_search or scope.project_id is UNSET or memory.project_id in projects)
        and scope.memory_type in (None, memory.memory_type)
        and (not has or (any(has) if scope.tags_match is TagsMatch.ANY else all(has)))
        and scope.client_id in (None, memory.client_id)
        and scope.session_id in (None, memory.session_id)
        and (scope.created_after is None or memory.created_at >= scope.created_after)
        and (scope.created_before is None or memory.created_at < scope.created_before)
        and memory.certainty_score >= (scope.min_certainty or 0)
        and memory.quality_score >= (scope.min_quality or 0)
        and (memory.deleted_at is not None) == scope.trashed
    )


@settings(max_examples=80, deadline=None)
@given(scope=SCOPES)
def test_every_reading_verb_means_the_same_memories_by_a_scope(crowd: tuple[Store, list[Entry]], scope: Scope) -> None:
    store, entries = crowd
    meant = [one for one in entries if _in_scope(one.memory, scope)]
    newest = sorted((one.memory for one in meant), key=lambda memory: (memory.created_at, memory.id), reverse=True)

    assert store.newest(scope, limit=200) == newest
    assert store.counts(scope).total == len(meant)
    assert {memory.id for memory in store.ranked(scope, ORDER, changed_after=None, limit=200)} == {
        memory.id for memory in newest
    }
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
        return [memory.content for memory in store.containing(text, Scope(), limit=10)]

    assert found("0%") == ["100% sure"]
    assert found("E_C") == ["snake_case"]
    assert found("nach kÖLN") == ["Straße NACH Köln"]
    assert found(r"c:\D") == [r"C:\dir"]
    assert found("T'S") == ["it's"]
    assert found("100") == ["100 percent", "100% sure"]


def test_ranked_goes_by_type_then_by_the_last_change(store: Store) -> None:
    kinds = ["fact", "decision", "session", "preference", "decision", "relation"]
    store.insert([entry(kind, minute=place, memory_type=MemoryType(kind)) for place, kind in enumerate(kinds)])
    ranked = store.ranked(Scope(), ORDER, changed_after=None, limit=10)

    expected = ["decision", "decision", "preference", "fact", "relation", "session"]
    assert [memory.content for memory in ranked] == expected
    assert ranked[0].updated_at > ranked[1].updated_at
    assert store.ranked(Scope(), ORDER, changed_after=None, limit=2) == ranked[:2]
    late = store.ranked(Scope(), ORDER, changed_after=START + timedelta(minutes=4), limit=10)
    assert [memory.content for memory in late] == ["decision", "relation"]


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


# Changing


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

    assert [pending.memory for pending in store.pending(limit=5)] == [unembedded.memory]
    (found, _) = store.candidates(probe("thrown", vector=random_vectors(1)[0]), Scope())
    assert found.cosine == pytest.approx(1)


def test_a_purge_takes_what_it_showed(store: Store) -> None:
    entries = [entry(f"secret {n}" if n % 2 else f"plain {n}", minute=n, project_id="x") for n in range(10)]
    store.insert([*entries, entry("secret of another", project_id="y")])
    scope = PurgeQuery(project_id="x", created_before=START + timedelta(minutes=6))

    matched, sample = store.matching(scope, content_contains="SECRET", limit=2)
    assert (matched, [memory.content for memory in sample]) == (3, ["secret 5", "secret 3"])
    at = START + timedelta(days=1)
    assert store.trash(scope, content_contains="SECRET", at=at) == 3
    assert store.trash(scope, content_contains="SECRET", at=at) == 0, "what is in the trash stays as it is"

    thrown = store.newest(Scope(trashed=True), limit=10)
    assert [memory.content for memory in thrown] == ["secret 5", "secret 3", "secret 1"]
    assert {memory.deleted_at for memory in thrown} == {at}
    assert store.counts(Scope()).total == 8
    assert store.count_pending() == 8


# Searching


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
        meant = [one for one in live if _in_scope(one.memory, scope)]
        bm25 = plain_bm25(meant, terms)
        cosine = {
            one.memory.id: plain_cosine(vectors[one.memory.id], vector) for one in meant if one.memory.id in vectors
        }

        found = {c.memory.id: c for c in store.candidates(probe(*terms, vector=vector, pool=pool), scope)}

        assert is_best(set(found), bm25, pool)
        assert is_best(set(found), cosine, pool)
        assert len(found) <= min(pool, len(bm25)) + min(pool, len(cosine))
        for memory_id, candidate in found.items():
            assert candidate.bm25 == pytest.approx(bm25.get(memory_id, 0.0))
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
    with pytest.raises(InvalidError):
        store.candidates(probe(vector=random_vectors(1)[0]), Scope())
    store.use_model(MODEL)
    with pytest.raises(InvalidError):
        store.candidates(probe(vector=random_vectors(1, dimension=64)[0]), Scope())


# Vectors


@pytest.mark.parametrize("dimension", [1, 63, 64, 65, 384])
def test_vectors_of_any_dimension_come_back_exactly(store: Store, dimension: int) -> None:
    store.use_model(ModelIdentity(name="m", revision="r", dimension=dimension))
    kept = [entry(f"memory {number}") for number in range(3)]
    store.insert(kept)
    vectors = {one.memory.id: random_vectors(n, n + 1, dimension) for n, one in enumerate(kept)}
    embed(store, vectors)

    for memory_id, rows in vectors.items():
        back = store.vectors_of(memory_id)
        assert back is not None
        assert back.dtype == np.float32
        assert np.array_equal(back, rows)
    found = store.candidates(probe(vector=vectors[kept[0].memory.id][0]), Scope())
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


# Everything at once


def test_an_export_goes_into_another_store_unchanged_and_only_once(
    store: Store, opener: Opener, tmp_path: Path
) -> None:
    entries = [_one_of_many(number) for number in range(30)]
    store.insert(entries)
    store.use_model(MODEL)
    waiting = [pending.memory.id for pending in store.pending(limit=50)]
    embed(store, {memory_id: random_vectors(n, 1 + n % 2) for n, memory_id in enumerate(waiting[:20])})
    exported = [one for batch in store.export() for one in batch]
    assert {one.memory.id: one.memory for one in exported} == {one.memory.id: one.memory for one in entries}
    assert sum(one.model == MODEL for one in exported) == 20

    copy = opener(tmp_path / "copy")
    copy.use_model(MODEL)
    incoming = [(entry_of(one.memory), one.vectors) for one in exported]
    assert copy.import_entries(incoming) == []
    assert copy.import_entries(incoming) == [one.memory.id for one in exported]

    again = {one.memory.id: one for batch in copy.export() for one in batch}
    assert copy.count_pending() == store.count_pending()
    for one in exported:
        assert again[one.memory.id].memory == one.memory
        assert np.array_equal(again[one.memory.id].vectors, one.vectors)
    vector = random_vectors(1)[0]
    ours, theirs = (
        {(c.memory.id, c.bm25, c.cosine) for c in each.candidates(probe("rust", vector=vector), Scope())}
        for each in (store, copy)
    )
    assert len(ours) >= 20
    assert ours == theirs
    copy.close()


def test_an_export_shows_one_moment_whatever_is_written_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memory_core.engine.stores.duckdb.transfer.BATCH", 3)
    entries = [entry(f"memory {number}") for number in range(10)]
    store.insert(entries)
    batches = store.export()
    first = next(batches)

    store.insert([entry("late")])
    store.change(entries[-1].memory.id, edited(content="changed"))
    store.trash(Scope(), content_contains=None, at=START)
    store.maintain()

    exported = first + [one for batch in batches for one in batch]
    assert [one.memory for one in exported] == [one.memory for one in entries]


def test_an_import_with_vectors_of_another_shape_takes_nothing(store: Store) -> None:
    store.use_model(MODEL)
    good, bad = (entry("good"), random_vectors(1)), (entry("bad"), random_vectors(1, dimension=7))

    with pytest.raises(InvalidError):
        store.import_entries([good, bad])

    assert store.counts(Scope()).total == 0


def test_a_backup_is_a_store_of_its_own(store: Store, opener: Opener, tmp_path: Path) -> None:
    kept = entry("kept words")
    store.insert([kept])
    store.use_model(MODEL)
    embed(store, {kept.memory.id: random_vectors(1)})

    copy = store.backup(tmp_path / "elsewhere")
    store.insert([entry("later")])

    copy.rename(tmp_path / "elsewhere" / "memories.duckdb")
    restored = opener(tmp_path / "elsewhere")
    assert restored.newest(Scope(), limit=5) == [kept.memory]
    assert np.array_equal(restored.vectors_of(kept.memory.id), random_vectors(1))
    restored.insert([entry("goes on")])
    assert len(restored.candidates(probe("goes", "kept"), Scope())) == 2
    restored.close()


def test_everything_is_there_after_reopening(opener: Opener, tmp_path: Path) -> None:
    entries = [_one_of_many(number) for number in range(20)]
    first = opener(tmp_path)
    first.insert(entries)
    first.use_model(MODEL)
    waiting = first.count_pending()
    first.close()

    second = opener(tmp_path)
    assert {memory.id for trashed in (True, False) for memory in second.newest(Scope(trashed=trashed), limit=50)} == {
        one.memory.id for one in entries
    }
    assert second.count_pending() == waiting
    assert second.size_bytes() > 0
    assert str(tmp_path) in second.location
    second.close()


def test_a_closed_store_says_so(opener: Opener, tmp_path: Path) -> None:
    closed = opener(tmp_path)
    closed.close()
    closed.close()

    with pytest.raises(UnavailableError, match="closed"):
        closed.insert([entry()])
    with pytest.raises(UnavailableError, match="closed"):
        closed.counts(Scope())


# Several threads


def test_threads_read_their_own_answers_while_others_write(store: Store) -> None:
    entries = [entry(f"memory {number}", project_id=f"p{number}") for number in range(20)]
    store.insert(entries)

    def work(number: int) -> None:
        mine = entries[number % 20]
        if number % 4 == 0:
            store.insert([entry("another", project_id="new")])
        elif number % 4 == 1:
            store.change(mine.memory.id, lambda memory: entry_of(replace(memory, tags=(*memory.tags, f"t{number}"))))
        else:
            assert store.get(mine.memory.id).content == mine.memory.content
            assert [m.content for m in store.newest(Scope(project_id=mine.memory.project_id), limit=9)] == [
                mine.memory.content
            ]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(160)))

    assert store.counts(Scope()).by_project["new"] == 40
    tags = [tag for one in entries for tag in store.get(one.memory.id).tags]
    assert sorted(tags) == sorted(f"t{number}" for number in range(160) if number % 4 == 1), "no update was lost"


def test_a_reader_never_sees_a_memory_half_indexed(store: Store) -> None:
    stop = threading.Event()
    kept = entry("even even")
    store.insert([kept])

    def flip() -> None:
        for number in range(60):
            store.change(kept.memory.id, edited(content="odd" if number % 2 == 0 else "even even"))
        stop.set()

    writer = threading.Thread(target=flip)
    writer.start()
    while not stop.is_set():
        found = store.candidates(probe("odd", "even"), Scope())
        assert [c.bm25 > 0 for c in found] == [True], "exactly one revision is there, with its postings"
    writer.join()


def test_closing_lets_the_calls_under_way_end(opener: Opener, tmp_path: Path) -> None:
    store = opener(tmp_path)
    acknowledged: list[str] = []

    def keep_writing() -> None:
        while True:
            one = entry("words")
            try:
                store.insert([one])
            except UnavailableError:
                return
            acknowledged.append(one.memory.id)

    writers = [threading.Thread(target=keep_writing) for _ in range(3)]
    for writer in writers:
        writer.start()
    while len(acknowledged) < 10:
        pass
    store.close()
    for writer in writers:
        writer.join()

    again = opener(tmp_path)
    assert again.counts(Scope()).total == len(acknowledged)
    again.close()
