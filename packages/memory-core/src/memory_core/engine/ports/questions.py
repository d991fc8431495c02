"""What a store is asked in one go, and what it answers: candidates of a search, what opens a session, counts."""

from datetime import datetime

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.engine.ports.vectors import ModelIdentity
from memory_core.types import Memory, MemoryType


class ModelChangedError(Exception):
    """A query's vector is of another model than the store now compares with: embed the query anew."""


class QueryVector(Struct, frozen=True, kw_only=True):
    """A query as `model` understands it. `numbers` has shape (dimension,) and unit length.

    `noise` is the cosine that this model gives to texts that have nothing to do with each other.
    """

    numbers: NDArray[np.float32]
    model: ModelIdentity
    noise: float = 0.0


class Probe(Struct, frozen=True, kw_only=True):
    """What to look for. `terms` are distinct and analysed; `phrases` are text that content is to contain as it stands.

    `pool` is how many candidates each side may bring; `coarse_pool` how many a first pass over sign bits keeps for the
    exact comparison (a scope that is smaller is compared exactly).
    """

    terms: tuple[str, ...]
    vector: QueryVector | None
    pool: int
    coarse_pool: int
    k1: float
    b: float
    coverage_prior: float
    piece_penalty: float
    phrases: tuple[str, ...] = ()


class Candidate(Struct, frozen=True, kw_only=True):
    """`bm25` is 0 where no term matches; `cosine` is the best piece less the penalty, null without a vector.

    `coverage` is the share of the probe's terms that the memory has, 0..1, each weighted by its idf in a store of
    `coverage_prior` more memories without it: else a word of a small store would weigh almost nothing. `neighbours`
    are the ids of the memories kept just before and just after in the same session, in scope and candidates too.
    """

    memory: Memory
    bm25: float
    coverage: float
    cosine: float | None
    neighbours: tuple[str, ...] = ()


class Wanted(Struct, frozen=True, kw_only=True):
    """Of what may open a session, `each` of a kind: those that changed last.

    A kind is what has the tag `tag`, else a type of `types`, else all other types together. Left out is what is in
    `exclude`, and what has not changed since `changed_after`.
    """

    each: int
    tag: str
    types: tuple[MemoryType, ...]
    changed_after: datetime | None = None
    exclude: tuple[str, ...] = ()


class Counts(Struct, frozen=True, kw_only=True):
    """Of one scope; `in_trash` of the same scope in the trash. No client and no project are counted under ""."""

    total: int
    with_vectors: int
    in_trash: int
    by_type: dict[str, int]
    by_client: dict[str, int]
    by_project: dict[str, int]


class Usage(Struct, frozen=True, kw_only=True):
    """What is kept for a key: the memories that it created and that are not in the trash, and the bytes of their text.

    Who changed them since does not matter, and what they were before does not count.
    """

    memories: int
    content_bytes: int
