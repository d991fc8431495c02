"""Which of two memories comes first, and why."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from memory_core.engine.dates import named
from memory_core.engine.fusion import Question, Ranking
from memory_core.engine.ports import Candidate
from memory_core.engine.ranking import WEAK, coarse_pool, fuse, pool
from memory_core.engine.relevance import EVIDENCE
from memory_core.types import Explanation, Fusion, SearchHit, SearchMode
from support.samples import AT, a_memory

HYBRID, KEYWORD, SEMANTIC = SearchMode.HYBRID, SearchMode.KEYWORD, SearchMode.SEMANTIC


def candidate(
    name: str,
    bm25: float = 0.0,
    cosine: float | None = None,
    *,
    coverage: float = 1.0,
    neighbours: tuple[str, ...] = (),
    **fields: object,
) -> Candidate:
    memory = a_memory(name, id=name, **fields)
    coverage = coverage if bm25 else 0.0
    return Candidate(memory=memory, bm25=bm25, coverage=coverage, cosine=cosine, neighbours=neighbours)


def question(mode: SearchMode = SearchMode.HYBRID, limit: int = 50, **fields: Any) -> Question:  # Any: what it is
    return Question(mode=mode, limit=limit, **fields)


def ranked(found: Sequence[Candidate], *, ranking: Ranking | None = None, **fields: Any) -> list[SearchHit]:
    return fuse(found, question(**fields), ranking).hits


def why(hit: SearchHit) -> Explanation:
    assert isinstance(hit.why, Explanation)
    return hit.why


def order(hits: Sequence[SearchHit]) -> list[str]:
    return [hit.id for hit in hits]


def lined_up(found: list[Candidate]) -> list[Candidate]:
    """As if all were of one session."""
    ids = [c.memory.id for c in found]
    return [replace(c, neighbours=(*ids[max(0, n - 1) : n], *ids[n + 1 : n + 2])) for n, c in enumerate(found)]


candidates = st.lists(
    st.builds(
        candidate,
        st.uuids().map(lambda u: u.hex),
        st.just(0.0) | st.floats(0.001, 40),
        st.none() | st.floats(-1, 1),
        coverage=st.floats(0.01, 1),
        certainty_score=st.floats(0, 1),
        quality_score=st.floats(0, 1),
        created_at=st.integers(0, 3).map(lambda days: AT - timedelta(days=days)),
    ),
    max_size=12,
    unique_by=lambda c: c.memory.id,
).map(lined_up)
modes = st.sampled_from(SearchMode)
fusions = st.sampled_from(Fusion).map(lambda fusion: Ranking(fusion=fusion))


def test_words_that_one_memory_alone_has_weigh_as_much_as_they_cover_of_the_query() -> None:
    """0.7 of the score at most; half of that where they are half of what was asked. Meaning has the rest."""
    for coverage, weight in ((1.0, 0.7), (0.5, 0.35)):
        found = ranked([candidate("a", 8.0, 0.5, coverage=coverage), candidate("b", 0.0, 0.8)], explain=True)

        scores = {hit.id: hit.score for hit in found}
        assert scores == {"a": pytest.approx(weight + (1 - weight) * 0.5), "b": pytest.approx((1 - weight) * 0.8)}
        assert why(found[0]).lexical_weight == pytest.approx(weight)


def test_words_that_many_memories_have_decide_little() -> None:
    common = [candidate(f"c{n:02}", 8.0, 0.5) for n in range(30)]

    found = ranked([*common, candidate("near", 0.0, 0.51)])

    assert found[0].id == "near"


def test_of_equal_bm25_the_memory_with_more_of_the_query_comes_first() -> None:
    """Three words of a question are worth more than one of them three times."""
    found = ranked([candidate("one", 8.0, 0.5, coverage=0.3), candidate("three", 8.0, 0.5, coverage=0.9)])

    assert order(found) == ["three", "one"]
    assert order(ranked([candidate("a", 8.0, coverage=0.3), candidate("b", 7.9, coverage=0.9)], mode=KEYWORD)) == [
        "a",
        "b",
    ], "by words alone the order is that of BM25"


def test_each_side_can_order_alone() -> None:
    both = [candidate("a", 8.0, 0.1), candidate("b", 2.0, 0.9), candidate("c", 0.0, 0.5), candidate("d", 4.0)]

    assert order(ranked(both, mode=KEYWORD)) == ["a", "d", "b"]
    assert order(ranked(both, mode=SEMANTIC)) == ["b", "c", "a"]


def test_what_has_no_vector_yet_is_not_found_less_for_it() -> None:
    """A memory stored a moment ago with just the words asked for must not hide behind all that has a vector."""
    found = ranked([candidate("old", 1.0, 0.6, coverage=0.2), candidate("new", 8.0), candidate("far", 0.0, 0.3)])

    assert order(found) == ["new", "old", "far"]
    assert found[0].semantic is None


def test_a_similarity_counts_from_what_unrelated_texts_have_in_this_model() -> None:
    """Some models give 0.7 to anything: there, 0.85 is half way."""
    (half,) = ranked([candidate("a", 0.0, 0.85), candidate("b", 0.0, 0.6)], mode=SEMANTIC, noise=0.7)

    assert (half.id, half.score) == ("a", pytest.approx(0.5))
    assert ranked([candidate("a", 0.0, -0.4)], mode=HYBRID) == [], "no nearer than chance is no hit"


def test_the_least_score_asked_for_is_kept() -> None:
    found = [candidate("a", 0.0, 0.8), candidate("b", 0.0, 0.4), candidate("c", 0.0, 0.1)]

    assert order(ranked(found, mode=SEMANTIC, min_score=0.4)) == ["a", "b"]


def test_equal_scores_show_the_newer_first_then_go_by_id() -> None:
    older = AT - timedelta(days=1)
    found = [candidate("b", 0.0, 0.5), candidate("c", 0.0, 0.5, created_at=older), candidate("a", 0.0, 0.5)]

    assert order(ranked(found, mode=SEMANTIC)) == ["a", "b", "c"]


def test_certainty_and_quality_order_near_ties_and_lift_nothing_above_what_fits_better() -> None:
    trusted = {"certainty_score": 1.0, "quality_score": 1.0}
    doubtful = {"certainty_score": 0.0, "quality_score": 0.0}

    near = ranked([candidate("a", 0, 0.5, **doubtful), candidate("b", 0, 0.4999, **trusted)], mode=SEMANTIC)
    clear = ranked([candidate("a", 0, 0.52, **doubtful), candidate("b", 0, 0.50, **trusted)], mode=SEMANTIC)

    assert order(near) == ["b", "a"]
    assert order(clear) == ["a", "b"]


def test_a_memory_is_drawn_to_the_better_of_its_neighbours_and_does_not_get_past_it() -> None:
    """The answer often stands beside the sentence that has the question's words."""
    line = [
        candidate("before", 0.0, 0.2, neighbours=("best",)),
        candidate("best", 0.0, 0.8, neighbours=("before", "after")),
        candidate("after", 0.0, 0.1, neighbours=("best", "gone")),
        candidate("elsewhere", 0.0, 0.3),
    ]

    found = ranked(line, mode=SEMANTIC, explain=True)

    scores = {hit.id: hit.score for hit in found}
    assert scores == pytest.approx({"best": 0.8, "before": 0.44, "after": 0.38, "elsewhere": 0.3})
    assert why(found[1]).boosts == {"neighbour best": pytest.approx(0.24)}


