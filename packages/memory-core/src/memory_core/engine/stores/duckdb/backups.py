"""Backups read: a folder becomes a file again, is compared with its manifest, and takes the place of a store."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from memory_core import system
from memory_core.engine.backups.manifest import BackupTable, Manifest
from memory_core.engine.backups.ports import Checked, GoOn, broken
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import exchange, maintenance, opening, upgrade
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.dump import SCHEMA, digest_kind, digest_of, quoted
from memory_core.engine.stores.duckdb.migrations import MIGRATIONS, Migration
from memory_core.engine.stores.duckdb.store import DuckDBStore
from memory_core.engine.stores.duckdb.trouble import is_full
from memory_core.errors import ConflictError, MemoryServiceError, StorageFullError, UnavailableError
from memory_core.types import Scope

LOAD = "INSERT INTO {table} BY NAME SELECT * FROM read_parquet($path)"

_log = logging.getLogger(__name__)


class DuckDBBackups:
    """See `BackupFormat`. `migrations` are those that this program knows."""

    def __init__(self, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        self._migrations = migrations

    def path(self, location: str, options: StoreOptions) -> Path:
        return opening.store_path(location, options.data_dir)

    def refuse_newer(self, folder: Path, manifest: Manifest) -> None:
        known = max(migration.version for migration in self._migrations)
        if manifest.schema_version > known:
            raise UnavailableError(
                f"{folder.name} has schema version {manifest.schema_version}, newer than this program knows ({known}); "
                "upgrade the program"
            )

    def check(self, folder: Path, manifest: Manifest, scratch: Path, options: StoreOptions, go_on: GoOn) -> Checked:
        return self._built(folder, manifest, scratch / opening.FILE_NAME, options, go_on)

    def restore(
        self, folder: Path, manifest: Manifest, location: str, options: StoreOptions, *, replace: bool
    ) -> tuple[Path, Path | None, Checked]:
        path = self.path(location, options)
        lock = opening.take(path)
        try:
            exchange.finish(path)
            if path.exists() and not replace:
                raise ConflictError(f"{path} exists; with --replace it is moved aside, and kept")
            opening.require_room(path.parent, manifest.store_bytes + options.min_free_bytes)
            kept = path.parent / exchange.REPLACED / maintenance.copy_name(path.stem, "")
            was_there = path.exists() or path.with_name(path.name + exchange.LOG).exists()
            with exchange.workplace(path, exchange.Work.RESTORE) as new:
                found = self._built(folder, manifest, new, options, lambda: None)
                if found.problems:
                    raise broken(folder, found.problems)
                exchange.exchange(path, new=new, kept=kept)
            return path, kept if was_there else None, found
        finally:
            lock.release()

    def _built(self, folder: Path, manifest: Manifest, path: Path, options: StoreOptions, go_on: GoOn) -> Checked:
        """Make the store at `path` from the backup, and say how it differs from what the manifest says."""
        opening.create(path, options, ())
        # No more threads than one: where this is done beside a server, its searches go first.
        modest = StoreOptions(
            data_dir=path.parent, threads=1, memory_limit=options.memory_limit, min_free_bytes=options.min_free_bytes
        )
        problems: list[str] = []
        notes: list[str] = []
        with _connection(path, modest, folder) as connection:
            problems += _filled(connection, folder, manifest, go_on)
            if not problems:
                problems, notes = _compared(connection, manifest, go_on)
        if not problems:
            problems = self._migrated(path, modest)
        if not problems:
            problems, flaws = self._opened(path, modest, manifest)
            notes += flaws
        return Checked(problems=tuple(problems), notes=tuple(notes))

    def _migrated(self, path: Path, options: StoreOptions) -> list[str]:
        """Bring what was of an older schema to the newest, and compare the two; what is kept of before is the backup.

        What does not work out is a problem of the backup, unless it is for want of room.
        """
        try:
            if missing := opening.look(path, self._migrations):
                opening.require_room(path.parent, path.stat().st_size + options.min_free_bytes)
                exchange.remove(upgrade.upgrade(path, missing, options, path.parent))
        except UnavailableError as error:
            if system.says_full(str(error.__cause__)):
                raise StorageFullError(f"the disk of {path.parent.parent} is full; make room") from error
            return [str(error)]
        return []

    def _opened(self, path: Path, options: StoreOptions, manifest: Manifest) -> tuple[list[str], list[str]]:
        """As a server opens it."""
        try:
            with contextlib.closing(DuckDBStore(path, options, migrations=self._migrations)) as store:
                counts = store.counts(Scope())
                readable = len(store.newest(Scope(), limit=1)) == min(1, counts.total)
                flaws = [f"as in the store itself, {flaw}" for flaw in store.flaws()]
        except StorageFullError:
            raise
        except MemoryServiceError as error:
            opening.require_room(path.parent, options.min_free_bytes)
            return [f"it does not open as a store: {error}"], []
        if counts.total + counts.in_trash != manifest.memories or not readable:
            return [f"opened, it shows {counts.total + counts.in_trash} memories instead of {manifest.memories}"], []
        return [], flaws


@contextlib.contextmanager
def _connection(path: Path, options: StoreOptions, folder: Path) -> Iterator[Cursor]:
    connection = opening.connect(path, options, [folder.absolute()])
    try:
        yield connection
        connection.execute("CHECKPOINT").fetchall()
    except duckdb.Error as error:
        if is_full(error):
            raise StorageFullError(f"the disk of {path.parent.parent} is full; make room") from error
        raise
    finally:
        connection.close()


def _filled(connection: Cursor, folder: Path, manifest: Manifest, go_on: GoOn) -> list[str]:
    """Make the tables and read their rows back; what could not be read."""
    try:
        connection.execute((folder / SCHEMA).read_text(encoding="utf-8")).fetchall()
    except duckdb.Error as error:
        return [_unreadable(SCHEMA, error)]
    for table in manifest.tables:
        go_on()
        try:
            path = {"path": str(folder.absolute() / table.file)}
            connection.execute(LOAD.format(table=quoted(table.name)), path).fetchall()
        except duckdb.Error as error:
            return [_unreadable(table.file, error)]
    return []


def _unreadable(file: str, error: duckdb.Error) -> str:
    if is_full(error):
        raise error
    _log.warning("%s of a backup cannot be read back", file, exc_info=error)
    return f"{file} cannot be read back ({type(error).__name__})"  # its message may quote a memory


def _compared(connection: Cursor, manifest: Manifest, go_on: GoOn) -> tuple[list[str], list[str]]:
    alike = digest_kind(connection) == manifest.digest_kind
    problems: list[str] = []
    for table in manifest.tables:
        go_on()
        problems += _differences(table, *digest_of(connection, table.name), alike=alike)
    notes = [] if alike else ["another version of DuckDB made it, so rows were compared by their number alone"]
    return problems, notes


def _differences(table: BackupTable, rows: int, digest: str, *, alike: bool) -> Iterator[str]:
    if rows != table.rows:
        yield f"table {table.name} has {rows:,} rows instead of {table.rows:,}"
    elif alike and digest != table.digest:
        yield f"table {table.name} has other rows than were written"
