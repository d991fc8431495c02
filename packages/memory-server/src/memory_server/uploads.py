"""A DuckDB file and its write-ahead log arrive as one body, the log at the end; they are read as two files."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from memory_core import checks

_COPY_BYTES = 1 << 20


@contextlib.asynccontextmanager
async def log_beside(path: Path, log_bytes: int) -> AsyncIterator[None]:
    """The last `log_bytes` of the file at `path` lie beside it, by the name that DuckDB looks for."""
    log = path.with_name(path.name + ".wal")
    try:
        await asyncio.to_thread(_split, path, log, log_bytes)
        yield
    finally:
        log.unlink(missing_ok=True)


def _split(path: Path, log: Path, log_bytes: int) -> None:
    checks.between("log_bytes", log_bytes, 0, path.stat().st_size)
    if not log_bytes:
        return
    with path.open("r+b") as file, log.open("xb") as target:
        file.seek(-log_bytes, os.SEEK_END)
        begin = file.tell()
        while piece := file.read(_COPY_BYTES):
            target.write(piece)
        file.truncate(begin)
