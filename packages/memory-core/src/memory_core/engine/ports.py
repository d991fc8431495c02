"""The two narrow contracts of the engine: a Store keeps rows and runs SQL, an Embedder turns text into vectors.

Both are plain blocking functions; the service keeps them off the event loop. A Store may be called from several
threads at once. Terms, ids, times, sign bits and ranking constants are made above the Store, so that every store holds
the same and ranks alike. A Store never sees a model, an Embedder never sees a memory.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.engine.address import check_key, check_url
from memory_core.errors import InvalidError
from memory_core.types import Memory, MemoryType, Scope

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


class StoreOptions(Struct, frozen=True, kw_only=True):
    """Where a store lies when its location does not say, and how much of the machine it may use.

    Below `min_free_bytes` of free disk, writes are refused before they can fail halfway; 0 means no such floor.
    """

    data_dir: Path
    threads: int = 2
    memory_limit: str = "512MB"
    min_free_bytes: int = 64 * 1024 * 1024


class Entry(Struct, frozen=True, kw_only=True):
    """One revision of a memory and what the lexical index holds of it: each term with its number of occurrences."""

    memory: Memory
    terms: Mapping[str, int]


class EmbeddedEntry(Struct, frozen=True, kw_only=True):
    """What an export carries: a memory, and its vectors where it has some."""

    memory: Memory
    model: ModelIdentity | None
    vectors: Vectors | None


class Pending(Struct, frozen=True, kw_only=True):
    """A revision that has no vector of the current model. `doc` names the revision: it changes with the content."""

    doc: int
    memory: Memory


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


class Counts(Struct, frozen=True, kw_only=True):
    """Of one scope; `in_trash` of the same scope in the trash. No client and no project are counted under ""."""

    total: int
    with_vectors: int
    in_trash: int
    by_type: dict[str, int]
    by_client: dict[str, int]
    by_project: dict[str, int]


class Store(Protocol):
    """Rows on disk. Each writing call is one transaction: all of it is durable when it returns, or none of it is.

    Raises ConflictError where an id is taken, NotFoundError where one is missing, StorageFullError below the floor of
    free disk, UnavailableError when the file cannot be used. Unless said otherwise a method sees what is not in the
    trash.
    """

    def insert(self, entries: Sequence[Entry]) -> None: ...

    def change(self, memory_id: str, edit: Callable[[Memory], Entry | None]) -> Memory:
        """Read, edit and write in one transaction; `edit` returns null to leave all as it is.

        Other terms or another content than before make a new revision: its old vectors no longer count, and it is
        pending again.
        """
        ...

    def get(self, memory_id: str, *, trashed: bool | None = False) -> Memory:
        """`trashed`: only there (True), only outside (False), either (None)."""
        ...

    def ids_like(self, prefix: str, *, limit: int) -> list[str]:
        """Ids that begin with `prefix`, in the trash or not, sorted."""
        ...

    def newest(self, scope: Scope, *, limit: int, before: tuple[datetime, str] | None = None) -> list[Memory]:
        """By (created_at, id) descending, strictly below `before`."""
        ...

    def candidates(self, probe: Probe, scope: Scope) -> list[Candidate]:
        """The union of the best by BM25, the best by cosine and the newest with all phrases, and their neighbours.

        Each member has both scores. BM25 in Lucene's form (Robertson & Zaragoza 2009, without k1 + 1), its statistics
        over the scope searched. Raises ModelChangedError if the vector is not of the model in use.
        """
        ...

    def ranked(
        self, scope: Scope, order: Sequence[MemoryType], *, changed_after: datetime | None, limit: int
    ) -> list[Memory]:
        """By the place of the type in `order` (others last), then by updated_at descending."""
        ...

    def counts(self, scope: Scope) -> Counts: ...

    def trash(self, scope: Scope, *, content_contains: str | None, at: datetime) -> int:
        """Move all that fit to the trash; how many those were."""
        ...

    def matching(self, scope: Scope, *, content_contains: str | None, limit: int) -> tuple[int, list[Memory]]:
        """How many `trash` would move, and the newest of them. `content_contains` is no pattern, and has no case."""
        ...

    def model(self) -> ModelIdentity | None:
        """Whose vectors are the current ones."""
        ...

    def models(self) -> list[KeptModel]: ...

    def use_model(self, model: ModelIdentity, *, spec: str | None = None) -> None:
        """From now on this model's vectors are the current ones, and there is no next; others stay until dropped."""
        ...

    def prepare_model(self, model: ModelIdentity | None, *, spec: str | None = None) -> None:
        """Make room for vectors of the model that is to be the next, beside those in use. Null: there is no next."""
        ...

    def pending(self, *, limit: int, exclude: Sequence[int] = (), model: ModelIdentity | None = None) -> list[Pending]:
        """What `model` (null: the current one) has no vectors of, the newest revisions first; all if none is in use."""
        ...

    def count_pending(self, model: ModelIdentity | None = None) -> int: ...

    def set_vectors(self, vectors: Mapping[int, Vectors], *, model: ModelIdentity | None = None) -> int:
        """By revision (`doc`); a revision that is gone meanwhile is left out. How many were kept."""
        ...

    def note(self, name: str) -> str | None:
        """What `write_note` was last given under this name."""
        ...

    def write_note(self, name: str, value: str | None) -> None: ...

    def reindex(self, analyser: int, terms: Callable[[Memory], Mapping[str, int]]) -> int:
        """Make the lexical index anew if another version of the analyser made it; how many memories that took.

        One transaction: searches see the whole old index or the whole new one. Vectors stay.
        """
        ...

    def vectors_of(self, memory_id: str) -> Vectors | None:
        """Those of the current model."""
        ...

    def export(self) -> Iterator[list[EmbeddedEntry]]:
        """Everything, the trash included, in batches, as of one moment."""
        ...

    def import_entries(
        self, entries: Sequence[tuple[Entry, Vectors | None]], *, model: ModelIdentity | None = None
    ) -> list[Memory]:
        """Insert what is not here yet, with vectors of `model` (null: the current one).

        Where another model is in use by now, the vectors are left behind, and those memories are pending.
        For each entry whose id was here already, be it from an entry before, the memory that stays as it was.
        """
        ...

    def backup(self, folder: Path) -> Path:
        """A consistent copy as a store of its own, made while writes go on; where it lies."""
        ...

    def maintain(self) -> None:
        """Idle work: a short WAL, sorted postings, no remains of dead revisions, and memory not in use given back."""
        ...

    def size_bytes(self) -> int: ...

    @property
    def location(self) -> str: ...

    def close(self) -> None: ...


class EmbedderOptions(Struct, frozen=True, kw_only=True):
    """What a backend may use: a folder for models and what is made of them, the network, and so many threads.

    `url` and `api_key` are of a model that runs elsewhere. Raises InvalidError for what cannot be either.
    """

    cache_dir: Path
    download: bool
    threads: int
    url: str | None = None
    api_key: str | None = None

    def __post_init__(self) -> None:
        if self.url is not None:
            check_url(self.url)
        if self.api_key is not None:
            check_key(self.api_key)


class Embedder(Protocol):
    """A loaded model. Thread-safe; deterministic."""

    @property
    def model(self) -> ModelIdentity: ...

    def pieces(self, text: str) -> list[str]:
        """`text` cut into pieces that the model reads whole, at least one."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in order. Texts longer than the model reads are cut: pass what `pieces` gave."""
        ...

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Shape (dimension,). Models that want queries marked get them marked."""
        ...

    def close(self) -> None: ...


class Reranker(Protocol):
    """A loaded model that reads a query and a text together. Thread-safe; deterministic."""

    @property
    def name(self) -> str: ...

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """The probability, 0..1, that each text is what `query` asks for, in order. What is too long is cut."""
        ...

    def close(self) -> None: ...
