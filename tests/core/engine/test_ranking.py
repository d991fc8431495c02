"""Which of two memories comes first, and why."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.engine.ports import Candidate
from memory_core.engine.ranking import Fusion, Ranking, coarse_pool, fuse, pool
from memory_core.types import SearchHit, SearchMode
from support.samples import AT, a_memory

HYBRID, KEYWORD, SEMANTIC = SearchMode.HYBRID, SearchMode.KEYWORD, SearchMode.SEMANTIC


def candidate(name: str, bm25: float = 0.0, cosine: float | None = None, **fields: object) -> Candidate:
    return Candidate(memory=a_memory(name, id=name, **fields), bm25=bm25, cosine=cosine)


def order(hits: Sequence[SearchHit]) -> list[str]:
    return [hit.id for hit in hits]


candidates = st.lists(
    st.builds(
        candidate,
        st.uuids().map(lambda u: u.hex),
        st.just(0.0) | st.floats(0.001, 40),
        st.none() | st.floats(-1, 1),
        certainty_score=st.floats(0, 1),
        quality_score=st.floats(0, 1),
        created_at=st.integers(0, 3).map(lambda days: AT - timedelta(days=days)),
    ),
    max_size=12,
    unique_by=lambda c: c.memory.id,
)
modes = st.sampled_from(SearchMode)
fusions = st.sampled_from(Fusion).map(lambda fusion: Ranking(fusion=fusion))


def test_a_hybrid_score_is_a_quarter_words_and_three_quarters_meaning() -> None:
    found = fuse([candidate("a", 8.0, 0.5), candidate("b", 4.0, 0.6), candidate("c", 0.0, 0.8)], mode=HYBRID, limit=9)

    assert [(hit.id, hit.score) for hit in found] == [("a", 0.625), ("c", 0.6), ("b", 0.575)]
    assert (found[0].lexical, found[0].semantic) == (1.0, 0.5)
    assert (found[1].lexical, found[1].semantic) == (0.0, 0.8)


def test_each_side_can_order_alone() -> None:
    both = [candidate("a", 8.0, 0.1), candidate("b", 2.0, 0.9), candidate("c", 0.0, 0.5), candidate("d", 4.0)]

    assert order(fuse(both, mode=KEYWORD, limit=9)) == ["a", "d", "b"]
    assert order(fuse(both, mode=SEMANTIC, limit=9)) == ["b", "c", "a"]


def test_what_has_no_vector_yet_is_not_found_less_for_it() -> None:
    """A memory stored a moment ago with just the words asked for must not hide behind all that has a vector."""
    found = fuse([candidate("old", 1.0, 0.6), candidate("new", 8.0), candidate("far", 0.0, 0.3)], mode=HYBRID, limit=9)

    assert order(found) == ["new", "old", "far"]
    assert found[0].semantic is None


def test_a_cosine_below_zero_counts_as_zero() -> None:
    (hit,) = fuse([candidate("a", 0.0, -0.4)], mode=SEMANTIC, limit=9)

    assert (hit.score, hit.semantic) == (0.0, 0.0)


def test_the_least_score_asked_for_is_kept() -> None:
    found = [candidate("a", 0.0, 0.8), candidate("b", 0.0, 0.4), candidate("c", 0.0, 0.1)]

    assert order(fuse(found, mode=SEMANTIC, limit=9, min_score=0.4)) == ["a", "b"]


def test_equal_scores_show_the_newer_first_then_go_by_id() -> None:
    older = AT - timedelta(days=1)
    found = [candidate("b", 0.0, 0.5), candidate("c", 0.0, 0.5, created_at=older), candidate("a", 0.0, 0.5)]

    assert order(fuse(found, mode=SEMANTIC, limit=9)) == ["a", "b", "c"]


def test_certainty_and_quality_order_near_ties_and_lift_nothing_above_what_fits_better() -> None:
    trusted = {"certainty_score": 1.0, "quality_score": 1.0}
    doubtful = {"certainty_score": 0.0, "quality_score": 0.0}

    near = fuse([candidate("a", 0, 0.5, **doubtful), candidate("b", 0, 0.4999, **trusted)], mode=SEMANTIC, limit=9)
    clear = fuse([candidate("a", 0, 0.52, **doubtful), candidate("b", 0, 0.50, **trusted)], mode=SEMANTIC, limit=9)

    assert order(near) == ["b", "a"]
    assert order(clear) == ["a", "b"]


def test_rank_fusion_goes_by_places_alone() -> None:
    found = [candidate("a", 9.0, 0.10), candidate("b", 8.9, 0.90), candidate("c", 0.1, 0.89)]

    by_ranks = fuse(found, mode=HYBRID, limit=9, ranking=Ranking(fusion=Fusion.RANKS, rank_constant=10))

    assert order(by_ranks) == ["b", "a", "c"]
    assert by_ranks[0].score == pytest.approx((1 / 11 + 1 / 12) / (2 / 11), abs=1e-6)


@given(candidates, modes, fusions)
def test_scores_lie_between_0_and_1_and_fall(found: list[Candidate], mode: SearchMode, ranking: Ranking) -> None:
    scores = [hit.score for hit in fuse(found, mode=mode, limit=50, ranking=ranking)]

    assert all(0 <= score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)


@given(candidates.filter(lambda found: len(found) <= 4), modes, fusions)
def test_the_order_in_which_candidates_arrive_does_not_matter(
    found: list[Candidate], mode: SearchMode, ranking: Ranking
) -> None:
    results = [fuse(list(shuffled), mode=mode, limit=3, ranking=ranking) for shuffled in permutations(found)]

    assert all(result == results[0] for result in results)


@given(candidates, modes, fusions, st.integers(1, 12))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(
    found: list[Candidate], mode: SearchMode, ranking: Ranking, limit: int
) -> None:
    every = fuse(found, mode=mode, limit=50, ranking=ranking)

    assert fuse(found, mode=mode, limit=limit, ranking=ranking) == every[:limit]


@given(candidates)
def test_each_mode_lists_what_its_side_knows_and_nothing_else(found: list[Candidate]) -> None:
    by_words = {c.memory.id for c in found if c.bm25 > 0}
    by_meaning = {c.memory.id for c in found if c.cosine is not None}

    assert set(order(fuse(found, mode=KEYWORD, limit=50))) == by_words
    assert set(order(fuse(found, mode=SEMANTIC, limit=50))) == by_meaning
    assert set(order(fuse(found, mode=HYBRID, limit=50))) == by_words | by_meaning


def test_pools_are_wider_than_what_is_shown() -> None:
    assert all(pool(limit) >= 2 * limit and coarse_pool(limit) >= max(400, pool(limit)) for limit in range(1, 201))
