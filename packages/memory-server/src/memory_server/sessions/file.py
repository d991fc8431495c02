"""The file `sessions.sqlite` in the data folder: which sessions there were, what was noted in them and told to them.

A write-ahead log: what a session was told is then written without waiting for the disk. Losing the last of that in a
power cut costs a repetition; notes wait for the disk (see `journal`).
"""

from memory_server import places
from memory_server.data_files import SESSIONS
from memory_server.sqlite_file import SQLiteFile

MIGRATIONS = (
    (
        """
        CREATE TABLE sessions (
            session_id TEXT NOT NULL PRIMARY KEY,
            project_id TEXT,
            client_id TEXT,
            agent TEXT,
            directory TEXT,
            title TEXT,
            started_at INTEGER NOT NULL,    -- microseconds since 1970, as all times here
            last_seen_at INTEGER NOT NULL,
            window_at INTEGER,              -- when it was last told everything: before that, its window holds nothing
            told_at INTEGER,                -- when it was last told everything, or what was new
            noted_at INTEGER,               -- when something was last noted
            summed_at INTEGER,              -- what was noted until then, its memory knows
            ended_at INTEGER,               -- null: it is open
            end_reason TEXT,
            memory_id TEXT,
            written_by TEXT,                -- agent, extract
            written BLOB,                   -- SHA-256 of the memory's text as it was written here
            key TEXT,                       -- the hint of the key that noted last, and what it may keep, in JSON
            quota TEXT
        ) WITHOUT ROWID
        """,
        "CREATE INDEX sessions_by_last_seen ON sessions (last_seen_at, session_id)",
        """
        CREATE TABLE notes (
            session_id TEXT NOT NULL,
            digest BLOB NOT NULL,           -- of kind and text: the same again changes nothing
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,             -- turn, compaction
            text TEXT NOT NULL,
            PRIMARY KEY (session_id, digest)
        )
        """,
        "CREATE INDEX notes_by_time ON notes (at)",
        """
        CREATE TABLE shown (
            session_id TEXT NOT NULL,
            at INTEGER NOT NULL,
            place INTEGER NOT NULL,         -- in the text of that moment
            memory_id TEXT NOT NULL,
            occasion TEXT NOT NULL,
            tokens INTEGER NOT NULL,
            section TEXT NOT NULL,
            why TEXT NOT NULL,
            PRIMARY KEY (session_id, at, place)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX shown_by_time ON shown (at)",
    ),
    (places.TABLE,),
)
"""The statements that make version n of version n - 1 stand at n - 1. Only ever appended to."""


class SessionFile(SQLiteFile):
    name = SESSIONS
    migrations = MIGRATIONS
    if_damaged = (
        "holds what sessions were told and is damaged ({why}); no memory is in it: move it away, or put it back from a "
        "backup, and sessions go on"
    )
    # NORMAL: a commit waits for no disk. What must not be lost says so itself.
    # What was deleted is overwritten, because who drops a session wants it gone.
    pragmas = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", "PRAGMA secure_delete = ON")
