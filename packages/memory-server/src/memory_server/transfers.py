"""Files that come and go: an export on its way out, an import on its way in. They lie beside the data meanwhile.

A DuckDB file and its write-ahead log arrive as one body, the log at the end; they are read as two files.
"""

import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
from fastapi import Request
from fastapi.responses import FileResponse
from starlette import types as asgi

from memory_core import checks
from memory_core.types import FileFormat
from memory_server.decoding import media_type, refuse_declared, too_large
from memory_server.problems import unsupported_media

MEDIA = {FileFormat.PARQUET: "application/vnd.apache.parquet", FileFormat.JSONL: "application/jsonl"}
_ALSO_TAKEN = ("application/vnd.duckdb", "application/x-ndjson", "application/octet-stream")
_TRANSFER = ".transfer-{}"
_COPY_BYTES = 1 << 20


class TemporaryFile(FileResponse):
    """A file that is gone once it is sent, or once the caller is."""

    def __init__(self, path: Path, file_format: FileFormat, *, headers: dict[str, str]) -> None:
        super().__init__(path, headers=headers, media_type=MEDIA[file_format], filename=f"memories.{file_format.value}")

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.to_thread(Path(self.path).unlink, missing_ok=True)


def refuse_other_media(request: Request) -> None:
    if media_type(request) not in (*MEDIA.values(), *_ALSO_TAKEN):
        raise unsupported_media(" or ".join(MEDIA.values()))


def scratch(data_dir: Path) -> Path:
    """A file that is not there yet, on the disk that has room for memories."""
    return data_dir / _TRANSFER.format(uuid.uuid4().hex)


@contextlib.asynccontextmanager
async def received(request: Request, data_dir: Path, *, max_bytes: int) -> AsyncIterator[Path]:
    """The body as a file, which is gone afterwards."""
    refuse_declared(request, max_bytes=max_bytes)
    path, size = scratch(data_dir), 0
    try:
        async with await anyio.open_file(path, "xb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > max_bytes:
                    raise too_large(max_bytes)
                await file.write(chunk)
        yield path
    finally:
        path.unlink(missing_ok=True)


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


def clear_transfers(data_dir: Path) -> None:
    """Remove what an export or import left when the process ended in its middle."""
    for left in data_dir.glob(_TRANSFER.format("*")):  # logs beside them, too
        left.unlink(missing_ok=True)
