"""The file `access.sqlite` in the data folder: who may come in. It is opened here; what stands in it is for others.

SQLite, because several processes change it: a server, and a command beside it. Not as a write-ahead log, whose readers
need room on the disk, too: on one that is full or read-only, keys go on to work.

Who cannot be told apart from everyone is kept out: a file that is there but damaged, emptied or of a newer version is
an error, and never taken for a server that has no keys.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from memory_core.errors import StorageFullError, UnavailableError
from memory_core.files import FileLock, sync_file, sync_folder
from memory_server.data_files import ACCESS

MIGRATIONS = (
    (
        """
        CREATE TABLE keys (
            name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
            scope TEXT NOT NULL,
            projects TEXT,  -- a list in JSON; null: all
            client_id TEXT,
            created_at TEXT NOT NULL,
            expires_at TEXT,
            revoked_at TEXT,
            max_memories INTEGER,
            max_bytes INTEGER
        )
        """,
        """
        CREATE TABLE secrets (
            digest BLOB NOT NULL PRIMARY KEY,
            name TEXT NOT NULL COLLATE NOCASE REFERENCES keys (name),
            created_at TEXT NOT NULL,
            ends_at TEXT
        ) WITHOUT ROWID
        """,
    ),
)
"""The statements that make version n of version n - 1 stand at n - 1. Only ever appended to."""

BUSY_TIMEOUT_S = 5.0
_WHOLE = "ok"
_JOURNAL = "-journal"


class AccessFile:
    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / ACCESS

    def exists(self) -> bool:
        return self.path.exists()

    def prepare(self) -> None:
        """Bring a file that is there to this version. Raises UnavailableError if it is no whole one."""
        if not self.exists():
            return
        with self.reading() as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            version = _version(connection)
        if found != _WHOLE:
            raise self._damaged(found)
        if version < len(MIGRATIONS):
            with self.changing():
                pass  # which does it

    @contextlib.contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """All of a block or nothing, on disk when it ends. The file is made if there is none.

        Raises UnavailableError, StorageFullError.
        """
        with self.errors():
            if not self.exists():
                self._create()
            with contextlib.closing(self.open()) as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    _migrate(connection)
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise
                connection.commit()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self.errors(), contextlib.closing(self.open()) as connection:
            yield connection

    def open(self) -> sqlite3.Connection:
        """Of a file that is there. From any thread, but one at a time."""
        with self.errors():
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                connection.row_factory = sqlite3.Row
                # Else a power cut could bring back the journal of what was done, and with it a revoked key.
                connection.execute("PRAGMA synchronous = EXTRA")
                self._check_version(_version(connection))
            except BaseException:
                connection.close()
                raise
        return connection

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """What SQLite and the system say, as errors of ours."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code == sqlite3.SQLITE_FULL:
                raise StorageFullError(f"the disk of {self.path} is full; make room") from error
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise UnavailableError(f"{self.path} is being changed by another program; try again") from error
            if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR):
                raise self._unusable(str(error)) from error
            raise self._damaged(str(error)) from error
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error

    def _check_version(self, version: int) -> None:
        if version > len(MIGRATIONS):
            raise UnavailableError(
                f"{self.path} is of version {version}, newer than this program knows ({len(MIGRATIONS)}); "
                "upgrade the program"
            )
        if version == 0:  # it is given its name when it has its tables
            raise self._damaged("it is empty")

    def _create(self) -> None:
        """Under its name only once it has its tables, so that an empty one is known for a damaged one."""
        folder, new = self.path.parent, self.path.with_name(f".{ACCESS}.new")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(self.path.with_suffix(".lock"))
        if not lock.acquire(timeout_s=BUSY_TIMEOUT_S):
            raise UnavailableError(f"{self.path} is being made by another program; try again")
        try:
            _give_to_owner(lock.path, folder)
            if self.exists():
                return
            new.unlink(missing_ok=True)
            os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as connection:
                _migrate(connection)
            _give_to_owner(new, folder)
            sync_file(new)
            # Of one that was moved away: SQLite would take it for a part of this one.
            self.path.with_name(ACCESS + _JOURNAL).unlink(missing_ok=True)
            new.replace(self.path)
            sync_folder(folder)
        finally:
            lock.release()

    def _unusable(self, why: str) -> UnavailableError:
        return UnavailableError(
            f"{self.path} cannot be used ({why}); its disk must work, and it and its folder must belong to the user "
            "that runs the server"
        )

    def _damaged(self, why: str) -> UnavailableError:
        return UnavailableError(
            f"{self.path} holds the keys and is damaged ({why}): nobody gets in by one of them; put it back from a "
            "backup, or move it away and make new keys with `memory-server keys create`"
        )


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _migrate(connection: sqlite3.Connection) -> None:
    for at in range(_version(connection), len(MIGRATIONS)):
        for statement in MIGRATIONS[at]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {at + 1}")


def _give_to_owner(path: Path, folder: Path) -> None:
    """What root makes in the folder of a service is the service's, or it could not read its own keys."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
