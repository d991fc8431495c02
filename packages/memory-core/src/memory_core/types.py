"""The one vocabulary of storage, REST, MCP and CLI: what a memory is, and what can be asked about memories.

Every struct checks itself, so that one sentence says the same everywhere: constructing raises InvalidError, decoding
raises msgspec.ValidationError with the same text. Times are aware UTC datetimes; scores are 0..1. JSON keys are the
field names. Needs msgspec and nothing else.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import force_setattr

from memory_core import checks
from memory_core.errors import InvalidError

DEFAULT_SCORE = 0.7
MAX_LIMIT = 200
MAX_EXCLUDED = 2_000
PINNED = "pinned"
"""The tag of what opens every session."""


class MemoryType(StrEnum):
    FACT = "fact"
    DECISION = "decision"
    PREFERENCE = "preference"
    OBSERVATION = "observation"
    ENTITY = "entity"
    RELATION = "relation"
    SESSION = "session"


class SearchMode(StrEnum):
    KEYWORD = "keyword"
    SEMANTIC = "semantic"
    HYBRID = "hybrid"


class Fusion(StrEnum):
    """How a hybrid search joins words and meaning."""

    SCORES = "scores"
    RANKS = "ranks"  # reciprocal rank fusion


class SecretPolicy(StrEnum):
    """What is done with a secret in what someone wants kept."""

    REDACT = "redact"  # the rest is kept, with a marker in its place
    REFUSE = "refuse"
    OFF = "off"  # kept as it is


class TagsMatch(StrEnum):
    ANY = "any"
    ALL = "all"


class NewMemory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What someone wants kept. `project_id` unset means the caller's project; null means no project: global.

    At `expires_at` it leaves search and goes to the trash. `review_by` is a mark: when somebody should look at it
    again. `supersedes` is the id of a memory that this one takes the place of. With the `topic_key` that a memory of
    its project has already it is an update of that one.
    """

    content: str
    memory_type: MemoryType = MemoryType.OBSERVATION
    tags: tuple[str, ...] = ()
    source: str | None = None
    project_id: str | UnsetType | None = UNSET
    client_id: str | None = None
    session_id: str | None = None
    certainty_score: float = DEFAULT_SCORE
    quality_score: float = DEFAULT_SCORE
    expires_at: datetime | None = None
    review_by: datetime | None = None
    topic_key: str | None = None
    supersedes: str | None = None

    def __post_init__(self) -> None:
        checks.content(self.content)
        force_setattr(self, "tags", checks.tags(self.tags))
        checks.names(self, "source", "project_id", "client_id", "session_id", "topic_key", "supersedes")
        checks.scores(self, "certainty_score", "quality_score")
        checks.in_utc(self, "expires_at", "review_by")


class MemoryPatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields to change; what is unset stays."""

    content: str | UnsetType = UNSET
    memory_type: MemoryType | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    source: str | UnsetType | None = UNSET
    project_id: str | UnsetType | None = UNSET
    certainty_score: float | UnsetType = UNSET
    quality_score: float | UnsetType = UNSET
    expires_at: datetime | UnsetType | None = UNSET
    review_by: datetime | UnsetType | None = UNSET
    topic_key: str | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        if self.content is not UNSET:
            checks.content(self.content)
        if self.tags is not UNSET:
            force_setattr(self, "tags", checks.tags(self.tags))
        checks.names(self, "source", "project_id", "topic_key")
        checks.scores(self, "certainty_score", "quality_score")
        checks.in_utc(self, "expires_at", "review_by")

    def changes(self) -> dict[str, Any]:
        """Field name → new value, of the fields that are set."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}


class Memory(Struct, frozen=True, kw_only=True):
    """A memory as it is kept. `id` is opaque: 32 hexadecimal digits, and any unique beginning of it names it too.

    `superseded_by` is the id of the memory that took its place: it is then out of search, context and lists, unless
    asked for. `revision` counts its states, from 1.
    """

    id: str
    content: str
    memory_type: MemoryType
    tags: tuple[str, ...]
    source: str | None
    project_id: str | None
    client_id: str | None
    session_id: str | None
    certainty_score: float
    quality_score: float
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    expires_at: datetime | None = None
    review_by: datetime | None = None
    topic_key: str | None = None
    superseded_by: str | None = None
    revision: int = 1


