"""How far the acknowledged writes go, noted beside the file, so that a start sees when some are missing.

DuckDB opens a file whose write-ahead log was deleted or cut short without a word, and drops what was in it. So each
write takes a number within its transaction, and once it is durable the number is written here; a file whose own last
number is lower has lost what was acknowledged. Not synced to disk: a power cut may leave an older number, which misses
a loss at worst, and never invents one.
"""

import contextlib
import hashlib
import os
from pathlib import Path

import duckdb

SUFFIX = ".watermark"
# The sequence of revisions, because a file of any schema version has it; a gap in it means nothing.
TAKE = "SELECT nextval('doc_seq')"
LAST = "SELECT last_value FROM duckdb_sequences() WHERE sequence_name = 'doc_seq'"
_HEADER_BYTES = 4096  # never rewritten, and with an identifier that differs from file to file, copies included


class Watermark:
    """Of the store at `path`, which no connection of this process may have open yet: see `_identity`.

    `take` within the transaction, `note` after its commit; for one writer at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + SUFFIX)
        self._identity = _identity(path)

    def take(self, cursor: duckdb.DuckDBPyConnection) -> int:
        return int(cursor.execute(TAKE).fetchall()[0][0])

    def note(self, number: int) -> None:
        with contextlib.suppress(OSError):  # the write is durable, whatever becomes of its number
            # In place, without truncating: killed in the middle, a process leaves the number before or this one.
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.write(handle, f"{self._identity} {number:020}".encode())
            finally:
                os.close(handle)

    def is_reached(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Whether the open file has every acknowledged write; true where nothing is noted of this very file."""
        try:
            identity, number = self._path.read_text(encoding="ascii").split()
            noted = int(number)
        except (OSError, ValueError):
            return True
        if identity != self._identity:
            return True  # of another file, in whose place a backup was put
        rows = connection.execute(LAST).fetchall()
        return noted <= (rows[0][0] or 0 if rows else 0)


def _identity(path: Path) -> str:
    """Closing the file here would take DuckDB's lock from a connection of this process: POSIX locks are like that."""
    try:
        with path.open("rb") as file:
            return hashlib.sha256(file.read(_HEADER_BYTES)).hexdigest()[:32]
    except OSError:
        return "unreadable"  # which DuckDB will say in its own words
