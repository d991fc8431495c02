"""Stores with something of everything in them, and who keeps their backups."""

from pathlib import Path
from typing import Any

import duckdb

from memory_core.backups import Backup
from memory_core.engine.backups.keeping import Keeper
from memory_core.engine.backups.shelf import Shelf
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore, open_store
from memory_core.engine.stores.duckdb.backups import DuckDBBackups
from support.entries import MODEL, OTHER_MODEL, edited, embed, one_of_many, random_vectors


def options(folder: Path, **fields: Any) -> StoreOptions:  # Any: whatever field it is
    return StoreOptions(**{"data_dir": folder, "threads": 1, "min_free_bytes": 0} | fields)


def opened(folder: Path, **fields: Any) -> DuckDBStore:  # as above
    return open_store("", options(folder, **fields))


def keeper(folder: Path, **fields: Any) -> Keeper:  # as above
    """Of the store in `folder`, with its backups in a folder of the usual name there."""
    given: dict[str, Any] = {
        "shelf": Shelf(folder / "backups"),
        "kind": "duckdb",
        "format": DuckDBBackups(),
        "options": options(folder),
        "keep": 7,
        "version": "1.2.3",
    }
    return Keeper(**given | fields)


def fill(store: DuckDBStore, count: int = 40) -> None:
    """Memories in and out of the trash, changed ones, a merged index and one that is not, vectors of two models."""
    entries = [one_of_many(number) for number in range(count)]
    store.insert(entries)
    store.use_model(MODEL)
    waiting = [pending.memory.id for pending in store.pending(limit=count)]
    embed(store, {memory_id: random_vectors(n, 1 + n % 3) for n, memory_id in enumerate(waiting[: count // 2])})
    store.change(waiting[0], edited(content="Straße 🦆 'quoted' \"twice\"\n\ttab", tags=()))
    with store._db.write() as cursor:
        cursor.execute("INSERT INTO postings SELECT * FROM postings_delta ORDER BY term, doc").fetchall()
        cursor.execute("DELETE FROM postings_delta").fetchall()
    store.insert([one_of_many(count)])
    store.prepare_model(OTHER_MODEL, spec="other:spec")
    store.write_note("a note", "its value")


def rows(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a store that is not in use."""
    with duckdb.connect(file, read_only=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in tables}


def folder_of(keeper: Keeper, backup: Backup) -> Path:
    return keeper.shelf.place(backup.name)


def litter(keeper: Keeper) -> list[str]:
    """What lies in the folder of backups that is neither a backup nor the lock."""
    names = {entry.name for entry in keeper.shelf.folder.iterdir()} - set(keeper.shelf.names())
    return sorted(names - {"backups.lock"})
