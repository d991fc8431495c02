"""Options → a MemoryService: the one place that brings store, embedder and service together.

Stores, embedders and rerankers are found by entry point, by the word before the colon; nothing here knows one by name.
Opening is quick: models are loaded later, in threads of their own.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, distribution, entry_points, version
from pathlib import Path
from typing import Any

from msgspec import Struct

from memory_core.engine.backups.companions import Companion
from memory_core.engine.backups.keeping import Keeper
from memory_core.engine.backups.ports import BacksUp
from memory_core.engine.backups.rotation import KEEP
from memory_core.engine.backups.service import BackupService, NoBackups
from memory_core.engine.backups.shelf import Shelf
from memory_core.engine.catalog import NO_EMBEDDER, NOTE, Catalog
from memory_core.engine.embedding import EmbeddingQueue
from memory_core.engine.fusion import Ranking
from memory_core.engine.incoming import read_file
from memory_core.engine.lexical import ANALYSER_VERSION, entry, indexed_text
from memory_core.engine.lines import write_lines
from memory_core.engine.observing import ObservedEmbedder
from memory_core.engine.parquet import write_parquet
from memory_core.engine.ports import Embedder, EmbedderOptions, Reranker, Store, StoreOptions
from memory_core.engine.reranking import Reranking
from memory_core.engine.service import TRASH_DAYS, MemoryService
from memory_core.engine.transfer import Files
from memory_core.errors import InvalidError, MemoryServiceError, ModelUnavailableError, UnavailableError
from memory_core.observing import UNOBSERVED, Observer
from memory_core.types import FileFormat, Fusion, ModelInfo, SecretPolicy

_DISTRIBUTION = "memory-core"
_COMMON_EXTRA = "engine"
_STORES = "memory_core.stores"
_EMBEDDERS = "memory_core.embedders"
_RERANKERS = "memory_core.rerankers"
_BACKUPS = "memory_core.backups"
_NO_RERANKER = "none"
_NOT_LOADED = "DLL load failed"
_RUNTIME = "https://aka.ms/vs/17/release/vc_redist.x64.exe"

DEFAULT_EMBEDDER = "onnx:all-MiniLM-L6-v2"
FILES = Files({FileFormat.PARQUET: write_parquet, FileFormat.JSONL: write_lines}, read_file)


class EngineOptions(Struct, frozen=True, kw_only=True):
    """`store` and `embedder` are a word, or a word, a colon and what that part wants to know, such as a path.

    A null `embedder` is the one that `use_model` chose last, at first DEFAULT_EMBEDDER; a named one cannot be changed
    by `use_model`. A `reranker` that is null, or `none`, leaves the order as search has it.
    """

    data_dir: Path
    store: str = "duckdb"
    embedder: str | None = None
    reranker: str | None = None
    embedder_url: str | None = None
    embedder_key: str | None = None
    model_cache: Path | None = None  # null: a folder in `data_dir`
    model_download: bool = True
    threads: int = 2
    memory_limit: str = "512MB"
    fusion: Fusion = Fusion.SCORES
    backup_dir: Path | None = None  # null: a folder in `data_dir`
    backup_keep: int = KEEP
    companions: tuple[Companion, ...] = ()  # files that are not the store's, and go into its backups
    trash_days: int | None = TRASH_DAYS  # null: nothing is ever removed from the trash
    secrets: SecretPolicy = SecretPolicy.REDACT


def open_engine(
    options: EngineOptions,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    observer: Observer = UNOBSERVED,
) -> MemoryService:
    """Open the store; `start` of the service then begins to load the model. `observer` is told of its work.

    Raises InvalidError for a word that names nothing, UnavailableError where a part is not installed or the store is
    in use.
    """
    if options.embedder is not None:
        check_embedder(options.embedder)
    reranking = _reranking(options)
    _embedder_options(options)  # refuses a wrong address or key now, not in the background
    store = open_store(options)
    try:
        store.reindex(ANALYSER_VERSION, entry)
        chosen = options.embedder or store.note(NOTE) or DEFAULT_EMBEDDER
    except BaseException:
        store.close()
        raise
    return MemoryService(
        store,
        EmbeddingQueue(
            store,
            lambda spec: ObservedEmbedder(_load(options, spec), observer),
            indexed_text,
            embedder=None if chosen == NO_EMBEDDER else chosen,
        ),
        FILES,
        Catalog(
            fixed=options.embedder is not None,
            check=check_embedder,
            installed=lambda: _installed(_embedder_options(options)),
        ),
        version=version(_DISTRIBUTION),
        clock=clock,
        ranking=Ranking(fusion=options.fusion),
        trash_days=options.trash_days,
        secrets=options.secrets,
        reranking=reranking,
        backups=_backups(options, store),
        observer=observer,
    )


def keeper(options: EngineOptions) -> Keeper | None:
    """Who keeps the backups of this kind of store, be it open or not; null where it has tools of its own for that."""
    kind, _, _ = options.store.partition(":")
    _entry_point(_STORES, "store", kind)
    if kind not in {entry_point.name for entry_point in entry_points(group=_BACKUPS)}:
        return None
    return Keeper(
        shelf=Shelf(_backup_dir(options)),
        kind=kind,
        format=_part(_entry_point(_BACKUPS, "store with backups", kind), UnavailableError)(),
        options=_store_options(options),
        keep=options.backup_keep,
        version=version(_DISTRIBUTION),
        companions=options.companions,
    )


def _backups(options: EngineOptions, store: Store) -> BackupService | NoBackups:
    kept_by = keeper(options)
    if kept_by is None or not isinstance(store, BacksUp):
        return NoBackups(options.store.partition(":")[0])
    return BackupService(kept_by, store)


def _backup_dir(options: EngineOptions) -> Path:
    return options.backup_dir or options.data_dir / "backups"


def _installed(options: EmbedderOptions) -> Sequence[ModelInfo]:
    from memory_core.engine.embedders.installed import installed  # pulls in what reads models: on demand

    return installed(options)


def open_store(options: EngineOptions) -> Store:
    """Without a service around it, for a program that does one thing with it and closes it."""
    word, _, location = options.store.partition(":")
    opened_by = _part(_entry_point(_STORES, "store", word), UnavailableError)
    store: Store = opened_by(location, _store_options(options))
    return store


def _store_options(options: EngineOptions) -> StoreOptions:
    return StoreOptions(
        data_dir=options.data_dir,
        backup_dir=_backup_dir(options),
        threads=options.threads,
        memory_limit=options.memory_limit,
        entry=entry,
    )


def check_embedder(spec: str) -> None:
    """Raise InvalidError unless the word before the colon names an embedder."""
    word, colon, _ = spec.partition(":")
    if word != NO_EMBEDDER:
        _entry_point(_EMBEDDERS, "embedder", word, NO_EMBEDDER)
    elif colon:
        raise InvalidError(f"{spec!r} names no embedder; none takes nothing after it")


def _load(options: EngineOptions, spec: str) -> Embedder:
    # Imported here, in the queue's thread: the libraries of a model take longer to import than all the rest.
    word, _, name = spec.partition(":")
    load = _part(_entry_point(_EMBEDDERS, "embedder", word, NO_EMBEDDER), ModelUnavailableError)
    embedder: Embedder = load(name, _embedder_options(options))
    return embedder


def _reranking(options: EngineOptions) -> Reranking | None:
    """Raises InvalidError unless the word before the colon names a reranker."""
    if options.reranker in (None, _NO_RERANKER):
        return None
    word, _, name = options.reranker.partition(":")
    entry_point = _entry_point(_RERANKERS, "reranker", word, _NO_RERANKER)

    def load() -> Reranker:
        reranker: Reranker = _part(entry_point, ModelUnavailableError)(name, _embedder_options(options))
        return reranker

    return Reranking(load)


def _embedder_options(options: EngineOptions) -> EmbedderOptions:
    return EmbedderOptions(
        cache_dir=options.model_cache or options.data_dir / "models",
        download=options.model_download,
        threads=options.threads,
        url=options.embedder_url,
        api_key=options.embedder_key,
    )


def _entry_point(group: str, kind: str, word: str, *others: str) -> EntryPoint:
    known = {entry_point.name: entry_point for entry_point in entry_points(group=group)}
    if word not in known:
        raise InvalidError(f"there is no {kind} {word!r}; there are: {', '.join(sorted({*known, *others}))}")
    return known[word]


def _part(entry_point: EntryPoint, error: type[MemoryServiceError]) -> Any:
    # Any: what an entry point names has no type before it is loaded.
    try:
        return entry_point.load()
    except ImportError as missing:
        if _NOT_LOADED in str(missing):
            raise error(
                f"{entry_point.name} is installed and lacks a library of Windows: {missing} "
                f"Install Microsoft's Visual C++ runtime: {_RUNTIME}"
            ) from missing
        raise error(
            f"{entry_point.name} needs {missing.name or missing}, which is not installed; "
            f"install it with: pip install '{_requirement(entry_point)}'"
        ) from missing


def _requirement(entry_point: EntryPoint) -> str:
    """What brings all that the part needs: ours by an extra, that of another package by itself."""
    if entry_point.dist is not None and entry_point.dist.name != _DISTRIBUTION:
        return entry_point.dist.name
    return f"{_DISTRIBUTION}[{entry_point.name if entry_point.name in _extras() else _COMMON_EXTRA}]"


def _extras() -> list[str]:
    return distribution(_DISTRIBUTION).metadata.get_all("Provides-Extra") or []
