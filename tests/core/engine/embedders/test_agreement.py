"""How an export is judged: by numbers that fall short at their bound, and that a NaN cannot pass."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memory_core.engine.embedders.agreement import Precision, compare, shortfall
from memory_core.engine.ports import Vectors


def units(seed: int, *, texts: int = 12, dimension: int = 8) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(texts, dimension)).astype(np.float32)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


SAME = compare(units(1), units(1))


@given(st.integers(0, 2**32 - 1))
def test_vectors_agree_with_themselves(seed: int) -> None:
    found = compare(units(seed), units(seed))

    assert (found.largest_difference, found.same_nearest) == (0.0, 1.0)
    assert found.cosine_min == pytest.approx(1.0, abs=1e-6)
    assert shortfall(found, Precision.FP32) is None
    assert shortfall(found, Precision.INT8) is None


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_it_does_not_matter_which_is_the_original(one: int, other: int) -> None:
    assert compare(units(one), units(other)) == compare(units(other), units(one))


@pytest.mark.parametrize(
    ("precision", "field", "enough", "too_little"),
    [
        (Precision.FP32, "largest_difference", 1e-4, 1.1e-4),
        (Precision.INT8, "cosine_min", 0.95, 0.949),
        (Precision.INT8, "cosine_mean", 0.98, 0.979),
    ],
)
def test_the_bounds_are_those_of_the_documentation(
    precision: Precision, field: str, enough: float, too_little: float
) -> None:
    assert shortfall(replace(SAME, **{field: enough}), precision) is None
    assert shortfall(replace(SAME, **{field: too_little}), precision)
    assert shortfall(replace(SAME, **{field: float("nan")}), precision)


def test_a_shortfall_says_by_how_much() -> None:
    assert shortfall(replace(SAME, largest_difference=0.012), Precision.FP32) == (
        "its numbers differ by up to 0.012, and 0.0001 is allowed"
    )
    assert "0.9700 in the mean" in (shortfall(replace(SAME, cosine_mean=0.97), Precision.INT8) or "")
