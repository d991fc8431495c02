"""The file `access.sqlite` in the data folder: who may come in. It is opened here; what stands in it is for others.

SQLite, because several processes change it: a server, and a command beside it. Not as a write-ahead log, whose readers
need room on the disk, too: on one that is full or read-only, keys go on to work.

Who cannot be told apart from everyone is kept out: a file that is there but damaged, emptied or of a newer version is
an error, and never taken for a server that has no keys.
"""

from memory_server.data_files import ACCESS
from memory_server.sqlite_file import SQLiteFile

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


class AccessFile(SQLiteFile):
    name = ACCESS
    migrations = MIGRATIONS
    if_damaged = (
        "holds the keys and is damaged ({why}): nobody gets in by one of them; put it back from a backup, or move it "
        "away and make new keys with `memory-server keys create`"
    )
    # Else a power cut could bring back the journal of what was done, and with it a revoked key.
    pragmas = ("PRAGMA synchronous = EXTRA",)
