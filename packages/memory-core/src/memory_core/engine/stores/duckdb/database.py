"""One open DuckDB file, and the rules under which it may be used from several threads.

A connection shared by threads returns one caller's rows to another; two writers of one row lose an update without an
error; a commit after an error "succeeds" and keeps nothing. So: a cursor for each call, one writer at a time, rollback
on every exception. After a fatal error (a checkpoint onto a full disk) DuckDB refuses even reads until the file is
opened anew: that is done here, once for each such error.
"""

import contextlib
import logging
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import opening, trouble
from memory_core.engine.stores.duckdb.watermark import Watermark
from memory_core.errors import InternalError, MemoryServiceError, StorageFullError, UnavailableError

Cursor = duckdb.DuckDBPyConnection
# A transaction sees the moment of its first statement, not that of BEGIN.
TOUCH = "SELECT 1 FROM models LIMIT 1"
LIMIT = "SET memory_limit = '{limit}'"
UNREAD = "SELECT range, range::VARCHAR FROM range(1_000_000)"  # as long as its result is open, some memory is held
DRAIN_S = 5.0
INTERRUPT_S = 1.0

_log = logging.getLogger(__name__)


class Database:
    """Owns the base connection. `read` and `write` are the ways in; `idle` is for maintenance."""

    def __init__(self, path: Path, options: StoreOptions, folders: Sequence[Path]) -> None:
        self.path = path
        self._options = options
        self._folders = folders
        self._watermark = Watermark(path)  # reads the file, so before the next line
        self._base: Cursor | None = opening.connect(path, options, folders)
        self._writer = threading.Lock()
        self._lifecycle = threading.RLock()  # held while the base connection is replaced or closed
        self._door = threading.Condition()
        self._cursors: dict[int, Cursor] = {}
        self._shut = False
        self._closed = False
        self._counting = threading.Lock()
        self._commits = 0  # odd while one is under way

    @contextlib.contextmanager
    def read(self) -> Iterator[Cursor]:
        """All that is read within sees one moment."""
        with self._translated(), self._cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION READ ONLY").fetchall()
            try:
                yield cursor
            finally:
                _roll_back(cursor)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[tuple[Cursor, int | None]]:
        """Like `read`, and how many commits it has seen: equal numbers see the same. Null if that cannot be told."""
        with self.read() as cursor:
            before = self._settled()
            cursor.execute(TOUCH).fetchall()
            yield cursor, before if before == self._settled() else None

    @contextlib.contextmanager
    def write(self, *, acknowledged: bool = True) -> Iterator[Cursor]:
        """One transaction, alone; durable when it is left without an exception.

        Not `acknowledged`: nobody is told of it, and what it writes could be made again.
        """
        with self._translated(), self._writer:
            self._require_room()
            with self._cursor() as cursor:
                cursor.begin()
                try:
                    yield cursor
                    number = self._watermark.take(cursor) if acknowledged else None
                    with self._counted():
                        cursor.commit()
                    if number is not None:
                        self._watermark.note(number)
                except BaseException:
                    _roll_back(cursor)
                    raise

    @contextlib.contextmanager
    def idle(self) -> Iterator[Cursor]:
        """Alone like a writer, but outside any transaction, which is what CHECKPOINT asks for."""
        with self._translated(), self._writer, self._cursor() as cursor, self._counted():
            yield cursor

    def forget_cached(self) -> bool:
        """Free what DuckDB keeps of files and of past statements, unless the store is in use: false then.

        Each buffer of a statement leaves a record of 200 bytes when it is gone, up to 36,000 in each of eight queues.
        They are cleared only when memory is short, so a limit that cannot be kept is asked for: it is refused, which
        leaves the old one, after everything has been let go. Others wait at the door meanwhile, some 50 ms.
        """
        with self._translated(), self._door:
            if self._base is None or self._shut or self._cursors:
                return False
            with contextlib.closing(self._base.cursor()) as held, contextlib.closing(self._base.cursor()) as cursor:
                # Without something that cannot be let go, the limit may be kept before it comes to the records.
                held.execute(UNREAD).fetchone()
                try:
                    with contextlib.suppress(duckdb.OutOfMemoryException):
                        cursor.execute(LIMIT.format(limit="1KB")).fetchall()
                finally:
                    limit = self._options.memory_limit.replace("'", "''")
                    cursor.execute(LIMIT.format(limit=limit)).fetchall()
            return True

    @property
    def base(self) -> Cursor:
        """What all cursors come from. It may execute something itself only before the first of them."""
        return self._open_base()

    @property
    def commits(self) -> int | None:
        """What a snapshot would give that is taken now. Raises UnavailableError when closed."""
        self._open_base()
        return self._settled()

    def has_room(self) -> bool:
        return self.free_bytes() >= self.floor_bytes()

    def size_bytes(self) -> int:
        return sum(_size(file) for file in self.path.parent.iterdir() if file.name.startswith(self.path.name))

    def wal_bytes(self) -> int:
        return _size(self.path.with_name(self.path.name + ".wal"))

    def close(self) -> None:
        """Let the calls under way end, then write the WAL into the file. May be called again."""
        with self._lifecycle:
            self._closed = True
            if self._base is None:
                return
            self._drain()
            try:
                if self.wal_bytes():
                    self._base.execute("CHECKPOINT").fetchall()
            except duckdb.Error:
                _log.warning("%s: no checkpoint at the end; the next start reads the WAL", self.path, exc_info=True)
            self._base.close()
            self._base = None

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        """By the writer alone; a commit that fails counts too, and a checkpoint, which moves rows."""
        self._count(1)
        try:
            yield
        finally:
            self._count(1)

    def _settled(self) -> int | None:
        commits = self._commits
        return None if commits % 2 else commits

    def _count(self, number: int) -> None:
        with self._counting:
            self._commits += number

    # How the door works: `_cursor` enters while it is not shut, `_drain` shuts it and waits for the last to leave.

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Cursor]:
        cursor = self._enter()
        try:
            yield cursor
        finally:
            with self._door:
                self._cursors.pop(id(cursor), None)
                cursor.close()
                self._door.notify_all()

    def _enter(self) -> Cursor:
        while True:
            base = self._open_base()
            with self._door:
                if not self._shut and base is self._base:  # else it was shut just now: wait for the next
                    cursor = base.cursor()
                    self._cursors[id(cursor)] = cursor
                    return cursor

    def _open_base(self) -> Cursor:
        if self._base is None or self._shut:
            with self._lifecycle:  # waits for an opening under way
                if self._closed:
                    raise UnavailableError(f"{self.path} is closed")
                if self._base is None:
                    self._base = opening.connect(self.path, self._options, self._folders)
                    self._shut = False
        if self._base is None:
            raise UnavailableError(f"{self.path} is closed")
        return self._base

    def _drain(self) -> None:
        with self._door:
            self._shut = True
            if self._door.wait_for(lambda: not self._cursors, timeout=DRAIN_S):
                return
            for cursor in self._cursors.values():
                cursor.interrupt()
            self._door.wait_for(lambda: not self._cursors, timeout=INTERRUPT_S)
            for cursor in self._cursors.values():  # of an export whose reader stopped asking
                cursor.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        base = self._base
        try:
            yield
        except duckdb.FatalException as error:
            _log.exception("%s has to be opened anew", self.path)
            self._revive(base)
            raise self._explained(error) or self._anew() from error
        except (duckdb.InterruptException, duckdb.ConnectionException) as error:
            raise UnavailableError("the store was closed meanwhile; the call was given up") from error
        except duckdb.Error as error:
            # Otherwise not the message: it may quote a memory.
            raise self._explained(error) or InternalError(
                f"the store failed ({type(error).__name__}); the log has the traceback"
            ) from error

    def _explained(self, error: duckdb.Error) -> MemoryServiceError | None:
        return trouble.explained(error, self.path, self._options.memory_limit)

    def _anew(self) -> MemoryServiceError:
        if not self.has_room():
            return trouble.full(self.path)
        return UnavailableError("the store had to be opened anew after a fatal error; try again")

    def _revive(self, broken: Cursor | None) -> None:
        with self._lifecycle:
            if self._closed or self._base is not broken or broken is None:
                return  # another call has done it already
            self._drain()
            broken.close()
            self._base = None
            self._open_base()
            self._count(2)  # rows may lie elsewhere now

    def _require_room(self) -> None:
        if not self.has_room():
            raise StorageFullError(
                f"the disk of {self.path.parent} has {self.free_bytes() / 1e6:,.0f} MB free, and writing needs "
                f"{self.floor_bytes() / 1e6:,.0f} MB; make room, reading goes on meanwhile"
            )

    def free_bytes(self) -> int:
        try:
            return shutil.disk_usage(self.path.parent).free
        except OSError as error:
            raise UnavailableError(f"{self.path.parent} cannot be reached any more: {error.strerror}") from error

    def floor_bytes(self) -> int:
        """A checkpoint writes what changed beside what was, so a large file needs more."""
        least = self._options.min_free_bytes
        return max(least, _size(self.path) // 20) if least else 0


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0  # a checkpoint has just removed it


def _roll_back(cursor: Cursor) -> None:
    # After some errors DuckDB has rolled back by itself and refuses to do it again.
    with contextlib.suppress(duckdb.Error):
        cursor.rollback()