class Updated(Memory, frozen=True, kw_only=True):
    """The answer to `update`: the memory as it is now, and the kinds of the secrets that were left out."""

    redacted: tuple[str, ...] = ()

    @property
    def memory(self) -> Memory:
        """Without what belongs to the answer alone."""
        return Memory(**{name: getattr(self, name) for name in Memory.__struct_fields__})


class Scope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which memories are meant: every filter there is, applied inside each query and never after its cut.

    `project_id` unset means the project that the caller of a server names by its headers, and every project where it
    names none. Null means the memories of no project. `global_search` means every project, whatever
    `project_id` says. `include_global` adds the memories of no project to those of the named one. Of all these, only
    those of `projects` are meant where that is given; "" in it stands for no project. `include_superseded` adds those
    that another memory took the place of. `as_of` shows everything as it was at that moment.
    """

    project_id: str | UnsetType | None = UNSET
    projects: tuple[str, ...] | None = None
    global_search: bool = False
    include_global: bool = False
    memory_type: MemoryType | None = None
    tags: tuple[str, ...] = ()
    tags_match: TagsMatch = TagsMatch.ANY
    client_id: str | None = None
    session_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    min_certainty: float | None = None
    min_quality: float | None = None
    include_superseded: bool = False
    trashed: bool = False
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "tags", checks.tags(self.tags))
        checks.names(self, "project_id", "client_id", "session_id")
        checks.projects(self.projects)
        checks.scores(self, "min_certainty", "min_quality")
        checks.in_utc(self, "created_after", "created_before", "as_of")


class ListQuery(Scope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The newest memories of a scope; `cursor` is what the page before gave as `next_cursor`."""

    limit: int = 20
    cursor: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.limit(self.limit)


