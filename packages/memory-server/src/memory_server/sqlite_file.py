"""A SQLite file in the data folder: made, brought to its version, opened and locked here; its tables are for others.

For what is kept beside the store and is small. A file is a subclass: its name, its migrations, and the sentence that
says what it means when it is damaged. Another table is one more entry at the end of its migrations.

A file that is there but damaged, emptied or of a newer version is an error, and never taken for one that holds nothing.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from memory_core import system
from memory_core.errors import StorageFullError, UnavailableError
from memory_core.files import FileLock, sync_file, sync_folder

BUSY_TIMEOUT_S = 5.0
_WHOLE = "ok"
_LOGS = ("-journal", "-wal", "-shm")


class SQLiteFile:
    """`migrations` are the statements that make version n of version n - 1, at n - 1. They are only ever appended to.

    `if_damaged` goes on after the path: that it is damaged (`{why}`), what that means, and what to do. `pragmas` are
    said to each connection.
    """

    name: ClassVar[str]
    migrations: ClassVar[tuple[tuple[str, ...], ...]]
    if_damaged: ClassVar[str]
    pragmas: ClassVar[tuple[str, ...]] = ("PRAGMA synchronous = FULL",)

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / self.name

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
        if version < len(self.migrations):
            with self.changing():
                pass  # which does it

    @contextlib.contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """All of a block or nothing, on disk when it ends. The file is made if there is none.

        Raises UnavailableError, StorageFullError.
        """
        with contextlib.closing(self.made()) as connection, self.transaction(connection):
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self.errors(), contextlib.closing(self.open()) as connection:
            yield connection

    @contextlib.contextmanager
    def transaction(self, connection: sqlite3.Connection) -> Iterator[None]:
        """All of a block or nothing, on a connection that stays open; at this version when it begins."""
        with self.errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._migrate(connection)
                yield
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def made(self) -> sqlite3.Connection:
        """As `open`, of a file that is made if there is none."""
        with self.errors():
            if not self.exists():
                self._create()
            return self.open()

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
                for pragma in self.pragmas:
                    connection.execute(pragma).fetchall()
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
        if version > len(self.migrations):
            raise UnavailableError(
                f"{self.path} is of version {version}, newer than this program knows ({len(self.migrations)}); "
                "upgrade the program"
            )
        if version == 0:  # it is given its name when it has its tables
            raise self._damaged("it is empty")

    def _create(self) -> None:
        """Under its name only once it has its tables, so that an empty one is known for a damaged one."""
        folder, new = self.path.parent, self.path.with_name(f".{self.name}.new")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(self.path.with_suffix(".lock"))
        if not lock.acquire(timeout_s=BUSY_TIMEOUT_S):
            raise UnavailableError(f"{self.path} is being made by another program; try again")
        try:
            system.give_to_owner_of(folder, lock.path)
            if self.exists():
                return
            new.unlink(missing_ok=True)
            os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as connection:
                self._migrate(connection)
            system.give_to_owner_of(folder, new)
            sync_file(new)
            for log in _LOGS:  # of one that was moved away: SQLite would take it for a part of this one
                self.path.with_name(self.name + log).unlink(missing_ok=True)
            system.replace(new, self.path)
            sync_folder(folder)
        finally:
            lock.release()

    def _migrate(self, connection: sqlite3.Connection) -> None:
        for at in range(_version(connection), len(self.migrations)):
            for statement in self.migrations[at]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {at + 1}")

    def _unusable(self, why: str) -> UnavailableError:
        return UnavailableError(
            f"{self.path} cannot be used ({why}); its disk must work, and it and its folder must belong to the user "
            "that runs the server"
        )

    def _damaged(self, why: str) -> UnavailableError:
        return UnavailableError(f"{self.path} {self.if_damaged.format(why=why)}")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
