"""Whose key that is, asked of the file as it lies there now: also where it was made, or put back, meanwhile."""

import sqlite3
from datetime import datetime
from pathlib import Path

from memory_core.errors import UnavailableError
from memory_core.keys import Key
from memory_server.access_file import AccessFile
from memory_server.key_rows import any_made, holder


class KeyLookup:
    """Keeps the file open. Belongs to one thread at a time."""

    def __init__(self, file: AccessFile) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._which: tuple[int, int] | None = None
        self._any_made = False

    def any_made(self) -> bool:
        """Raises UnavailableError."""
        if not self._any_made:  # and once it is so, it stays so
            connection = self._current()
            if connection is not None:
                with self._file.errors():
                    self._any_made = any_made(connection)
        return self._any_made

    def holder(self, digest: bytes, now: datetime) -> Key | None:
        """See `key_rows.holder`. Raises UnavailableError."""
        connection = self._current()
        if connection is None:
            return None
        with self._file.errors():
            return holder(connection, digest, now)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._which = None

    def _current(self) -> sqlite3.Connection | None:
        """Null where there never was a file."""
        which = _which(self._file.path)
        if which is None and self._which is not None:
            raise UnavailableError(
                f"{self._file.path} is gone, so nobody gets in by one of its keys; put it back, or restart the server"
            )
        if which != self._which:
            self.close()
            self._connection, self._which = self._file.open(), which
        return self._connection


def _which(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
