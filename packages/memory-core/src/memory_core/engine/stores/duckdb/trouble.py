"""What DuckDB says when the machine fails it, as errors of ours: no room, no memory, a failing disk, a damaged file.

DuckDB has one class of exception for several of these, so they are told apart by its words.
"""

import logging
from pathlib import Path

import duckdb

from memory_core import system
from memory_core.errors import MemoryServiceError, StorageFullError, UnavailableError

_log = logging.getLogger(__name__)

NO_MEMORY = ("Out of Memory Error", "could not allocate block", "failed to pin block")
NO_WRITES = ("Read-only file system", "Input/output error")  # Linux makes a disk that begins to fail read-only
DAMAGED = ("Corrupt database file", "Could not read enough bytes")


def is_full(error: duckdb.Error) -> bool:
    return system.says_full(str(error))


def full(path: Path) -> StorageFullError:
    return StorageFullError(f"the disk of {path.parent} is full; make room, reading goes on meanwhile")


def explained(error: duckdb.Error, path: Path, memory_limit: str) -> MemoryServiceError | None:
    """Null where it is none of these."""
    if is_full(error):
        return full(path)
    if _words(error, NO_MEMORY):
        return UnavailableError(
            f"the store needs more memory for this than its limit of {memory_limit}; raise the limit"
        )
    if words := _words(error, NO_WRITES):
        _log.error("%s: the disk takes no writes", path, exc_info=error)
        return UnavailableError(
            f"the disk of {path.parent} takes no writes ({words}), so nothing was kept; reading goes on meanwhile. "
            "Look after the disk, then restart the server"
        )
    if _words(error, DAMAGED):
        _log.error("%s is damaged", path, exc_info=error)
        return UnavailableError(
            f"{path} is damaged, a part of it cannot be read; export what can be, stop the server, and put a backup "
            "in its place"
        )
    return None


def _words(error: duckdb.Error, choice: tuple[str, ...]) -> str | None:
    return next((words for words in choice if words in str(error)), None)
