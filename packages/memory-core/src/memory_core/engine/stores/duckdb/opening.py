"""From a path to a file that may be opened: ours alone, of our schema, and untouched where it is neither.

A second process that opens the file is refused by DuckDB, but opening and closing it within its owner would drop that
protection: hence a lock on a file beside it, held as long as the store is open. What is in the file is looked at
read-only first, because a proper opening already writes.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb

from memory_core import system
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb.migrations import Migration, apply, unapplied
from memory_core.engine.stores.duckdb.watermark import SUFFIX, Watermark
from memory_core.errors import StorageFullError, UnavailableError
from memory_core.files import FileLock

FILE_NAME = "memories.duckdb"
OLDEST_LIBRARY = (2, 0)
SETTINGS = (
    "SET disabled_compression_methods = 'alp,alprd'",  # spare a tenth of an embedding's bytes, triple its reading
    "SET enable_progress_bar = false",  # a query of two seconds would draw on stdout, which may be an MCP stream
    "SET allowed_directories = {folders}",  # before the next line, which forbids the rest of the disk
    "SET enable_external_access = false",
)
USED = "SELECT block_size, used_blocks FROM pragma_database_size()"
_Config = dict[str, str | bool | int | float | list[str]]
_HOLDER = re.compile(r"\(PID (\d+)\)")


def check_library(version: str) -> None:
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_LIBRARY:
        raise UnavailableError(
            f"duckdb {version} is installed, which loses index rows after a crash; install 'duckdb>=2.0,<3'"
        )


def store_path(location: str, data_dir: Path) -> Path:
    return (data_dir / location if location else data_dir / FILE_NAME).absolute()


def take(path: Path) -> FileLock:
    """The lock on the store at `path`, whose folder is made if need be. Raises UnavailableError."""
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = lock.acquire()
    except OSError as error:
        raise UnavailableError(
            f"{path.parent} cannot hold the store ({error.strerror}); make it a folder this user can write, "
            "or choose another data directory"
        ) from error
    if not free:
        raise UnavailableError(_in_use(path, _noted_holder(lock.path)))
    with contextlib.suppress(OSError):  # only for the sentence of the next one to come; a full disk must not matter
        lock.path.write_text(f"{os.getpid()}\n", encoding="ascii")
    return lock


def look(path: Path, migrations: Sequence[Migration]) -> list[Migration]:
    """What the file still lacks; leaves every byte as it is.

    Raises FoundingStoreError for one of the founding project, UnavailableError for any other that is of no use here.
    """
    watermark = Watermark(path)
    with contextlib.closing(_connect(path, {}, read_only=True)) as connection:
        try:
            missing = unapplied(connection, migrations, path)
            complete = watermark.is_reached(connection)
            ((block_bytes, blocks),) = connection.execute(USED).fetchall()
        except duckdb.Error as error:
            raise UnavailableError(refusal(path, str(error))) from error
    if not complete:
        raise UnavailableError(_incomplete(path))
    # A necessary size, not the exact one: what is cut off may have been free.
    if path.stat().st_size < block_bytes * blocks:
        raise UnavailableError(refusal(path, f"it is cut short, {path.stat().st_size:,} bytes are left of it."))
    return missing


def require_room(folder: Path, needed: int) -> None:
    """Raise StorageFullError unless the disk of `folder` has so many bytes for a copy of the store."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageFullError(
            f"the disk of {folder} has {free / 1e6:,.0f} MB free, and a copy of the store needs "
            f"{needed / 1e6:,.0f} MB; make room"
        )


def create(path: Path, options: StoreOptions, migrations: Sequence[Migration]) -> None:
    """A store with nothing in it that only its owner may read; it appears whole."""
    if (log := path.with_name(path.name + ".wal")).exists():
        raise UnavailableError(
            f"{path} is missing, but its log {log.name}, which may hold memories, is there; put the file back, or move "
            "the log aside to begin a new store"
        )
    free = shutil.disk_usage(path.parent).free
    if free < options.min_free_bytes:
        raise UnavailableError(
            f"the disk of {path.parent} has {free / 1e6:,.0f} MB free, and a store needs "
            f"{options.min_free_bytes / 1e6:,.0f} MB; make room, or choose another data directory"
        )
    temporary = path.with_name(f".{path.name}.new")
    log = temporary.with_name(temporary.name + ".wal")
    for left in (temporary, log):  # of a start that did not get to its end; the lock is ours
        left.unlink(missing_ok=True)
    try:
        fill(temporary, migrations, name=path)
        temporary.chmod(0o600)
        system.replace(temporary, path)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be made: {error.strerror}") from error
    finally:
        for left in (temporary, log):
            left.unlink(missing_ok=True)


def fill(file: Path, migrations: Sequence[Migration], *, name: Path) -> None:
    """Apply all of `migrations` to a file without tables, which errors call `name`."""
    with contextlib.closing(_connect(file, {}, read_only=False, name=name)) as connection:
        apply(connection, migrations, name)
        try:
            connection.execute("CHECKPOINT").fetchall()
        except duckdb.Error as error:
            raise UnavailableError(refusal(name, str(error))) from error


def connect(
    path: Path | str, options: StoreOptions, folders: Sequence[Path], *, spill: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """The base connection: set up here, and never used for anything but making cursors afterwards.

    `spill` is where a database in memory puts what does not fit there; a file does it beside itself.
    """
    config: _Config = {
        "threads": options.threads,
        "memory_limit": options.memory_limit,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if spill is not None:
        config["temp_directory"] = str(spill)
    connection = _connect(Path(path), config, read_only=False)
    quoted = ", ".join("'" + f"{folder}/".replace("'", "''") + "'" for folder in folders)
    for setting in SETTINGS:
        connection.execute(setting.format(folders=f"[{quoted}]")).fetchall()
    return connection


def refusal(path: Path, message: str) -> str:
    """What DuckDB said of the file at `path`, as a sentence of ours."""
    if system.says_held(message):
        holder = _HOLDER.search(message)
        return _in_use(path, holder[1] if holder else None)
    if "Permission denied" in message or "Access is denied" in message:
        return f"{path} belongs to another user, or is closed to this one; it is unchanged: see with ls -l whose it is"
    if system.says_full(message):
        return f"{path} cannot be opened because the disk is full; make room and start again"
    said = message.splitlines()[0].rstrip()
    said = said if said.endswith((".", "!", "?")) else f"{said}."
    if "Parser Error" in message or "Invalid Input Error" in message:
        return f"{path} cannot be opened with these options: {said}"
    if "version number" in message or "storage version" in message:
        return f"{path} was written by another DuckDB: {said} It is unchanged; upgrade the program"
    return (
        f"{path} cannot be read as a store: {said} "
        "It is unchanged; put a backup or a copy from the folder 'snapshots' in its place, or move it aside"
    )


def _connect(path: Path, config: _Config, *, read_only: bool, name: Path | None = None) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(path, read_only=read_only, config=config)
    except duckdb.Error as error:
        raise UnavailableError(refusal(name or path, str(error))) from error


def _incomplete(path: Path) -> str:
    return (
        f"{path} lacks what was acknowledged last: its log {path.name}.wal was removed or is cut short, or an older "
        "copy was put in its place; nothing was changed. Put the log or a backup back; to go on with what is there, "
        f"remove {path.name}{SUFFIX}"
    )


def _in_use(path: Path, pid: str | None) -> str:
    holder = f"process {pid}" if pid else "another process"
    return f"{path} is in use by {holder}; stop that, or talk to it as a server instead of opening the file"


def _noted_holder(lock: Path) -> str | None:
    try:
        noted = lock.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    return noted if noted.isdigit() else None
