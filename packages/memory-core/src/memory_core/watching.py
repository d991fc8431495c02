"""What a machine that watches a server wants to know of its engine: whether it can work, and numbers of it."""

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from memory_core.types import EmbeddingStatus, MemoryType, RerankerStatus


class Readiness(Struct, frozen=True, kw_only=True):
    """`missing` has a sentence for each thing without which requests fail; there is none where it is `ready`.

    Without a model search goes by keyword, so `embedding` may be in any state. What could not be read is null.
    """

    ready: bool
    missing: tuple[str, ...] = ()
    schema_version: int | None = None
    embedding: EmbeddingStatus | None = None


class Standing(StrEnum):
    LIVE = "live"
    SUPERSEDED = "superseded"
    TRASH = "trash"


class Tally(Struct, frozen=True, kw_only=True):
    """So many memories are of this type and state."""

    memory_type: MemoryType
    standing: Standing
    count: int


class Gauges(Struct, frozen=True, kw_only=True):
    """Numbers of an engine. What a kind of store does not tell is null; `reranker` is null where there is none."""

    embedding: EmbeddingStatus
    reranker: RerankerStatus | None = None
    schema_version: int | None = None
    size_bytes: int | None = None
    log_bytes: int | None = None
    free_bytes: int | None = None
    floor_bytes: int | None = None
    memories: tuple[Tally, ...] = ()


class Watch(Protocol):
    async def gauges(self) -> Gauges:
        """Counts are made anew only when something was written since. Raises what the store raises."""
        ...

    async def readiness(self) -> Readiness:
        """Costs one small read. Raises nothing."""
        ...
