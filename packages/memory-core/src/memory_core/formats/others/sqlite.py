"""Another program's SQLite file, read and never written, also while that program has it open.

`mode=ro` takes part in the file's locks, so that what is read is one state of it, the newest writes in its WAL
included. `immutable` would not: it ignores the WAL, and a writer that comes meanwhile. To take part, SQLite may put
its own -wal and -shm files beside one that is in WAL mode; the program whose it is clears them away.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from memory_core.errors import UnavailableError
from memory_core.formats.found import Left

Connection = sqlite3.Connection
Error = sqlite3.Error
HEADER = b"SQLite format 3\0"
Row = dict[str, Any]  # Any: what a column of another program holds


@contextlib.contextmanager
def opened(path: Path, *, busy_s: float = 10.0) -> Iterator[sqlite3.Connection]:
    """One consistent state of the file, for as long as this lasts; a locked file is waited for, `busy_s` long."""
    connection = None
    try:
        uri = f"file:{quote(str(path.resolve()))}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=busy_s, isolation_level=None)
        connection.text_factory = lambda text: text.decode(errors="surrogateescape")
        connection.row_factory = _row
        connection.execute("PRAGMA query_only = on")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()  # from here on nothing changes under us
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise UnavailableError(
            f"{path} cannot be read: {error}; stop the program that uses it, or copy it with its -wal file elsewhere"
        ) from error
    try:
        yield connection
    finally:
        connection.close()


def takes(path: Path, wanted: dict[str, set[str]]) -> bool:
    """Whether the file is a database with these tables and, in each, these columns."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if file.read(len(HEADER)) != HEADER:
            return False
    with opened(path) as connection:
        try:
            return all(columns <= set(columns_of(connection, table)) for table, columns in wanted.items())
        except sqlite3.Error:
            return False


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """Empty if there is no such table."""
    return [row["name"] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def rows(connection: sqlite3.Connection, table: str) -> Iterator[Row | Left]:
    """Every row in the order it was written, as far as the file can be read."""
    if not columns_of(connection, table):
        return
    last = None
    try:
        for row in connection.execute(f"SELECT rowid AS _rowid, * FROM {quoted(table)} ORDER BY rowid"):  # noqa: S608 - a name from the schema, quoted
            last = row.pop("_rowid")
            yield row
    except sqlite3.Error as error:
        after = "its beginning" if last is None else f"row {last}"
        yield Left(f"table {table}", f"what comes after {after} cannot be read: {error}")


def counted(connection: sqlite3.Connection, known: set[str]) -> Iterator[tuple[str, int]]:
    """The tables with rows besides `known`, and how many; not those that only serve an index."""
    names = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    virtual = {row["name"] for row in names if (row["sql"] or "").upper().startswith("CREATE VIRTUAL")}
    serving = ("sqlite_", *(f"{name}_" for name in virtual))
    for row in names:
        name = row["name"]
        if name in known or name in virtual or name.startswith(serving):
            continue
        with contextlib.suppress(sqlite3.Error):
            if count := connection.execute(f"SELECT count(*) AS n FROM {quoted(name)}").fetchone()["n"]:  # noqa: S608 - as above
                yield name, count


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> Row:
    return dict(zip((column[0] for column in cursor.description), values, strict=True))
