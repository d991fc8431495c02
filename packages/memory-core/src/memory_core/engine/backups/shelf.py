"""The folder that backups stand in: their names, what is under way there, and what was found when one was verified.

A backup gets its name when all of it is on disk, and loses it before the first of its files goes. So what has a name is
whole, and what a process left that ended in the middle is known by its name, and cleared by the next one.
"""

import contextlib
import errno
import logging
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from memory_core import system
from memory_core.backups import Backup, BackupState
from memory_core.engine.backups.manifest import FILE_NAME, Manifest, missing_or_cut, read_manifest
from memory_core.errors import (
    ConflictError,
    MemoryServiceError,
    NotFoundError,
    StorageFullError,
    UnavailableError,
)
from memory_core.files import FileLock, replacing, sync_file, sync_folder

VERIFIED = "verified.json"
_LOCK = "backups.lock"
_NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z")
_UNDER_WAY = re.compile(rf"\.{_NAME.pattern}\.(new|check|gone)")

_log = logging.getLogger(__name__)


class Verification(Struct, frozen=True, kw_only=True):
    """What is kept beside the manifest once a backup was verified."""

    at: datetime
    program_version: str
    problem: str | None = None
    notes: tuple[str, ...] = ()


class Shelf:
    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._lock = FileLock(self.folder / _LOCK)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """The only one, of all processes, who makes, verifies or removes; what others left in the middle is cleared."""
        with self._errors():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            free = self._lock.acquire()
        if not free:
            raise ConflictError("a backup is being made or verified already; try again when it is done")
        try:
            with self._errors():
                for left in self.folder.iterdir():
                    if _UNDER_WAY.fullmatch(left.name):
                        shutil.rmtree(left)
            yield
        finally:
            self._lock.release()

    def require_room(self, needed: int, what: str) -> None:
        with self._errors():
            free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise StorageFullError(
                f"the disk of {self.folder} has {free / 1e6:,.0f} MB free, and {what} needs {needed / 1e6:,.0f} MB; "
                "make room"
            )

    @contextlib.contextmanager
    def making(self, name: str) -> Iterator[Path]:
        """An empty folder that becomes the backup `name` if the block ends well, and is gone if it does not."""
        temporary = self._under_way(name, "new")
        with self._errors(), self._gone_afterwards(temporary):
            yield temporary
            for file in temporary.iterdir():
                file.chmod(0o600)
                sync_file(file)
            sync_folder(temporary)
            system.replace(temporary, self.folder / name)
            sync_folder(self.folder)

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        temporary = self._under_way(name, "check")
        with self._errors(), self._gone_afterwards(temporary):
            yield temporary

    def names(self) -> list[str]:
        """Oldest first. Folders that are none of ours are left out."""
        try:
            found = [entry.name for entry in self.folder.iterdir() if _NAME.fullmatch(entry.name) and entry.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UnavailableError(f"{self.folder} cannot be read: {error.strerror}") from error
        return sorted(name for name in found if (self.folder / name / FILE_NAME).exists())

    def place(self, name: str) -> Path:
        """Raises NotFoundError unless there is such a backup."""
        if not _NAME.fullmatch(name) or not (self.folder / name).is_dir():
            known = self.names()
            newest = f"; the newest is {known[-1]}" if known else ""
            raise NotFoundError(f"there is no backup {name!r} in {self.folder}{newest}")
        return self.folder / name

    def describe(self, name: str) -> Backup:
        """What the manifest and the sizes tell; nothing is read through."""
        place = self.place(name)
        found = _verification(place)
        try:
            manifest = read_manifest(place)
        except MemoryServiceError as error:
            size = sum(file.stat().st_size for file in place.iterdir())
            return Backup(name=name, state=BackupState.BROKEN, created_at=time_of(name), bytes=size, problem=str(error))
        return _described(name, manifest, found, next(missing_or_cut(place, manifest), None))

    def note(self, name: str, found: Verification) -> None:
        """Keep what a verification found, where the folder can be written."""
        place = self.place(name)
        try:
            for left in place.glob(f".{VERIFIED}.*"):  # by one who was ended in the middle of this
                left.unlink()
            with replacing(place / VERIFIED) as file:
                file.write(msgspec.json.encode(found))
        except OSError:
            _log.warning("it could not be noted that %s was verified", name, exc_info=True)

    def remove(self, name: str) -> None:
        gone = self.folder / f".{name}.gone"
        with self._errors():
            system.replace(self.folder / name, gone)
            shutil.rmtree(gone)

    def _under_way(self, name: str, what: str) -> Path:
        return self.folder / f".{name}.{what}"

    @contextlib.contextmanager
    def _gone_afterwards(self, folder: Path) -> Iterator[None]:
        folder.mkdir(mode=0o700)
        try:
            yield
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # what cannot be removed now is cleared by the next

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFullError(f"the disk of {self.folder} is full; make room") from error
            raise UnavailableError(
                f"{self.folder} cannot hold backups ({error.strerror or error}); let MEMORY_BACKUP_DIR name a folder "
                "this user can write"
            ) from error


def new_name(at: datetime) -> str:
    """Sorts by time: `20261125T183000.123Z`."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S}.{at.microsecond // 1000:03}Z"


def time_of(name: str) -> datetime:
    return datetime.strptime(name.removesuffix("Z") + "000+0000", "%Y%m%dT%H%M%S.%f%z")


def _described(name: str, manifest: Manifest, found: Verification | None, cut: str | None) -> Backup:
    problem = cut or (found.problem if found else None)
    verified = BackupState.VERIFIED if found else BackupState.UNVERIFIED
    return Backup(
        name=name,
        state=BackupState.BROKEN if problem else verified,
        created_at=manifest.created_at,
        bytes=manifest.bytes,
        memories=manifest.memories,
        schema_version=manifest.schema_version,
        program_version=manifest.program_version,
        verified_at=found.at if found else None,
        problem=problem,
        notes=found.notes if found else (),
    )


def _verification(place: Path) -> Verification | None:
    try:
        return msgspec.json.decode((place / VERIFIED).read_bytes(), type=Verification)
    except (OSError, msgspec.MsgspecError):
        return None  # it can be verified again