def test_what_was_kept_at_the_time_that_is_named_gains_and_nothing_is_left_out_for_it() -> None:
    yesterday = AT - timedelta(days=1)
    found = [candidate("now", 0.0, 0.5), candidate("then", 0.0, 0.4, created_at=yesterday), candidate("far", 0.0, 0.6)]

    ordered = ranked(found, mode=SEMANTIC, when=named("what was said yesterday", AT), explain=True)

    assert order(ordered) == ["far", "then", "now"]
    assert why(ordered[1]).boosts == {"kept yesterday": 0.15}


def test_what_contains_the_quoted_phrase_comes_before_all_else() -> None:
    found = ranked(
        [candidate("it says e_conn 4711 here", 0.0, 0.1), candidate("far better otherwise", 9.0, 0.9)],
        phrases=("E_CONN 4711",),
    )

    assert order(found) == ["it says e_conn 4711 here", "far better otherwise"]
    assert found[0].score >= 0.5 > found[1].score


def test_evidence_tells_a_good_match_from_the_best_of_a_bad_lot() -> None:
    """Scores compare with each other; evidence says whether to believe the best of them."""
    bad = fuse([candidate("a", 9.0, 0.1, coverage=0.15), candidate("b", 0.0, 0.12)], question())
    good = fuse([candidate("a", 9.0, 0.6, coverage=0.5), candidate("b", 0.0, 0.2)], question())
    words_only = fuse([candidate("a", 9.0, coverage=0.5)], question(mode=KEYWORD))

    assert max(bad.evidence) < WEAK < EVIDENCE < good.evidence[0]
    assert words_only.evidence == [1.0], "where meaning is not known, words count for both"


