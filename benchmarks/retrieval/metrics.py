"""How good a ranking is, given which memories are right. Pure: ids in, numbers out.

All figures are 0..1. A question may have several right memories ("gold"): `any` asks whether one of them is there,
`all` whether each is, and plain recall what share is. Questions without a right answer have none of these figures.
"""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

CUTS = (1, 5, 10)
DEPTH = 10
"""Every ranking is cut here, so the reciprocal rank of what stands lower is 0."""
NAMES = (*(f"{kind}@{cut}" for kind in ("R", "any", "all") for cut in CUTS), f"nDCG@{DEPTH}", "MRR")
RESAMPLES = 1_000
SEED = 20_261_101


def of_ranking(ranking: Sequence[str], gold: Collection[str]) -> dict[str, float]:
    """Every figure of NAMES for one question; `gold` has at least one id, `ranking` none twice."""
    right = set(gold)
    found = {cut: len(right.intersection(ranking[:cut])) for cut in CUTS}
    return {
        **{f"R@{cut}": found[cut] / len(right) for cut in CUTS},
        **{f"any@{cut}": float(found[cut] > 0) for cut in CUTS},
        **{f"all@{cut}": float(found[cut] == len(right)) for cut in CUTS},
        f"nDCG@{DEPTH}": _ndcg(ranking[:DEPTH], right),
        "MRR": next((1 / place for place, each in enumerate(ranking[:DEPTH], start=1) if each in right), 0.0),
    }


def means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Over questions, each counting the same."""
    return {name: float(np.mean([row[name] for row in rows])) for name in NAMES}


def interval(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean (percentile method). For a paired difference, give the differences."""
    array = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(SEED).integers(0, len(array), size=(RESAMPLES, len(array)))
    low, high = np.percentile(array[picks].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def separation(answerable: Sequence[float], unanswerable: Sequence[float]) -> float:
    """How surely the best score tells a question with an answer from one without: 1 always, 0.5 not at all (AUC)."""
    pairs = np.subtract.outer(np.asarray(answerable), np.asarray(unanswerable))
    return float(np.mean((pairs > 0) + 0.5 * (pairs == 0)))


def _ndcg(ranking: Sequence[str], right: set[str]) -> float:
    """Binary gains (Järvelin & Kekäläinen 2002)."""
    gain = sum(_discount(place) for place, each in enumerate(ranking) if each in right)
    return gain / sum(_discount(place) for place in range(min(len(right), DEPTH)))


def _discount(place: int) -> float:
    return 1 / math.log2(place + 2)
