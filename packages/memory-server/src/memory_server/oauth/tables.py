"""The tables of clients, grants and tokens in access.sqlite, beside the keys.

Of codes and tokens there are hashes alone, as of keys.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from memory_server.access_file import AccessFile

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS oauth_clients (
        client_id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        redirect_uris TEXT NOT NULL,            -- a list in JSON
        created_at REAL NOT NULL                -- seconds since 1970, as all times here
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS oauth_grants (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        client_id TEXT NOT NULL,
        client_name TEXT NOT NULL,
        redirect_uri TEXT NOT NULL,
        resource TEXT NOT NULL,                 -- what its tokens are for: the address of this server's /mcp
        scope TEXT NOT NULL,                    -- read, write
        projects TEXT,                          -- a list in JSON; null: all
        machine TEXT,                           -- the client_id of memories that it speaks for
        approved_by TEXT,
        created_at REAL NOT NULL,
        expires_at REAL NOT NULL,               -- of the code, then of the newest refresh token
        last_used_at REAL,
        revoked_at REAL,
        code BLOB NOT NULL UNIQUE,
        code_challenge TEXT NOT NULL,
        code_expires_at REAL NOT NULL,
        code_used_at REAL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS oauth_tokens (
        token BLOB NOT NULL PRIMARY KEY,
        grant_id TEXT NOT NULL,
        kind TEXT NOT NULL,                     -- access, refresh
        scope TEXT NOT NULL,
        expires_at REAL NOT NULL,
        used_at REAL,                           -- of a refresh token: it was given in for another
        successor BLOB                          -- that other one
    ) WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS oauth_tokens_by_grant ON oauth_tokens (grant_id)",
)


class Tables:
    """One connection to read by, one caller at a time: that takes microseconds, and waits for a commit at most."""

    def __init__(self, folder: Path) -> None:
        self._file = AccessFile(folder)
        if not self._are_there():  # on a disk that is full or read-only, what was approved goes on to work
            with self._file.changing() as change:
                for statement in _SCHEMA:
                    change.execute(statement)
        self._lock = threading.Lock()
        self._reader = self._file.open()

    def _are_there(self) -> bool:
        if not self._file.exists():
            return False
        with self._file.reading() as connection:
            named = connection.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'oauth@_%' ESCAPE '@'")
            return bool(named.fetchone()[0] == len(_SCHEMA))

    def row(self, statement: str, *values: object) -> sqlite3.Row | None:
        with self._lock, self._file.errors():
            # All, though one is wanted: a statement that is not at its end keeps writers out.
            rows: list[sqlite3.Row] = self._reader.execute(statement, values).fetchall()
            return rows[0] if rows else None

    def rows(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with self._lock, self._file.errors():
            return self._reader.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is on disk at its end, or nothing of it. Waits for the disk: not for the event loop."""
        with self._file.changing() as change:
            yield change

    def close(self) -> None:
        with self._lock:
            self._reader.close()
