"""A DuckDB in memory: the codec of Parquet files, and the reader of DuckDB files from elsewhere. It is no store."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 2,
    "memory_limit": "256MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


@contextlib.contextmanager
def opened(*, spill: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """`spill` is a folder for what does not fit its memory limit, gone afterwards; without one, such work fails."""
    connection = duckdb.connect(":memory:", config=_CONFIG | {"temp_directory": str(spill or "")})
    try:
        connection.execute("SET enable_progress_bar = false").fetchall()  # it would draw on stdout
        connection.execute("SET TimeZone = 'UTC'").fetchall()
        yield connection
    finally:
        connection.close()
        if spill is not None:
            shutil.rmtree(spill, ignore_errors=True)
