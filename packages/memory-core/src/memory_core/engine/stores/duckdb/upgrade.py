"""An older file brought to the newest schema: in a copy, which takes its place only once it is found to be complete.

The file itself becomes the snapshot, and is never written to: so a failure or a crash at any point leaves it as it
was, and the snapshot is known to be readable, because all of it has just been read twice.
"""

import contextlib
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from memory_core import system
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import comparison, exchange, maintenance, opening
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.migrations import Migration, apply, failed
from memory_core.errors import StorageFullError, UnavailableError
from memory_core.files import first_line

KEPT_SNAPSHOTS = 3
COPY = "COPY FROM DATABASE before TO after"
_log = logging.getLogger(__name__)


def upgrade(path: Path, missing: Sequence[Migration], options: StoreOptions, snapshots: Path) -> Path:
    """Apply `missing` to the file at `path`; where the file from before lies. Raises UnavailableError.

    The caller holds the lock on the store.
    """
    snapshot = snapshots / maintenance.copy_name(path.stem, f"v{missing[0].version - 1}-")
    try:
        _require_room(path, options)
        _fold_log_in(path, options)
        with exchange.workplace(path, exchange.Work.UPGRADE) as new:
            with workshop(new.parent, options, path.parent) as cursor:
                _copy(cursor, path, new)
                apply(cursor, missing, path)
                _compare(cursor, path, new, missing)
            exchange.exchange(path, new=new, kept=snapshot)
    except OSError as error:
        raise failed(path, missing[-1].version, error.strerror or str(error)) from error
    _log.info(
        "%s is now at schema version %d, compared with what it was; the file from before is %s",
        path, missing[-1].version, snapshot,
    )  # fmt: skip
    rotate(path, snapshots)
    return snapshot


def snapshots_of(path: Path, folder: Path) -> list[Path]:
    """The files from before an upgrade, oldest first."""
    named = re.compile(rf"{re.escape(path.stem)}-v\d+-(\d{{8}}T\d+Z)\.duckdb")
    found = [(match[1], file) for file in folder.glob("*.duckdb") if (match := named.fullmatch(file.name))]
    return [file for _, file in sorted(found)]


def rotate(path: Path, folder: Path) -> None:
    for old in snapshots_of(path, folder)[:-KEPT_SNAPSHOTS]:
        try:
            exchange.remove(old)
        except OSError:
            _log.warning("%s could not be removed", old, exc_info=True)


def _require_room(path: Path, options: StoreOptions) -> None:
    try:
        opening.require_room(path.parent, path.stat().st_size + options.min_free_bytes)
    except StorageFullError as error:
        raise UnavailableError(
            f"{path} needs a newer schema, and no copy of it could be made first: {error}"
        ) from error


def _fold_log_in(path: Path, options: StoreOptions) -> None:
    """What is still in the write-ahead log goes into the file: the snapshot is then one file."""
    log = path.with_name(path.name + ".wal")
    if not log.exists():
        return
    with contextlib.closing(opening.connect(path, options, [path.parent])) as connection:
        try:
            connection.execute("CHECKPOINT").fetchall()
        except duckdb.Error as error:
            raise UnavailableError(opening.refusal(path, str(error))) from error


@contextlib.contextmanager
def workshop(folder: Path, options: StoreOptions, *more: Path) -> Iterator[Cursor]:
    """A connection that can attach files of `folder`, where what does not fit in memory waits, and of `more`."""
    with contextlib.closing(
        opening.connect(":memory:", options, [folder, *more], spill=folder / "spill")
    ) as connection:
        yield connection


def _copy(cursor: Cursor, path: Path, new: Path) -> None:
    try:
        comparison.attach(cursor, str(path), "before")
        comparison.attach(cursor, str(new), "after", read_only=False)
        new.chmod(0o600)
        cursor.execute(COPY).fetchall()
        cursor.execute("USE after").fetchall()
    except duckdb.Error as error:
        if system.says_full(str(error)):
            raise UnavailableError(
                f"{path} needs a newer schema, and no copy of it could be made first: the disk is full; it is unchanged"
            ) from error
        raise UnavailableError(opening.refusal(path, str(error))) from error


def _compare(cursor: Cursor, path: Path, new: Path, missing: Sequence[Migration]) -> None:
    """With the copy as it lies on the disk."""
    changed = {name for migration in missing for name in migration.changes}
    try:
        cursor.execute("USE memory").fetchall()
        cursor.execute("CHECKPOINT after").fetchall()
        comparison.detach(cursor, "after")
        comparison.attach(cursor, str(new), "after")
        found = comparison.differences(cursor, "before", "after", changed)
    except duckdb.Error as error:
        raise failed(path, missing[-1].version, first_line(error)) from error
    if found:
        raise failed(path, missing[-1].version, "; ".join(found))
