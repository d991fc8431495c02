"""What vectors are, and which model made them: all that a store and an embedder have in common."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.errors import InvalidError

Vectors = NDArray[np.float32]
"""Shape (number of pieces, dimension); every row finite and of unit length."""


class ModelIdentity(Struct, frozen=True, kw_only=True):
    """Which model made a vector. Vectors of different identities are never compared."""

    name: str
    revision: str
    dimension: int


class KeptModel(Struct, frozen=True, kw_only=True):
    """A model that a store holds vectors of, and of how many memories. `spec` is how to load it again, if known."""

    model: ModelIdentity
    spec: str | None
    is_current: bool
    is_next: bool
    memories: int


UNIT_TOLERANCE = 1e-3  # of a vector's length; the rounding of float32 stays well within


def check_vectors(vectors: Vectors, model: ModelIdentity) -> None:
    """Raise InvalidError unless these are vectors of `model`: a NaN or a zero vector would rank first everywhere."""
    if vectors.ndim != 2 or not len(vectors) or vectors.shape[1] != model.dimension:
        raise InvalidError(f"vectors of shape {vectors.shape} do not fit {model.name} of dimension {model.dimension}")
    if not np.isfinite(vectors).all() or np.abs(np.linalg.norm(vectors, axis=1) - 1).max() > UNIT_TOLERANCE:
        raise InvalidError("a vector is not finite or not of unit length, so it cannot be compared")