def test_rank_fusion_goes_by_places_alone() -> None:
    found = [candidate("a", 9.0, 0.10), candidate("b", 8.9, 0.90), candidate("c", 0.1, 0.89)]

    by_ranks = ranked(found, ranking=Ranking(fusion=Fusion.RANKS, rank_constant=10), explain=True)

    assert order(by_ranks) == ["b", "a", "c"]
    assert by_ranks[0].score == pytest.approx((1 / 11 + 1 / 12) / (2 / 11), abs=1e-6)
    assert set(why(by_ranks[0]).boosts) == {"rank 2 by words", "rank 1 by meaning"}


def test_an_explanation_names_the_words_and_the_ranks() -> None:
    found = ranked(
        [candidate("the worker restarts", 3.0, 0.4, coverage=0.5), candidate("other", 0.0, 0.6)],
        terms=("worker", "absent"),
        explain=True,
    )

    told = why(next(hit for hit in found if hit.id == "the worker restarts"))
    assert (told.matched_terms, told.missing_terms) == (("worker",), ("absent",))
    assert (told.lexical_rank, told.semantic_rank, told.bm25, told.cosine) == (1, 2, 3.0, 0.4)
    assert ranked([candidate("a", 1.0)])[0].why is UNSET, "nobody asked"


@given(candidates, modes, fusions, st.floats(0, 0.9), st.sampled_from([(), ("a",)]))
def test_every_score_is_the_sum_of_what_its_explanation_says(
    found: list[Candidate], mode: SearchMode, ranking: Ranking, noise: float, phrases: tuple[str, ...]
) -> None:
    for hit in ranked(found, mode=mode, ranking=ranking, noise=noise, phrases=phrases, explain=True):
        told = why(hit)
        parts = told.lexical_weight * (hit.lexical or 0) + told.semantic_weight * (hit.semantic or 0)
        total = parts + sum(told.boosts.values())
        assert hit.score == pytest.approx(min(1, max(0, total)), abs=1e-5)


@given(candidates, modes, fusions)
def test_scores_lie_between_0_and_1_and_fall(found: list[Candidate], mode: SearchMode, ranking: Ranking) -> None:
    scores = [hit.score for hit in ranked(found, mode=mode, ranking=ranking)]

    assert all(0 <= score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)


@given(candidates.filter(lambda found: len(found) <= 4), modes, fusions)
def test_the_order_in_which_candidates_arrive_does_not_matter(
    found: list[Candidate], mode: SearchMode, ranking: Ranking
) -> None:
    results = [ranked(list(shuffled), mode=mode, limit=3, ranking=ranking) for shuffled in permutations(found)]

    assert all(result == results[0] for result in results)


@given(candidates, modes, fusions, st.integers(1, 12))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(
    found: list[Candidate], mode: SearchMode, ranking: Ranking, limit: int
) -> None:
    every = ranked(found, mode=mode, ranking=ranking)

    assert ranked(found, mode=mode, ranking=ranking, limit=limit) == every[:limit]


@given(candidates)
def test_each_mode_lists_what_its_side_knows_and_nothing_else(found: list[Candidate]) -> None:
    found = [replace(c, neighbours=()) for c in found]
    flat = Ranking(trust_weight=0)
    by_words = {c.memory.id for c in found if c.bm25 > 1e-3}
    by_meaning = {c.memory.id for c in found if c.cosine is not None and c.cosine > 1e-3}
    neither = {c.memory.id for c in found if c.bm25 == 0 and (c.cosine is None or c.cosine <= 0)}

    words, meaning, both = (set(order(ranked(found, mode=m, ranking=flat))) for m in (KEYWORD, SEMANTIC, HYBRID))

    assert by_words <= words <= {c.memory.id for c in found if c.bm25}
    assert by_meaning <= meaning <= {c.memory.id for c in found if c.cosine is not None and c.cosine > 0}
    assert by_meaning <= both
    assert not both & neither


def test_pools_are_wider_than_what_is_shown() -> None:
    assert all(pool(limit) >= 2 * limit and coarse_pool(limit) >= max(400, pool(limit)) for limit in range(1, 201))
