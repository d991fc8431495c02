"""The numbers of a store that are quick to tell."""

from collections.abc import Iterable
from pathlib import Path

from memory_core.diagnosis import StoreState
from memory_core.engine.stores.duckdb.database import Cursor, Database
from memory_core.engine.stores.duckdb.dump import VERSION
from memory_core.engine.stores.duckdb.rows import from_timestamp
from memory_core.engine.watching import Room
from memory_core.types import MemoryType
from memory_core.watching import Standing, Tally

COUNTS = """
SELECT count(*) FILTER (deleted_at IS NULL), count(deleted_at), min(deleted_at), (SELECT count(*) FROM revisions)
FROM memories
"""
TALLY = f"""
SELECT memory_type, count(*), CASE
    WHEN deleted_at IS NOT NULL THEN '{Standing.TRASH}'
    WHEN superseded_by IS NOT NULL THEN '{Standing.SUPERSEDED}'
    ELSE '{Standing.LIVE}'
END AS standing
FROM memories GROUP BY memory_type, standing ORDER BY ALL
"""


def state(cursor: Cursor, database: Database, snapshots: Path) -> StoreState:
    memories, in_trash, trashed_since, revisions = cursor.execute(COUNTS).fetchall()[0]
    copies = [file.stat().st_size for file in _files(snapshots)]
    return StoreState(
        schema_version=int(cursor.execute(VERSION).fetchall()[0][0]),
        memories=memories,
        in_trash=in_trash,
        trashed_since=None if trashed_since is None else from_timestamp(trashed_since),
        revisions=revisions,
        size_bytes=database.size_bytes(),
        wal_bytes=database.wal_bytes(),
        free_bytes=database.free_bytes(),
        floor_bytes=database.floor_bytes(),
        snapshots=len(copies),
        snapshot_bytes=sum(copies),
    )


def tally(cursor: Cursor) -> list[Tally]:
    return [
        Tally(memory_type=MemoryType(kind), standing=Standing(standing), count=count)
        for kind, count, standing in cursor.execute(TALLY).fetchall()
    ]


def room(cursor: Cursor, database: Database) -> Room:
    return Room(
        schema_version=int(cursor.execute(VERSION).fetchall()[0][0]),
        size_bytes=database.size_bytes(),
        log_bytes=database.wal_bytes(),
        free_bytes=database.free_bytes(),
        floor_bytes=database.floor_bytes(),
    )


def _files(folder: Path) -> Iterable[Path]:
    return folder.glob("*.duckdb")  # none where there is no such folder
