"""Files as the founding project, claude-local-memory-server, writes them, with the tables that it publishes.

In the storage format of DuckDB 1.x, which that project runs on; with secondary indexes, as it makes them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

OLDEST = """
CREATE TABLE memories (
    id VARCHAR PRIMARY KEY, content VARCHAR NOT NULL, memory_type VARCHAR DEFAULT 'observation', tags VARCHAR[],
    source VARCHAR, client_id VARCHAR, project_id VARCHAR,
    created_at TIMESTAMP WITH TIME ZONE, updated_at TIMESTAMP WITH TIME ZONE, embedding FLOAT[]
)
"""
INDEXES = ("memory_type", "client_id", "created_at", "project_id")
ADDED = ("certainty_score FLOAT DEFAULT 0.7", "quality_score FLOAT DEFAULT 0.7", "session_id VARCHAR")
SESSIONS = """
CREATE TABLE sessions (
    id VARCHAR PRIMARY KEY, project_id VARCHAR, client_id VARCHAR,
    started_at TIMESTAMP WITH TIME ZONE, ended_at TIMESTAMP WITH TIME ZONE, summary VARCHAR,
    topics VARCHAR[], decisions VARCHAR[], open_questions VARCHAR[], status VARCHAR DEFAULT 'active'
)
"""
EXPORT = """
COPY (SELECT id, content, memory_type, tags, source, client_id, project_id, created_at, updated_at FROM memories)
TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""

Row = dict[str, Any]

MEMORIES: Sequence[Row] = (
    {
        "id": "1a2b3c4d", "content": "We deploy on Fridays, only after lunch", "memory_type": "decision",
        "tags": ["ops", "release"], "source": "chat", "client_id": "laptop", "project_id": "shop",
        "created_at": "2025-03-01 12:00:00.123456+02", "updated_at": "2025-03-02 08:30:00+00",
        "embedding": [0.5] * 384, "certainty_score": 0.9,
    },
    {
        "id": "00c0ffee", "content": "Straße, 東京, 🦆", "memory_type": "preference", "tags": [],
        "client_id": "desk", "created_at": "2025-03-03 09:00:00+00", "updated_at": "2025-03-03 09:00:00+00",
    },
    {
        "id": "feedbeef", "content": "A type of somebody's own", "memory_type": "TODO", "tags": [" x ", "x", ""],
        "created_at": "2025-03-04 09:00:00+00", "updated_at": "2025-03-04 09:00:00+00",
    },
    {
        "id": "5e551011", "content": "Chose the ledger's format", "memory_type": "session",
        "tags": ["session:0badcafe", "ledger"], "project_id": "shop",
        "created_at": "2025-03-05 10:30:00+00", "updated_at": "2025-03-05 10:30:00+00",
    },
    {
        "id": "e0e0e0e0", "content": "   ", "memory_type": "fact",
        "created_at": "2025-03-06 09:00:00+00", "updated_at": "2025-03-06 09:00:00+00",
    },
    {"id": "77777777", "content": "Without a time", "memory_type": None, "tags": None},
)  # fmt: skip
ALL_SESSIONS: Sequence[Row] = (
    {
        "id": "0badcafe", "project_id": "shop", "client_id": "laptop", "summary": "Chose the ledger's format",
        "started_at": "2025-03-05 09:00:00+00", "ended_at": "2025-03-05 10:30:00+00", "topics": ["ledger"],
        "decisions": ["Amounts are integers"], "open_questions": ["Who rotates the keys?"], "status": "completed",
    },
    {"id": "0badf00d", "project_id": "shop", "started_at": "2025-03-07 09:00:00+00", "status": "active"},
)  # fmt: skip


def founding_store(
    path: Path,
    memories: Sequence[Row] = MEMORIES,
    sessions: Sequence[Row] = ALL_SESSIONS,
    *,
    oldest: bool = False,
    in_log: Sequence[Row] = (),
) -> Path:
    """Its store at `path`: of its first versions if `oldest`; `in_log` are memories that a crash left in the log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(":memory:")
    connection.execute(f"ATTACH '{path}' AS made (STORAGE_VERSION 'v1.0.0')")
    connection.execute("USE made")
    connection.execute(OLDEST)
    for column in INDEXES:
        connection.execute(f"CREATE INDEX idx_memories_{column} ON memories({column})")
    if oldest:
        memories = [{name: row[name] for name in row if not name.endswith("_score")} for row in memories]
    else:
        for column in ADDED:
            connection.execute(f"ALTER TABLE memories ADD COLUMN {column}")
        connection.execute(SESSIONS)
        _insert(connection, "sessions", sessions)
    _insert(connection, "memories", memories)
    connection.execute("CHECKPOINT made")
    connection.execute("PRAGMA disable_checkpoint_on_shutdown")
    connection.execute("SET checkpoint_threshold = '1GB'")
    _insert(connection, "memories", in_log)
    connection.close()
    return path


def founding_export(path: Path, store: Path) -> Path:
    """What its export writes: without scores, sessions and vectors."""
    with duckdb.connect(store, read_only=True) as connection:
        connection.execute(EXPORT.format(path=path))
    return path


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    for row in rows:
        names, places = ", ".join(row), ", ".join(f"${name}" for name in row)
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", row)
