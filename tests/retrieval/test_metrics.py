"""The figures of the retrieval benchmark, on rankings small enough to work out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.retrieval import metrics

TEN = [f"m{place}" for place in range(1, 11)]


def test_a_right_memory_in_first_place_is_all_there_is_to_find() -> None:
    assert metrics.of_ranking(TEN, ["m1"]) == dict.fromkeys(metrics.NAMES, 1.0)


def test_a_ranking_without_a_right_memory_has_nothing() -> None:
    assert metrics.of_ranking(TEN, ["other"]) == dict.fromkeys(metrics.NAMES, 0.0)
    assert metrics.of_ranking([], ["other"]) == dict.fromkeys(metrics.NAMES, 0.0)


def test_recall_tells_one_from_all_and_from_a_share() -> None:
    figures = metrics.of_ranking(TEN, ["m2", "m6", "elsewhere"])

    assert [figures[f"R@{cut}"] for cut in (1, 5, 10)] == [0, 1 / 3, 2 / 3]
    assert [figures[f"any@{cut}"] for cut in (1, 5, 10)] == [0, 1, 1]
    assert [figures[f"all@{cut}"] for cut in (1, 5, 10)] == [0, 0, 0]
    assert metrics.of_ranking(TEN, ["m2", "m6"])["all@10"] == 1
    assert figures["MRR"] == 1 / 2


def test_ndcg_is_what_the_textbook_says() -> None:
    figures = metrics.of_ranking(TEN, ["m2", "m4"])

    gain = 1 / math.log2(3) + 1 / math.log2(5)
    assert figures["nDCG@10"] == pytest.approx(gain / (1 + 1 / math.log2(3)))


def test_more_right_memories_than_places_can_still_be_perfect() -> None:
    figures = metrics.of_ranking(TEN, [*TEN, "eleventh", "twelfth"])

    assert figures["nDCG@10"] == 1
    assert figures["R@10"] == pytest.approx(10 / 12)


def test_what_stands_below_the_tenth_place_counts_for_nothing() -> None:
    assert metrics.of_ranking([*TEN, "late"], ["late"]) == dict.fromkeys(metrics.NAMES, 0.0)


@given(st.permutations(TEN), st.sets(st.sampled_from(TEN), min_size=1))
def test_figures_are_shares_and_the_ideal_order_is_the_best(ranking: list[str], gold: set[str]) -> None:
    figures = metrics.of_ranking(ranking, gold)
    ideal = metrics.of_ranking(sorted(ranking, key=lambda each: each not in gold), gold)

    assert all(0 <= figures[name] <= ideal[name] <= 1 for name in metrics.NAMES)
    assert ideal["nDCG@10"] == ideal["MRR"] == 1
    assert all(figures[f"all@{k}"] <= figures[f"R@{k}"] <= figures[f"any@{k}"] for k in metrics.CUTS)


def test_the_mean_counts_each_question_the_same() -> None:
    rows = [metrics.of_ranking(TEN, ["m1"]), metrics.of_ranking(TEN, ["m2", "x", "y", "z"])]

    assert metrics.means(rows)["R@5"] == pytest.approx((1 + 1 / 4) / 2)


def test_an_interval_holds_the_mean_narrows_with_more_questions_and_is_the_same_in_every_run() -> None:
    few = np.tile([0.0, 1.0], 20)
    many = np.tile(few, 16)

    low, high = metrics.interval(few)
    narrow_low, narrow_high = metrics.interval(many)

    assert low < narrow_low < 0.5 < narrow_high < high
    # Of a share p among n, the normal approximation: 1.96 · sqrt(p(1-p)/n) on each side.
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 40), rel=0.15)
    assert metrics.interval(few) == (low, high)


def test_separation_is_one_where_scores_tell_and_a_half_where_they_do_not() -> None:
    assert metrics.separation([0.8, 0.9], [0.1, 0.7]) == 1
    assert metrics.separation([0.1, 0.7], [0.8, 0.9]) == 0
    assert metrics.separation([0.5, 0.5], [0.5]) == 0.5
    assert metrics.separation([0.2, 0.6], [0.4]) == 0.5
