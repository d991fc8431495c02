"""The audit log as a file: lines are appended, each on disk before its writer goes on, and none is ever changed.

A file that has become large is put aside under the number of its first line, and kept. Blocking; used from threads.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from memory_core import system
from memory_core.auditing import AuditEntry, AuditPage, AuditQuery
from memory_core.files import sync_folder

NAME = "audit.jsonl"
MAX_BYTES = 10_000_000
_TAIL_BYTES = 65_536


class AuditFile:
    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._last: int | None = None  # the number of the last line, once it was looked up

    def append(self, entry: AuditEntry) -> AuditEntry:
        """With the next number, which is given here. Raises OSError, and has written nothing then."""
        with self._lock:
            if self._last is None:
                self._last = self._number_of_last()
            numbered = msgspec.structs.replace(entry, number=self._last + 1)
            self._put_aside_if_large()
            self._write(msgspec.json.encode(numbered) + b"\n")
            self._last = numbered.number
            return numbered

    def page(self, query: AuditQuery) -> AuditPage:
        found: list[AuditEntry] = []
        ended: set[int] = set()
        for entry in self._backwards():
            if entry.of is not None:
                ended.add(entry.of)
            if entry.number in ended or (query.before is not None and entry.number >= query.before):
                continue
            if len(found) == query.limit:
                return AuditPage(entries=tuple(found), count=len(found), next_before=found[-1].number)
            found.append(entry)
        return AuditPage(entries=tuple(found), count=len(found))

    def _write(self, line: bytes) -> None:
        is_new = not self._path.exists()
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | system.BINARY, 0o600)
        try:
            size = os.fstat(file).st_size
            os.lseek(file, max(0, size - 1), os.SEEK_SET)  # what is written goes to the end all the same
            if size and os.read(file, 1) != b"\n":
                line = b"\n" + line  # what a crash left of the line before stays a line of its own
            try:
                if os.write(file, line) != len(line):
                    raise OSError(28, "No space left on device")  # noqa: TRY301 - as for a write that fails whole
                os.fsync(file)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(file, size)
                raise
        finally:
            os.close(file)
        if is_new:
            self._sync_folder()

    def _put_aside_if_large(self) -> None:
        if not self._path.exists() or self._path.stat().st_size < self._max_bytes:
            return
        first = next(_entries(self._path.read_bytes().splitlines()), None)
        number = 0 if first is None else first.number
        system.replace(self._path, self._folder / f"audit-{number:012}.jsonl")
        self._sync_folder()

    def _backwards(self) -> Iterator[AuditEntry]:
        """From the newest. One that is put aside meanwhile is met again under its other name, so it is left out."""
        last: int | None = None
        for path in [self._path, *self._aside()]:
            with contextlib.suppress(FileNotFoundError):
                for entry in _entries(reversed(path.read_bytes().splitlines())):
                    if last is None or entry.number < last:
                        last = entry.number
                        yield entry

    def _aside(self) -> list[Path]:
        return sorted(self._folder.glob("audit-*.jsonl"), reverse=True)

    def _number_of_last(self) -> int:
        for path in [self._path, *self._aside()]:
            if not path.exists():
                continue
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
                lines = file.read().splitlines()
            for entry in _entries(reversed(lines)):
                return entry.number
        return 0

    def _sync_folder(self) -> None:
        with contextlib.suppress(OSError):  # not every disk can
            sync_folder(self._folder)


def _entries(lines: Iterator[bytes] | list[bytes]) -> Iterator[AuditEntry]:
    for line in lines:
        with contextlib.suppress(msgspec.MsgspecError):  # what a crash left of a line
            yield msgspec.json.decode(line, type=AuditEntry)
