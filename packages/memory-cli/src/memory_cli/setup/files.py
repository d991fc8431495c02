"""Files of other programs, read whole and replaced whole: a file is as it was, or as it should be, and never between.

What is replaced is kept in an undo folder first, so that all of a setup can be taken back.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from memory_core.errors import InvalidError, NotFoundError, UnavailableError
from memory_core.files import replacing, why_not

_KEPT = 10
_MANIFEST = "manifest.json"


class Change(Struct, frozen=True, kw_only=True):
    """A file from `before` to `after`; null means that there is none. `secret`: never shown. `mode`: of a new one."""

    path: Path
    before: bytes | None
    after: bytes | None
    mode: int = 0o644
    secret: bool = False


class _Kept(Struct, frozen=True, kw_only=True):
    """What the undo folder says of a file. `copy` is the name of what was there, null where there was none."""

    path: str
    copy: str | None
    mode: int
    after: str | None


class _Manifest(Struct, frozen=True, kw_only=True):
    at: datetime
    files: tuple[_Kept, ...]


def content(path: Path) -> bytes | None:
    """Null where there is no such file. Raises UnavailableError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {error.strerror}") from error


class UndoFolder:
    """What was there before each of the last setups."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def carry_out(self, changes: Sequence[Change]) -> None:
        """All of them, or none: what was written is put back where one fails. Raises UnavailableError."""
        changes = [change for change in changes if change.before != change.after]
        if not changes:
            return
        for change in changes:
            if content(change.path) != change.before:
                raise UnavailableError(f"{change.path} was changed by another program meanwhile; run this again")
        record = self._keep(changes)
        done: list[Change] = []
        try:
            for change in changes:
                _write(change.path, change.after, change.mode)
                done.append(change)
        except UnavailableError:
            for change in reversed(done):
                _write(change.path, change.before, change.mode)
            shutil.rmtree(record)
            raise
        for old in sorted(self.folder.iterdir())[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def undo(self) -> tuple[list[Path], dict[Path, Path | None]]:
        """The files of the last setup as they were: which were put back, and which were changed since and stay.

        Those that stay have the file that holds what was there before; null where none does. The next call takes back
        the setup before, whether files stayed or not. Raises NotFoundError, UnavailableError.
        """
        records = self._records()
        if not records:
            raise NotFoundError("there is no setup to take back on this machine")
        back: list[Path] = []
        stay: dict[Path, Path | None] = {}
        for kept in _manifest(records[-1]).files:
            path = Path(kept.path)
            is_known, copy = self._copy(records[-1], kept)
            if _digest(content(path)) != kept.after or not is_known:
                stay[path] = records[-1] / kept.copy if copy is not None and kept.copy is not None else None
                continue
            _write(path, copy, kept.mode)
            back.append(path)
        if stay:
            (records[-1] / _MANIFEST).rename(records[-1] / "taken-back.json")  # the copies stay for who wants to look
        else:
            shutil.rmtree(records[-1])
        return back, stay

    def before(self, path: Path, now: bytes | None) -> tuple[bool, bytes | None]:
        """What `path` held before a setup left it as it is `now`; False where no setup is known to have done so."""
        for record in reversed(self._records()):
            for kept in _manifest(record).files:
                if kept.path == str(path) and kept.after == _digest(now):
                    return self._copy(record, kept)
        return False, None

    def _keep(self, changes: Sequence[Change]) -> Path:
        now = datetime.now(UTC)
        record = self.folder / now.strftime("%Y%m%dT%H%M%S.%fZ")
        try:
            record.mkdir(parents=True, mode=0o700)
            files = []
            for number, change in enumerate(changes):
                copy = None if change.before is None else str(number)
                if copy is not None:
                    with replacing(record / copy) as file:
                        file.write(change.before or b"")
                mode = _mode(change.path, change.mode)
                files.append(_Kept(path=str(change.path), copy=copy, mode=mode, after=_digest(change.after)))
            with replacing(record / _MANIFEST) as file:
                file.write(msgspec.json.format(msgspec.json.encode(_Manifest(at=now, files=tuple(files))), indent=2))
        except OSError as error:
            raise UnavailableError(f"{self.folder} cannot keep what was there before: {error.strerror}") from error
        return record

    def _copy(self, record: Path, kept: _Kept) -> tuple[bool, bytes | None]:
        """What was there, null for no file; False where its copy is gone: that does not mean that there was no file."""
        if kept.copy is None:
            return True, None
        copy = content(record / kept.copy)
        return copy is not None, copy

    def _records(self) -> list[Path]:
        try:
            return sorted(record for record in self.folder.iterdir() if (record / _MANIFEST).is_file())
        except OSError:
            return []


def _manifest(record: Path) -> _Manifest:
    try:
        return msgspec.json.decode((record / _MANIFEST).read_bytes(), type=_Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidError(f"{record} is not what a setup kept ({why_not(error)}); remove it") from error


def _write(path: Path, after: bytes | None, mode: int) -> None:
    """Raises UnavailableError. What a link points to is replaced, and not the link."""
    target = Path(os.path.realpath(path))
    try:
        if after is None:
            target.unlink(missing_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, mode=_mode(target, mode)) as file:
            file.write(after)
    except PermissionError as error:
        raise UnavailableError(
            f"{path} cannot be written: {error.strerror}; it may be open in another program, or belong to another user"
        ) from error
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written: {error.strerror}") from error


def _mode(path: Path, otherwise: int) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return otherwise


def _digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()
