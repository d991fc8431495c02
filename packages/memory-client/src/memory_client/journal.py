"""Records in a file, written one after the other, that outlive whatever ends their writer. Knows nothing of memories.

A record is a line: its CRC-32 in hexadecimal, a space, a JSON document. The first line names the format. What a killed
writer leaves is a last line without its end: it was never acknowledged, is ignored, and is cut off by the next writer.
A line that is whole and does not fit its checksum was damaged by something else; it stays, and the rest is read.
"""

import errno
import json
import os

from memory_client.errors import OutboxError
from memory_core import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from memory_core.files import FileLock

FORMAT = 1
_MAGIC = b"memory-outbox"
_LOCK_WAIT_S = 10.0  # whoever holds it writes a line, or at most the file

Record = dict[str, object]


class Journal:
    """The records of the file at `path`, under its lock: `with Journal(path, title) as journal`.

    `title` is what a new file is for, on its first line. Raises OutboxError, also from within the block for an OSError.
    """

    def __init__(self, path: str, title: str) -> None:
        self.path = path
        self.records: list[Record] = []
        self.damaged: list[bytes] = []
        self.end = 0  # of what is whole
        self._head = head(title)
        self._size = 0
        self._file = -1
        self._lock: FileLock | None = None

    def __enter__(self) -> "Journal":
        try:
            self._lock = _locked(self.path)
            self._open()
        except OSError as error:
            self._close()
            raise OutboxError(_sentence(self.path, error)) from error
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._close()
        if isinstance(error, OSError):
            raise OutboxError(_sentence(self.path, error)) from error

    def append(self, record: Record, *, durable: bool = True) -> None:
        """Add one. Once it returns, the record outlives a power cut; if it raises, the file is as it was."""
        line = framed(record) if self.end else self._head + framed(record)
        if self._size != self.end:
            os.ftruncate(self._file, self.end)
        try:
            os.lseek(self._file, self.end, os.SEEK_SET)
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            if durable:
                os.fsync(self._file)
                system.sync_folder(os.path.dirname(self.path))  # the file's name: whoever made it may have died before
        except BaseException:
            try:
                os.ftruncate(self._file, self.end)
            except OSError:
                self._size = -1  # the next append tries again
            raise
        self.end += len(line)
        self._size = self.end

    def replace(self, records: "Iterable[Record]") -> None:
        """Write the file anew with `records` and what is damaged. To leave nothing needs no room on the disk."""
        lines = [*(line + b"\n" for line in self.damaged), *map(framed, records)]
        if not lines:
            os.ftruncate(self._file, min(self.end, len(self._head)))
            os.fsync(self._file)
            self._close_file()
            self._open()
            return
        from pathlib import Path  # as in _locked

        from memory_core.files import replacing

        self._close_file()  # first: Windows replaces no file that is open
        try:
            with replacing(Path(self.path)) as file:
                file.write(self._head + b"".join(lines))
            system.sync_folder(os.path.dirname(self.path))
        finally:
            self._open()

    def _open(self) -> None:
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | system.BINARY, 0o600)
        system.keep_private(self._file)
        with open(self._file, "rb", closefd=False) as file:
            data = file.read()
        *lines, torn = data.split(b"\n")
        if lines:
            check_head(self.path, lines[0])
        self.records, self.damaged = [], []
        for line in lines[1:]:
            record = _record(line)
            if record is None:
                self.damaged.append(line)
            else:
                self.records.append(record)
        self._size, self.end = len(data), len(data) - len(torn)

    def _close_file(self) -> None:
        if self._file >= 0:
            # Forgotten first: closed twice, the number may be another thread's file by then.
            file, self._file = self._file, -1
            os.close(file)

    def _close(self) -> None:
        self._close_file()
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def head(title: str) -> bytes:
    return b"%s %d %s\n" % (_MAGIC, FORMAT, title.encode())


def check_head(path: str, line: bytes) -> str:
    """The title that the first line of a file names. Raises OutboxError: not such a file, or one of a newer version."""
    magic, _, rest = line.partition(b" ")
    version, _, title = rest.partition(b" ")
    if magic != _MAGIC or not version.isdigit():
        raise OutboxError(f"{path} is no outbox; move it away")
    if int(version) > FORMAT:
        raise OutboxError(f"{path} was written by a newer version; upgrade this one, the file stays as it is")
    return title.decode("utf-8", "replace")


def framed(record: Record) -> bytes:
    from binascii import crc32  # here and below: only once something has to be kept

    document = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return b"%08x %s\n" % (crc32(document), document)


def _record(line: bytes) -> Record | None:
    from binascii import crc32

    checksum, _, document = line.partition(b" ")
    if checksum != b"%08x" % crc32(document):
        return None
    try:
        record = json.loads(document.decode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _locked(path: str) -> "FileLock":
    """The lock on `path`, its folder made if need be. Raises OSError, OutboxError."""
    from pathlib import Path  # 10 ms, which a start does not pay

    from memory_core.files import FileLock

    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        for missing in (os.path.dirname(folder), folder):  # the mode is that of the last one alone
            os.makedirs(missing, mode=0o700, exist_ok=True)
        system.sync_folder(os.path.dirname(folder))
    lock = FileLock(Path(f"{path}.lock"))
    if not lock.acquire(timeout_s=_LOCK_WAIT_S):
        raise OutboxError(f"another process has held {path} for {_LOCK_WAIT_S:.0f} s; try again, or end that one")
    return lock


def _sentence(path: str, error: OSError) -> str:
    folder = os.path.dirname(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk that holds {folder} is full; free some space"
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return f"{folder} is not a folder, and cannot be made one; move what is there, or set MEMORY_DATA_DIR"
    why = (error.strerror or str(error)).lower()
    return f"{folder} cannot be used: {why}; let MEMORY_DATA_DIR name a folder you may write"
