"""The two narrow contracts of the engine: a Store keeps rows and runs SQL, an Embedder turns text into vectors.

Both are plain blocking functions; the service keeps them off the event loop. A Store may be called from several
threads at once. Terms, ids, times, sign bits and ranking constants are made above the Store, so that every store holds
the same and ranks alike. A Store never sees a model, an Embedder never sees a memory.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.changes import Action, Alike, Pair, Revision
from memory_core.engine.address import check_key, check_url
from memory_core.engine.selections import AliasChange, KeptProject, Movable, Selection
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


class Entry(Struct, frozen=True, kw_only=True):
    """One state of a memory and what the lexical index holds of it: each term with its number of occurrences.

    `digest` is equal for exact repeats, 0 where it is not known.
    """

    memory: Memory
    terms: Mapping[str, int]
    digest: int = 0


class StoreOptions(Struct, frozen=True, kw_only=True):
    """Where a store lies when its location does not say, and how much of the machine it may use.

    Below `min_free_bytes` of free disk, writes are refused before they can fail halfway; 0 means no such floor.
    `backup_dir` is where backups are to be written; null: a folder beside the store.
    `entry` is how memories are analysed that another program kept in the store's place; null: its file is refused.
    """

    data_dir: Path
    backup_dir: Path | None = None
    threads: int = 2
    memory_limit: str = "512MB"
    min_free_bytes: int = 64 * 1024 * 1024
    entry: Callable[[Memory], Entry] | None = None


class Act(Struct, frozen=True, kw_only=True):
    """What is said of the change that makes a state: what was done, when, by whom, why, and as part of which batch."""

    action: Action
    at: datetime
    client_id: str | None = None
    key: str | None = None
    reason: str | None = None
    batch_id: str | None = None

    @classmethod
    def of(cls, memory: Memory, *, action: Action = Action.CREATE) -> "Act":
        """As far as the memory itself tells."""
        return cls(action=action, at=memory.updated_at, client_id=memory.client_id)


class Latest(Struct, frozen=True, kw_only=True):
    """What the latest change of a memory was. `has_former`: the state before it is kept."""

    memory_id: str
    revision: int
    action: Action
    batch_id: str | None
    has_former: bool


class Answer(Struct, frozen=True, kw_only=True):
    """What a request was answered; `request` is equal for equal requests."""

    request: str
    text: str


class EmbeddedEntry(Struct, frozen=True, kw_only=True):
    """What an export carries: a memory, its vectors where it has some, and its states where it had others before.

    The first of the `history` is the state of now.
    """

    memory: Memory
    model: ModelIdentity | None
    vectors: Vectors | None
    history: tuple[Revision, ...] = ()


class Past(Struct, frozen=True, kw_only=True):
    """What made a memory as it is, and its states before that with what made those, the latest first."""

    act: Act
    states: Sequence[tuple[Entry, Act]]


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


class Transaction(Protocol):
    """Reads and writes of one moment: all of it is durable when it ends, or none of it is.

    Each change keeps the state before it. "Here" is what is neither in the trash nor superseded.
    """

    def get(self, memory_id: str) -> Memory:
        """In the trash or not."""
        ...

    def among(self, memory_ids: Sequence[str]) -> list[Memory]:
        """As `Store` says."""
        ...

    def repeats(self, memory: Memory, digest: int) -> list[Memory]:
        """What is here with that digest, of the project and type of `memory`, the oldest first."""
        ...

    def of_topic(self, project_id: str | None, topic_key: str) -> Memory | None:
        """Of those here, the oldest."""
        ...

    def matching(self, scope: Scope, content_contains: str | None) -> list[str]:
        """Ids of all that fit."""
        ...

    def expired(self, at: datetime) -> list[str]:
        """Ids of what should have left by then and has not."""
        ...

    def history(self, memory_id: str) -> list[Revision]:
        """The latest first."""
        ...

    def latest(self, memory_id: str) -> Latest: ...

    def latest_of_batch(self, batch_id: str) -> list[Latest]:
        """Of those that nobody has changed since."""
        ...

    def changed_since(self, batch_id: str) -> list[str]:
        """Ids of those that were changed again."""
        ...

    def last_changed_by(self, client_id: str | None, projects: Sequence[str] | None = None) -> tuple[str, bool] | None:
        """The memory of those projects (null: of any) that this client changed last, imports left out.

        And whether nobody has changed it since.
        """
        ...

    def insert(self, entries: Sequence[Entry], act: Act) -> None: ...

    def change(self, memory_id: str, edit: Callable[[Memory], Entry | None], act: Act) -> Memory:
        """`edit` gives the next state, or null to leave all as it is.

        Other terms or another content than before make a new `doc`: the old vectors no longer count, and the memory is
        pending again.
        """
        ...

    def trash(self, memory_ids: Sequence[str], act: Act) -> None: ...

    def revert(self, numbers: Mapping[str, int], act: Act) -> None:
        """The kept state of that number becomes the next state of each memory, without an end that has passed.

        What was of a project whose name is an alias by now is of the one that it means.
        """
        ...

    def projects(self) -> list[KeptProject]:
        """As `Rows` says, also for the next and for `movable`."""
        ...

    def aliases(self) -> Mapping[str, str]: ...

    def named_by(self, batch_id: str) -> list[AliasChange]:
        """Which names the batch gave another meaning."""
        ...

    def name(self, meanings: Mapping[str, str | None], act: Act) -> None:
        """From now on each alias means that project (null: itself), which is no alias. `act` names a batch."""
        ...

    def movable(self, selection: Selection, *, sample: int) -> Movable: ...

    def move(self, selection: Selection, act: Act) -> int:
        """How many those were. Nothing but the project changes: words and vectors stay."""
        ...

    def lain_since(self, before: datetime, *, sample: int) -> tuple[list[str], list[Memory]]:
        """Ids of what has been in the trash since then, and the first of them."""
        ...

    def remove(self, memory_ids: Sequence[str]) -> None:
        """For good, with all states, words and vectors."""
        ...

    def link(self, newer: str, alike: Sequence[Alike], found_at: datetime) -> None:
        """Keep that the two say nearly the same; a pair that is known stays as it is."""
        ...

    def forget_open(self, memory_id: str) -> None:
        """Its open pairs: it says something else now."""
        ...

    def settle(self, one: str, other: str, how: str) -> bool:
        """Close the pair; false where there is no open one."""
        ...

    def remember_uncompared(self, memory_ids: Sequence[str]) -> None:
        """Those wait to be compared by meaning."""
        ...

    def compared(self, memory_ids: Sequence[str]) -> None: ...

    def usage(self, key: str) -> Usage:
        """As it is within the transaction by now."""
        ...

    def answer(self, key: str) -> Answer | None: ...

    def keep_answer(self, key: str, answer: Answer, at: datetime) -> None: ...

    def forget_answers(self, before: datetime) -> None: ...


class Rows(Protocol):
    """What the verbs of the product ask of a store: memories, as far as one may see them.

    Raises ConflictError where an id is taken, NotFoundError where one is missing, StorageFullError below the floor of
    free disk, UnavailableError when the file cannot be used. Unless said otherwise a method sees what is not in the
    trash.
    """

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Alone: other writers wait. An exception within undoes all of it."""
        ...

    def get(self, memory_id: str, *, trashed: bool | None = False) -> Memory:
        """`trashed`: only there (True), only outside (False), either (None)."""
        ...

    def among(self, memory_ids: Sequence[str]) -> list[Memory]:
        """Those that are here, in the trash or not, in no order."""
        ...

    def ids_like(self, prefix: str, *, limit: int, projects: Sequence[str] | None = None) -> list[str]:
        """Ids that begin with `prefix`, in the trash or not, sorted; of those projects, as `Scope.projects` says."""
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

    def opening(self, scope: Scope, wanted: Wanted) -> tuple[int, list[Memory]]:
        """How many of `scope` may open a session, and those `wanted` of each kind; of one moment, in no order."""
        ...

    def counts(self, scope: Scope) -> Counts: ...

    def usage(self, key: str) -> Usage:
        """Of all projects."""
        ...

    def matching(self, scope: Scope, *, content_contains: str | None, limit: int) -> tuple[int, list[Memory]]:
        """How many fit, and the newest of them. `content_contains` is no pattern, and has no case."""
        ...

    def projects(self) -> list[KeptProject]:
        """By name."""
        ...

    def aliases(self) -> Mapping[str, str]:
        """Names that mean a project of another name. No memory is of a project that is one, except in the past.

        As of a moment, what was kept under a name that is an alias now is of the project that it means.
        """
        ...

    def movable(self, selection: Selection, *, sample: int) -> Movable: ...

    def history(self, memory_id: str) -> list[Revision]:
        """The latest first; none where there is no such memory."""
        ...

    def next_expiry(self) -> datetime | None:
        """When the next memory is to leave, or should have left."""
        ...

    def pairs(self, projects: Sequence[str] | None, *, limit: int) -> tuple[int, list[Pair]]:
        """How many pairs are open, both of those projects (null: of any), and the latest of them."""
        ...

    def overdue(self, projects: Sequence[str] | None, at: datetime, *, limit: int) -> tuple[int, list[Memory]]:
        """How many memories of those projects should have been looked at by then, and the first of them."""
        ...

    def model(self) -> ModelIdentity | None:
        """Whose vectors are the current ones."""
        ...

    def vectors_of(self, memory_id: str) -> Vectors | None:
        """Those of the current model."""
        ...

    def export(self) -> Iterator[list[EmbeddedEntry]]:
        """Everything, the trash included, in batches, as of one moment."""
        ...

    def import_entries(
        self,
        entries: Sequence[tuple[Entry, Vectors | None]],
        *,
        model: ModelIdentity | None = None,
        act: Act | None = None,
        pasts: Mapping[str, Past] | None = None,
    ) -> list[Memory]:
        """Insert what is not here yet, with vectors of `model` (null: the current one) and `pasts` by id.

        Where another model is in use by now, the vectors are left behind, and those memories are pending.
        For each entry whose id was here already, be it from an entry before, the memory that stays as it was.
        """
        ...

    def size_bytes(self) -> int: ...

    @property
    def location(self) -> str: ...


class Store(Rows, Protocol):
    """Rows on disk, all of them, with what keeps them in order and gives them their vectors.

    Each writing call is one transaction: all of it is durable when it returns, or none of it is. Raises as `Rows` does.
    """

    def insert(self, entries: Sequence[Entry], act: Act | None = None) -> None:
        """A transaction of this one step; without `act`, as far as the memories tell."""
        ...

    def change(self, memory_id: str, edit: Callable[[Memory], Entry | None], act: Act | None = None) -> Memory:
        """A transaction of this one step."""
        ...

    def lain_since(self, before: datetime, *, sample: int) -> tuple[list[str], list[Memory]]:
        """As `Transaction` says."""
        ...

    def uncompared(self, *, limit: int) -> list[Memory]: ...

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

    def reindex(self, analyser: int, analysed: Callable[[Memory], Entry]) -> int:
        """Make the lexical index anew if another version of the analyser made it; how many documents that took.

        One transaction: searches see the whole old index or the whole new one. Vectors stay.
        """
        ...

    def maintain(self) -> None:
        """Idle work: a short WAL, sorted postings, no remains of dead revisions, and memory not in use given back."""
        ...

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
