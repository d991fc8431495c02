"""Small facts about the store itself, by name: which analyser made its index, which embedder was chosen."""

from memory_core.engine.stores.duckdb.database import Cursor

ANALYSER = "analyser"
MOVED_IN = "moved in"  # what was taken over from the founding project, in a sentence

READ = "SELECT value FROM notes WHERE name = $name"
FORGET = "DELETE FROM notes WHERE name = $name"
WRITE = "INSERT OR REPLACE INTO notes VALUES ($name, $value)"


def read(cursor: Cursor, name: str) -> str | None:
    rows = cursor.execute(READ, {"name": name}).fetchall()
    return rows[0][0] if rows else None


def write(cursor: Cursor, name: str, value: str | None) -> None:
    if value is None:
        cursor.execute(FORGET, {"name": name}).fetchall()
    else:
        cursor.execute(WRITE, {"name": name, "value": value}).fetchall()
