"""The tables of clients, grants and tokens in access.sqlite. Of codes and tokens there are hashes alone.

SQLite, because what was approved must outlive a crash and is no memory: a backup of memories holds no access.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

FILE_NAME = "access.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS oauth_clients (
    client_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,            -- JSON
    created_at REAL NOT NULL,               -- seconds since 1970, as all times here
    approved INTEGER NOT NULL DEFAULT 0     -- 1 once a person has: then it does not expire
) STRICT;
CREATE TABLE IF NOT EXISTS oauth_grants (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    client_id TEXT NOT NULL,
    client_name TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    scope TEXT NOT NULL,                    -- read, write
    projects TEXT,                          -- JSON; null: all
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
) STRICT;
CREATE TABLE IF NOT EXISTS oauth_tokens (
    token BLOB PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES oauth_grants (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,                     -- access, refresh
    scope TEXT NOT NULL,
    expires_at REAL NOT NULL,
    used_at REAL,                           -- of a refresh token: it was given in for another
    successor BLOB                          -- that other one
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS oauth_tokens_by_grant ON oauth_tokens (grant_id);
"""


class Tables:
    """One connection, one caller at a time. A statement takes microseconds, a commit one wait for the disk."""

    def __init__(self, folder: Path) -> None:
        path = folder / FILE_NAME
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite's own files beside it take its mode
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_SCHEMA)

    def row(self, statement: str, *values: object) -> sqlite3.Row | None:
        with self._lock:
            found: sqlite3.Row | None = self._connection.execute(statement, values).fetchone()
            return found

    def rows(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is on disk at its end, or nothing of it."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()
