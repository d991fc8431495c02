"""What a search knows of one revision, whichever way it was carried out."""

from msgspec import Struct


class Scored(Struct, frozen=True, kw_only=True):
    """`bm25` and `coverage` are 0 where no term matches; `cosine` is null without a vector."""

    bm25: float
    coverage: float
    cosine: float | None
