"""Lines in from one file descriptor, lines out to another: whole, of any length, from many threads."""

import os
import select
import threading
from collections.abc import Iterator

MAX_LINE_BYTES = 16 << 20


def lines(descriptor: int) -> Iterator[bytes | None]:
    """Each line until the end of the input, without its end; None for one that is too long to keep."""
    parts: list[bytes] = []
    size = 0
    while chunk := _read(descriptor):
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            yield b"".join([*parts, end]) if size + len(end) <= MAX_LINE_BYTES else None
            parts, size = [], 0
        size += len(rest)
        parts = [*parts, rest] if size <= MAX_LINE_BYTES else []
    if size:
        yield b"".join(parts) if size <= MAX_LINE_BYTES else None


def _read(descriptor: int) -> bytes:
    while True:
        try:
            return os.read(descriptor, 65536)
        except BlockingIOError:  # whoever gave us the pipe has made it so
            select.select([descriptor], [], [])
        except OSError:  # closed from the start, or a terminal that has gone: there is nobody
            return b""


class LineWriter:
    """Writes lines one at a time, whole. `broken` once the reader has gone."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self.broken = False

    def write(self, line: bytes) -> None:
        with self._lock:
            rest = memoryview(line + b"\n")
            try:
                while rest and not self.broken:
                    rest = rest[self._write(rest) :]
            except OSError:
                self.broken = True

    def _write(self, data: memoryview) -> int:
        """A pipe takes what it has room for, which may be less than all."""
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                select.select([], [self._descriptor], [])
