"""Locks between processes, and files that are never half-written. Standard library only.

No tempfile: it costs a start 17 ms.
"""

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from memory_core import system
from memory_core.system import sync_folder

__all__ = ["FileLock", "first_line", "replacing", "sync_file", "sync_folder", "why_not"]

_NUMBERS = itertools.count()  # the clock of Windows may stand still for 16 ms


class FileLock:
    """An exclusive lock on a file of its own, freed when this process ends, however it ends.

    The file stays: removing it would let two processes lock two different files of one name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self, *, timeout_s: float = 0.0) -> bool:
        """False if another holds it for that long. Raises OSError where the file cannot be made."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + timeout_s
        try:
            while not system.lock(file):
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.01)
            self._file = file
        finally:
            if self._file is None:
                os.close(file)
        return True

    def release(self) -> None:
        if self._file is not None:
            system.unlock(self._file)
            os.close(self._file)
            self._file = None


@contextlib.contextmanager
def replacing(path: Path, *, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Write a file that appears whole, durable and under its name, or not at all. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}-{next(_NUMBERS)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        system.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_file(path: Path) -> None:
    """Opened for writing, without which Windows syncs nothing."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def why_not(error: Exception) -> str:
    """What the system says of a file that cannot be read or written, without numbers and Python's words."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def first_line(error: Exception) -> str:
    """What a library says, without the lines that show where in a statement or in its own code."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
