"""The files of the founding project, claude-local-memory-server: its `memories.duckdb`, and what its export wrote.

Opened for reading alone: no byte of them changes. Older versions lack columns, and their exports carry no scores and
no sessions; what is missing is null. A file from elsewhere is not trusted: only plain tables are read, in a scratch
database that reaches nothing else.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from memory_core.engine import scratch
from memory_core.engine.founding import Remark, Row, memories_of, memories_of_session
from memory_core.engine.ports import EmbeddedEntry
from memory_core.errors import InvalidError
from memory_core.files import first_line
from memory_core.types import Memory

BATCH = 500
_TEXT, _TEXTS, _NUMBER = "{}::VARCHAR", "{}::VARCHAR[]", "{}::DOUBLE"
# As microseconds: fetching the times as they are would need pytz. A time without zone is UTC.
_TIME = "CASE WHEN isfinite({0}::TIMESTAMPTZ) THEN epoch_us({0}::TIMESTAMPTZ) END"
MEMORIES = {
    "id": _TEXT,
    "content": _TEXT,
    "memory_type": _TEXT,
    "tags": _TEXTS,
    "source": _TEXT,
    "client_id": _TEXT,
    "project_id": _TEXT,
    "created_at": _TIME,
    "updated_at": _TIME,
    "certainty_score": _NUMBER,
    "quality_score": _NUMBER,
    "session_id": _TEXT,
}
SESSIONS = {
    "id": _TEXT,
    "project_id": _TEXT,
    "client_id": _TEXT,
    "started_at": _TIME,
    "ended_at": _TIME,
    "summary": _TEXT,
    "topics": _TEXTS,
    "decisions": _TEXTS,
    "open_questions": _TEXTS,
    "status": _TEXT,
}
NEEDED = {"id", "content", "memory_type"}
OURS = {"deleted_at"}  # that project knows no trash
ATTACH = "ATTACH $path AS founding (READ_ONLY, TYPE duckdb)"
# No views: one could read other files of this machine.
TABLE_COLUMNS = """
SELECT column_name FROM duckdb_columns() JOIN duckdb_tables() USING (database_name, schema_name, table_name)
WHERE database_name = 'founding' AND schema_name = 'main' AND table_name = $table
"""
FILE_COLUMNS = "SELECT column_name FROM (DESCRIBE FROM read_parquet($path))"
READ = "SELECT {columns} FROM {source} ORDER BY {columns_in_order}"


@contextlib.contextmanager
def opened(path: Path) -> Iterator["FoundingFile"]:
    """Raises InvalidError where it is no file of that project, and duckdb.Error where it cannot be opened."""
    with scratch.opened() as connection:
        if not (is_parquet := not is_duckdb(path)):
            connection.execute(ATTACH, {"path": str(path)}).fetchall()
            connection.execute("SET enable_external_access = false").fetchall()
        file = FoundingFile(connection, path, is_parquet=is_parquet)
        columns = file.columns("memories")
        if not columns >= NEEDED or columns & OURS:
            raise InvalidError(f"{path.name} is no store or export of claude-local-memory-server")
        yield file


class FoundingFile:
    """What `opened` gives; `batches` may be asked for again."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, *, is_parquet: bool) -> None:
        self._connection = connection
        self._path = path
        self._is_parquet = is_parquet

    def batches(self, remark: Remark) -> Iterator[list[Memory]]:
        """Every memory, then every session, each in the order of its time."""
        for rows in self._rows("memories", MEMORIES):
            yield [memory for row in rows for memory in memories_of(row, remark)]
        if not self._is_parquet and self.columns("sessions") >= {"id", "started_at"}:
            for rows in self._rows("sessions", SESSIONS):
                yield [memory for row in rows for memory in memories_of_session(row, remark)]

    def _rows(self, table: str, wanted: Mapping[str, str]) -> Iterator[Sequence[Row]]:
        present = self.columns(table)
        columns = [
            f"{kind.format(name)} AS {name}" if name in present else f"NULL AS {name}" for name, kind in wanted.items()
        ]
        order = [name for name in ("created_at", "started_at", "id") if name in present]
        source = "read_parquet($path)" if self._is_parquet else f"founding.main.{table}"
        question = READ.format(columns=", ".join(columns), source=source, columns_in_order=", ".join(order))
        values = {"path": str(self._path)} if self._is_parquet else {}
        with contextlib.closing(self._connection.cursor()) as cursor:
            rows = cursor.execute(question, values)
            while batch := rows.fetchmany(BATCH):
                yield [dict(zip(wanted, row, strict=True)) for row in batch]

    def columns(self, table: str) -> set[str]:
        question, values = (
            (FILE_COLUMNS, {"path": str(self._path)}) if self._is_parquet else (TABLE_COLUMNS, {"table": table})
        )
        return {row[0] for row in self._connection.execute(question, values).fetchall()}


def is_founding(path: Path) -> bool:
    """Whether a Parquet file is of that project. What cannot be read is not: whoever reads ours says so."""
    try:
        with opened(path):
            return True
    except (InvalidError, duckdb.Error):
        return False


def is_duckdb(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(12)[8:] == b"DUCK"


def read_founding(path: Path, remark: Remark) -> Iterator[list[EmbeddedEntry]]:
    """Its memories without vectors, for an import. Raises InvalidError."""
    try:
        with opened(path) as file:
            for batch in file.batches(remark):
                yield [EmbeddedEntry(memory=memory, model=None, vectors=None) for memory in batch]
    except duckdb.Error as error:
        raise InvalidError(f"{path.name} cannot be read: {first_line(error)}") from error