class SearchQuery(Scope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to find. An empty `query` gives the newest memories of the scope.

    What stands in double quotes is looked for word for word: memories that contain it come first. With `explain` each
    hit says why it stands where it stands.
    """

    query: str = ""
    search_mode: SearchMode = SearchMode.HYBRID
    limit: int = 20
    min_score: float | None = None
    include_global: bool = True
    explain: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.query(self.query)
        checks.limit(self.limit)
        checks.scores(self, "min_score")


class PurgeQuery(Scope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which memories to move to the trash. At least one filter must be set: nobody empties a store by accident."""

    older_than_days: int | None = None
    content_contains: str | None = None
    dry_run: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.purge(self)
        if self.as_of is not None:
            raise InvalidError("as_of is for looking; what is purged is what is here now")


class ContextQuery(Scope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What should open a session: at most `max_memories` memories in at most `max_tokens` tokens of text.

    `days` limits to memories changed in the last so many days; null, the default, has no such window. With `query`,
    such as a prompt, only what is relevant to it, best first: nothing, if nothing is. `exclude` has ids, whole, of
    memories that were told before; `changed_after` leaves out what has not changed since.
    """

    max_memories: int = 30
    max_tokens: int = 1500
    days: int | None = None
    include_global: bool = True
    query: str | None = None
    exclude: tuple[str, ...] = ()
    changed_after: datetime | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.query(self.query or "")
        checks.in_utc(self, "changed_after")
        if len(self.exclude) > MAX_EXCLUDED:
            raise InvalidError(f"exclude names {len(self.exclude):,} memories; at most {MAX_EXCLUDED:,} fit")
        if self.query and self.days is not None:
            raise InvalidError("days goes with a context without query; with one, use created_after")
        checks.limit(self.max_memories, name="max_memories")
        checks.between("max_tokens", self.max_tokens, 50, 20_000)
        if self.days is not None:
            checks.between("days", self.days, 1, 36_500)


class Explanation(Struct, frozen=True, kw_only=True):
    """Why a hit has its score, which is `lexical_weight` · lexical + `semantic_weight` · semantic + the `boosts`.

    `coverage` is how much of the query the memory's words cover, 0..1, rare words counting more; `bm25` and `cosine`
    are as computed, before they were brought to 0..1. A rank is the place among all candidates by that side alone;
    null where that side does not know the memory. `boosts` are named: what pulled the score up or down, and by how
    much. `evidence` is how much speaks for the memory being relevant at all, 0..2, whatever else was found.
    """

    matched_terms: tuple[str, ...]
    missing_terms: tuple[str, ...]
    bm25: float
    coverage: float
    lexical_rank: int | None
    lexical_weight: float
    cosine: float | None
    semantic_rank: int | None
    semantic_weight: float
    boosts: dict[str, float]
    evidence: float


class SearchHit(Memory, frozen=True, kw_only=True):
    """A memory that was found. `score` orders the hits; `lexical` and `semantic` are the parts it was made of, 0..1.

    `why` is there when the query asked to explain.
    """

    score: float
    lexical: float | None = None
    semantic: float | None = None
    why: Explanation | UnsetType = UNSET


class SearchResult(Struct, frozen=True, kw_only=True):
    """`search_mode` is what was done; `notice` says why that is less than was asked for, or what to know of the hits.

    `weak`: nothing that was found is likely to be what was meant.
    """

    results: tuple[SearchHit, ...]
    count: int
    search_mode: SearchMode
    notice: str | None = None
    weak: bool = False


class MemoryPage(Struct, frozen=True, kw_only=True):
    memories: tuple[Memory, ...]
    count: int
    next_cursor: str | None = None


class Chosen(Struct, frozen=True, kw_only=True):
    """Why a memory is in a context: under which heading of its text, for how many tokens, and what speaks for it."""

    memory_id: str
    section: str
    tokens: int
    why: str


class Context(Struct, frozen=True, kw_only=True):
    """`summary` is the text for a session, `memories` the same as data; `omitted` counts what the budget cut.

    `chosen` says of each of `memories`, in the same order, why it is there.
    """

    project_id: str | None
    has_context: bool
    summary: str
    memories: tuple[Memory, ...]
    tokens: int
    omitted: int = 0
    chosen: tuple[Chosen, ...] = ()


class PurgeReport(Struct, frozen=True, kw_only=True):
    """`matched` memories fit; `purged` of them are now in the trash (0 on a dry run); `sample` shows up to 20.

    `batch_id` names what was done, for `undo`.
    """

    dry_run: bool
    matched: int
    purged: int
    sample: tuple[Memory, ...] = ()
    batch_id: str | None = None


class FileFormat(StrEnum):
    """The files that a server writes and reads."""

    PARQUET = "parquet"
    JSONL = "jsonl"  # one memory a line, as JSON


class ExportQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything, the trash included; with `bare` the memories alone, without their past states and vectors."""

    format: FileFormat = FileFormat.PARQUET
    bare: bool = False


class ImportQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a file is taken in. Memories of no project come into `project_id`, where one is named.

    With `ignore_times` a memory that is here with another time of creation or update is no conflict: that is for
    sources that keep no times.
    """

    dry_run: bool = False
    ignore_times: bool = False
    project_id: str | None = None

    def __post_init__(self) -> None:
        checks.names(self, "project_id")


class ImportReport(Struct, frozen=True, kw_only=True):
    """`imported` memories are new here (on a dry run: would be), `unchanged` ones were here already.

    `conflicts` lists ids that exist here with another text or other fields; those stayed as they were, `in_trash` of
    them in the trash. Of `redacted` memories that are new here something was left out that looked like a secret.
    `batch_id` names what was imported, for `undo`; it is null where that is nothing. `remarks` say what of the file was
    left out, or changed to fit, and why.
    """

    imported: int
    unchanged: int
    conflicts: tuple[str, ...] = ()
    in_trash: int = 0
    redacted: int = 0
    batch_id: str | None = None
    dry_run: bool = False
    remarks: tuple[str, ...] = ()


class BackfillReport(Struct, frozen=True, kw_only=True):
    """`pending` memories have no vector of the current model yet; `failed` of them were tried and could not be."""

    pending: int
    failed: int
    embedding: "EmbeddingStatus"


class EmbeddingState(StrEnum):
    OFF = "off"  # keyword search only, by choice
    LOADING = "loading"
    READY = "ready"
    UNAVAILABLE = "unavailable"  # `detail` says why and what to do


class NextModel(Struct, frozen=True, kw_only=True):
    """The model that is to take over: `pending` memories have no vector of it yet, and searches use the one before.

    `state` is "loading", "ready" while its vectors are made, or "unavailable", of which `detail` says why.
    """

    embedder: str
    state: EmbeddingState
    model: str | None = None
    pending: int = 0
    failed: int = 0
    detail: str | None = None


class EmbeddingStatus(Struct, frozen=True, kw_only=True):
    """The model that searches use, and what has no vector of it. `embedder` is how it was chosen, such as `onnx:NAME`.

    `next` is there while another model is to take over.
    """

    state: EmbeddingState
    model: str | None = None
    dimension: int | None = None
    pending: int = 0
    failed: int = 0
    detail: str | None = None
    embedder: str | None = None
    next: NextModel | None = None


class ModelChoice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which embedder to use from now on: a word, or a word, a colon and a name, such as `onnx:all-MiniLM-L6-v2`."""

    embedder: str

    def __post_init__(self) -> None:
        if not self.embedder.strip():
            raise InvalidError("embedder is empty; name one, such as onnx:all-MiniLM-L6-v2, or none")
        checks.names(self, "embedder")


class ModelUse(StrEnum):
    CURRENT = "current"  # searches use it
    NEXT = "next"  # it takes over when it has vectors of everything
    KEPT = "kept"  # it was in use; its vectors go at the next upkeep
    AVAILABLE = "available"  # it is on this machine and could be used


class ModelInfo(Struct, frozen=True, kw_only=True):
    """An embedding model that the server uses, used or could use; what is not known of it is null.

    `embedder` is what `ModelChoice` takes. So many `memories` have a vector of it. `max_tokens` of a text are read as
    one piece; `weights_bytes` is the size of its weights in `folder`.
    """

    use: ModelUse
    name: str
    embedder: str | None = None
    revision: str | None = None
    dimension: int | None = None
    memories: int = 0
    max_tokens: int | None = None
    folder: str | None = None
    weights_bytes: int | None = None


class ModelList(Struct, frozen=True, kw_only=True):
    """`fixed`: the server's settings name the embedder, so it is changed there and not by `use`."""

    models: tuple[ModelInfo, ...]
    embedding: EmbeddingStatus
    fixed: bool


class Stats(Struct, frozen=True, kw_only=True):
    """Counts of one scope. `storage_bytes` is the size of the whole store on disk."""

    total_memories: int
    memories_with_embeddings: int
    embeddings_available: bool
    embedding: EmbeddingStatus
    in_trash: int
    by_type: dict[str, int] = field(default_factory=dict)
    by_client: dict[str, int] = field(default_factory=dict)
    by_project: dict[str, int] = field(default_factory=dict)
    storage_path: str | None = None
    storage_bytes: int = 0


class RerankerState(StrEnum):
    LOADING = "loading"
    READY = "ready"
    UNAVAILABLE = "unavailable"  # `detail` says why and what to do; searches go on without it


class RerankerStatus(Struct, frozen=True, kw_only=True):
    state: RerankerState
    model: str | None = None
    detail: str | None = None


class Health(Struct, frozen=True, kw_only=True):
    """What anyone may know of a server. `status` is "ok", or "degraded" when a part it needs is missing.

    `reranker` is null where none was asked for. How many memories wait for a vector, only a key of all projects is
    told: for others those counts are 0.
    """

    status: str
    version: str
    embedding: EmbeddingStatus
    reranker: RerankerStatus | None = None
