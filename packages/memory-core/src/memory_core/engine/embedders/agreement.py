"""Whether two embedders give the same vectors for the same texts, and how much may be missing. Pure."""

from enum import StrEnum

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.engine.ports import Vectors


class Precision(StrEnum):
    """How the numbers of a model's weights are kept."""

    FP32 = "fp32"
    INT8 = "int8"


class Agreement(Struct, frozen=True, kw_only=True):
    """Of unit vectors, text by text. `same_nearest` is the share of texts that keep their nearest other text."""

    largest_difference: float
    cosine_min: float
    cosine_mean: float
    same_nearest: float


EXACT = 1e-4  # the largest difference of two numbers: float32, added up in another order
INT8_COSINE_MIN = 0.95
INT8_COSINE_MEAN = 0.98


def compare(vectors: Vectors, reference: Vectors) -> Agreement:
    """Both of shape (texts, dimension), at least two texts, rows of unit length."""
    cosines = (vectors * reference).sum(axis=1)
    return Agreement(
        largest_difference=float(np.abs(vectors - reference).max()),
        cosine_min=float(cosines.min()),
        cosine_mean=float(cosines.mean()),
        same_nearest=float((_nearest(vectors) == _nearest(reference)).mean()),
    )


def shortfall(found: Agreement, precision: Precision) -> str | None:
    """What is missing to an export that may be used; null for one that may."""
    # Written so that a NaN falls short.
    if precision is Precision.FP32 and not found.largest_difference <= EXACT:
        return f"its numbers differ by up to {found.largest_difference:.2g}, and {EXACT:g} is allowed"
    if precision is Precision.INT8 and not (
        found.cosine_min >= INT8_COSINE_MIN and found.cosine_mean >= INT8_COSINE_MEAN
    ):
        return (
            f"the cosines with the original are {found.cosine_mean:.4f} in the mean and {found.cosine_min:.4f} at the "
            f"least, and {INT8_COSINE_MEAN} and {INT8_COSINE_MIN} are wanted"
        )
    return None


def _nearest(vectors: Vectors) -> NDArray[np.intp]:
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    nearest: NDArray[np.intp] = cosines.argmax(axis=1)
    return nearest
