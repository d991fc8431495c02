"""The Store on one DuckDB file: which transaction each verb needs; the SQL is in the modules beside this one."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
from msgspec.structs import replace

from memory_core.changes import Pair, Revision
from memory_core.diagnosis import Flaw, StoreState
from memory_core.engine.backups.manifest import Contents
from memory_core.engine.backups.ports import GoOn
from memory_core.engine.ports import (
    Act,
    Candidate,
    Counts,
    EmbeddedEntry,
    Entry,
    KeptModel,
    ModelIdentity,
    Past,
    Pending,
    Probe,
    StoreOptions,
    Usage,
    Vectors,
    Wanted,
)
from memory_core.engine.selections import KeptProject, Movable, Selection
from memory_core.engine.stores.duckdb import (
    dump,
    exchange,
    integrity,
    links,
    maintenance,
    moving_in,
    notes,
    opening,
    reads,
    reindex,
    removal,
    repair,
    revisions,
    search,
    state,
    transfer,
    upgrade,
    writes,
)
from memory_core.engine.stores.duckdb import projects as naming
from memory_core.engine.stores.duckdb import vectors as embeddings
from memory_core.engine.stores.duckdb.database import Database
from memory_core.engine.stores.duckdb.migrations import MIGRATIONS, FoundingStoreError, Migration
from memory_core.engine.stores.duckdb.resident import Resident
from memory_core.engine.stores.duckdb.scope import condition
from memory_core.engine.stores.duckdb.transaction import DuckDBTransaction
from memory_core.engine.watching import Room
from memory_core.files import FileLock
from memory_core.types import Memory, Scope
from memory_core.watching import Tally

_log = logging.getLogger(__name__)


def open_store(location: str, options: StoreOptions) -> "DuckDBStore":
    """`location` is the path of the file, relative to the data directory; empty means the file of the usual name."""
    return DuckDBStore(opening.store_path(location, options.data_dir), options)


class DuckDBStore:
    """See `ports.Store`. Raises UnavailableError where the file cannot be opened, and leaves it as it is then."""

    def __init__(self, path: Path, options: StoreOptions, *, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        opening.check_library(duckdb.__version__)
        self._path = path
        self._options = options
        self._snapshots = path.parent / "snapshots"
        self._backups = (options.backup_dir or path.parent / "backups").absolute()
        self._resident = Resident()
        # How many commits there had been, and what `count_pending` then gave for which model.
        self._last_count: tuple[int, ModelIdentity | None, int] = (-1, None, 0)
        self._next_expiry: tuple[int, datetime | None] = (-1, None)
        self._last_tally: tuple[int, Sequence[Tally]] = (-1, ())
        self._lock: FileLock = opening.take(path)
        try:
            self._db = self._open(migrations)
        except BaseException:
            self._lock.release()
            raise

    @contextlib.contextmanager
    def transaction(self) -> Iterator[DuckDBTransaction]:
        with self._db.write() as cursor:
            yield DuckDBTransaction(cursor)

    def insert(self, entries: Sequence[Entry], act: Act | None = None) -> None:
        with self._db.write() as cursor:
            writes.insert(cursor, entries, act)

    def change(self, memory_id: str, edit: Callable[[Memory], Entry | None], act: Act | None = None) -> Memory:
        with self._db.write() as cursor:
            return writes.change(cursor, memory_id, edit, act)

    def get(self, memory_id: str, *, trashed: bool | None = False) -> Memory:
        with self._db.read() as cursor:
            return reads.by_id(cursor, memory_id, trashed=trashed)

    def among(self, memory_ids: Sequence[str]) -> list[Memory]:
        with self._db.read() as cursor:
            return reads.among(cursor, memory_ids)

    def ids_like(self, prefix: str, *, limit: int, projects: Sequence[str] | None = None) -> list[str]:
        with self._db.read() as cursor:
            return reads.ids_like(cursor, prefix, limit=limit, projects=projects)

    def newest(self, scope: Scope, *, limit: int, before: tuple[datetime, str] | None = None) -> list[Memory]:
        with self._db.read() as cursor:
            return reads.newest(cursor, scope, limit=limit, before=before)

    def candidates(self, probe: Probe, scope: Scope) -> list[Candidate]:
        with self._db.snapshot() as (cursor, commits):
            return search.candidates(cursor, probe, scope, self._resident.at(commits))

    def opening(self, scope: Scope, wanted: Wanted) -> tuple[int, list[Memory]]:
        with self._db.read() as cursor:
            return reads.opening(cursor, scope, wanted)

    def counts(self, scope: Scope) -> Counts:
        live, in_trash = condition(scope), condition(_scope(scope, trashed=True))
        with self._db.read() as cursor:
            return reads.counts(cursor, live, in_trash)

    def usage(self, key: str) -> Usage:
        with self._db.read() as cursor:
            return reads.usage(cursor, key)

    def matching(self, scope: Scope, *, content_contains: str | None, limit: int) -> tuple[int, list[Memory]]:
        with self._db.read() as cursor:
            where = reads.purgeable(_scope(scope, trashed=False), content_contains)
            return reads.matching(cursor, where, limit=limit)

    def projects(self) -> list[KeptProject]:
        with self._db.read() as cursor:
            return naming.projects(cursor)

    def aliases(self) -> dict[str, str]:
        with self._db.read() as cursor:
            return naming.aliases(cursor)

    def movable(self, selection: Selection, *, sample: int) -> Movable:
        with self._db.read() as cursor:
            return naming.movable(cursor, selection, sample=sample)

    def history(self, memory_id: str) -> list[Revision]:
        with self._db.read() as cursor:
            return revisions.history(cursor, memory_id)

    def next_expiry(self) -> datetime | None:
        commits, moment = self._next_expiry
        if commits == self._db.commits:  # every search asks for it
            return moment
        with self._db.snapshot() as (cursor, seen):
            moment = reads.next_expiry(cursor)
        self._next_expiry = (-1 if seen is None else seen, moment)
        return moment

    def pairs(self, projects: Sequence[str] | None, *, limit: int) -> tuple[int, list[Pair]]:
        with self._db.read() as cursor:
            return links.pairs(cursor, projects, limit=limit)

    def overdue(self, projects: Sequence[str] | None, at: datetime, *, limit: int) -> tuple[int, list[Memory]]:
        with self._db.read() as cursor:
            return links.overdue(cursor, projects, at, limit=limit)

    def uncompared(self, *, limit: int) -> list[Memory]:
        with self._db.read() as cursor:
            return links.uncompared(cursor, limit=limit)

    def lain_since(self, before: datetime, *, sample: int) -> tuple[list[str], list[Memory]]:
        with self._db.read() as cursor:
            return removal.lain_since(cursor, before, sample=sample)

    def model(self) -> ModelIdentity | None:
        with self._db.read() as cursor:
            table = embeddings.current_table(cursor)
        return table.model if table else None

    def models(self) -> list[KeptModel]:
        with self._db.read() as cursor:
            return embeddings.kept_models(cursor)

    def use_model(self, model: ModelIdentity, *, spec: str | None = None) -> None:
        with self._db.read() as cursor:
            is_in_use = embeddings.is_in_use(cursor, model, spec)
        if not is_in_use:
            with self._db.write() as cursor:
                embeddings.make_current(cursor, model, spec)

    def prepare_model(self, model: ModelIdentity | None, *, spec: str | None = None) -> None:
        with self._db.write() as cursor:
            embeddings.make_next(cursor, model, spec)

    def pending(self, *, limit: int, exclude: Sequence[int] = (), model: ModelIdentity | None = None) -> list[Pending]:
        with self._db.read() as cursor:
            return embeddings.pending(cursor, model, limit=limit, exclude=exclude)

    def count_pending(self, model: ModelIdentity | None = None) -> int:
        commits, of_model, count = self._last_count
        if (commits, of_model) == (self._db.commits, model):  # every search asks for it, twice
            return count
        with self._db.snapshot() as (cursor, seen):
            count = embeddings.count_pending(cursor, model)
        self._last_count = (-1 if seen is None else seen, model, count)
        return count

    def set_vectors(self, vectors: Mapping[int, Vectors], *, model: ModelIdentity | None = None) -> int:
        with self._db.write(acknowledged=False) as cursor:
            return embeddings.set_vectors(cursor, vectors, model)

    def note(self, name: str) -> str | None:
        with self._db.read() as cursor:
            return notes.read(cursor, name)

    def write_note(self, name: str, value: str | None) -> None:
        with self._db.write() as cursor:
            notes.write(cursor, name, value)

    def reindex(self, analyser: int, analysed: Callable[[Memory], Entry]) -> int:
        if self.note(notes.ANALYSER) == str(analyser):
            return 0
        with self._db.write() as cursor:
            return reindex.reindex(cursor, analyser, analysed)

    def vectors_of(self, memory_id: str) -> Vectors | None:
        with self._db.read() as cursor:
            _, doc, _ = reads.row_by_id(cursor, memory_id)
            table = embeddings.current_table(cursor)
            return embeddings.vectors_of(cursor, table, doc) if table else None

    def export(self) -> Iterator[list[EmbeddedEntry]]:
        with self._db.read() as cursor:
            yield from transfer.export(cursor)

    def import_entries(
        self,
        entries: Sequence[tuple[Entry, Vectors | None]],
        *,
        model: ModelIdentity | None = None,
        act: Act | None = None,
        pasts: Mapping[str, Past] | None = None,
    ) -> list[Memory]:
        with self._db.write() as cursor:
            return transfer.import_entries(cursor, entries, model, act, pasts)

    def backup(self, folder: Path, go_on: GoOn) -> Contents:
        """See `BacksUp`. `folder` lies in the folder for backups: DuckDB may write nowhere else."""
        size = self.size_bytes()
        with self._db.read() as cursor:
            return dump.dump(cursor, folder, size, go_on)

    def flaws(self) -> list[Flaw]:
        """What of the store does not fit together; see `integrity`."""
        with self._db.read() as cursor:
            return integrity.flaws(cursor)

    def state(self) -> StoreState:
        """See `Examinable`, also for the next two."""
        with self._db.read() as cursor:
            return state.state(cursor, self._db, self._snapshots)

    def room(self) -> Room:
        """See `Watchable`."""
        with self._db.read() as cursor:
            return state.room(cursor, self._db)

    def tally(self) -> Sequence[Tally]:
        commits, tallies = self._last_tally
        if commits == self._db.commits:
            return tallies
        with self._db.snapshot() as (cursor, seen):
            tallies = state.tally(cursor)
        self._last_tally = (-1 if seen is None else seen, tallies)
        return tallies

    def examine(self, digest: Callable[[str], int], go_on: GoOn) -> list[Flaw]:
        with self._db.read() as cursor:
            return integrity.examine(cursor, digest, go_on)

    def repair(
        self, analyser: int, analysed: Callable[[Memory], Entry], digest: Callable[[str], int], go_on: GoOn
    ) -> list[str]:
        with self._db.write() as cursor:
            return repair.repair(cursor, analyser, analysed, digest, go_on)

    def maintain(self) -> None:
        if not self._db.has_room():
            _log.warning("%s: not tidied, because the disk is nearly full", self._path)
            return
        with self._db.write(acknowledged=False) as cursor:
            if maintenance.merge_due(cursor):
                maintenance.merge_postings(cursor)
            maintenance.drop_remains(cursor)
        if self._db.wal_bytes():
            with self._db.idle() as cursor:
                maintenance.checkpoint(cursor)
        with self._db.read() as cursor:
            forgetting_due = maintenance.forgetting_due(cursor)
        if forgetting_due and not self._db.wal_bytes():  # rows that are not in the file would get a temporary one
            self._db.forget_cached()

    def size_bytes(self) -> int:
        return self._db.size_bytes()

    @property
    def location(self) -> str:
        return str(self._path)

    def close(self) -> None:
        try:
            self._db.close()
        finally:
            self._lock.release()

    def _open(self, migrations: Sequence[Migration]) -> Database:
        exchange.finish(self._path)
        if self._path.exists():
            self._bring_up_to_date(migrations)
        else:
            opening.create(self._path, self._options, migrations)
        return Database(self._path, self._options, [self._snapshots, self._backups])

    def _bring_up_to_date(self, migrations: Sequence[Migration]) -> None:
        try:
            missing = opening.look(self._path, migrations)
        except FoundingStoreError:
            if self._options.entry is None:
                raise
            self._move_in(self._options.entry, migrations)
            return
        if len(missing) == len(migrations):
            opening.fill(self._path, migrations, name=self._path)
        elif missing:
            upgrade.upgrade(self._path, missing, self._options, self._snapshots)

    def _move_in(self, entry: Callable[[Memory], Entry], migrations: Sequence[Migration]) -> None:
        options = replace(self._options, entry=None)
        moving_in.move_in(self._path, lambda file: DuckDBStore(file, options, migrations=migrations), entry)


def _scope(scope: Scope, *, trashed: bool) -> Scope:
    return replace(scope, trashed=trashed)
