"""One store takes the place of another, which is moved aside and kept; a crash leaves one of them whole.

Upgrade, rollback, restore and the takeover of the founding project's store all go this way. The new store is built in
a folder of its own. Once it is on disk, a journal beside the store says that it is to take over: from then on whoever
opens the store first, a restart after a crash included, carries on to the end, and every step is a rename. Before that
journal, what was built is only litter. The caller holds the store's lock, and nobody has one of the files open.
"""

import contextlib
import errno
import glob
import os
import shutil
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from memory_core import system
from memory_core.engine.stores.duckdb import watermark
from memory_core.errors import UnavailableError
from memory_core.files import replacing, sync_file, sync_folder

REPLACED = "replaced"
"""The folder for what a person had replaced; nothing in it is ever removed."""
LOG = ".wal"
# What belongs to a store besides its file. The watermark is of use to the file it is of, and would only mislead here.
BESIDE = (LOG, watermark.SUFFIX)


class Work(StrEnum):
    """What a store is built for; it names the folder."""

    UPGRADE = "upgrade"
    MOVING = "moving"
    RESTORE = "restore"
    ROLLBACK = "rollback"


class Exchange(Struct, frozen=True, kw_only=True):
    """Paths relative to the folder of the store, which may be moved in between."""

    new: str
    kept: str


@contextlib.contextmanager
def workplace(path: Path, work: Work) -> Iterator[Path]:
    """Where to build what is to lie at `path`: a file in an empty folder, which is gone afterwards unless it is due.

    Raises UnavailableError where it cannot be made.
    """
    folder = _folder(path, work)
    try:
        folder.mkdir(mode=0o700)  # what an earlier one left, `finish` has cleared
    except OSError as error:
        raise UnavailableError(f"{folder} cannot be made: {error.strerror}; {path} is unchanged") from error
    try:
        yield folder / path.name
    finally:
        if not _journal(path).exists():
            shutil.rmtree(folder, ignore_errors=True)


def exchange(path: Path, *, new: Path, kept: Path) -> None:
    """Let `new` become `path`, and what is there `kept`, with its log. Raises UnavailableError."""
    if _beside(new, LOG).exists():
        raise UnavailableError(f"{new} could not be written to its end; {path} is unchanged, try again")
    try:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.chmod(0o600)
        sync_file(new)
        sync_folder(new.parent)
        due = Exchange(new=os.path.relpath(new, path.parent), kept=os.path.relpath(kept, path.parent))
        with replacing(_journal(path)) as file:
            file.write(msgspec.json.encode(due))
        sync_folder(path.parent)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be replaced: {error.strerror}; it is unchanged") from error
    finish(path)


def finish(path: Path) -> None:
    """Carry on what a process had begun that is gone; clear what it left. Called before the store is opened.

    Raises UnavailableError where files cannot be moved; nothing is lost then, and the next call tries again.
    """
    journal = _journal(path)
    try:
        if journal.exists():
            _take_over(path, msgspec.json.decode(journal.read_bytes(), type=Exchange))
        for work in Work:
            if _folder(path, work).exists():
                shutil.rmtree(_folder(path, work))
        for left in path.parent.glob(f".{glob.escape(journal.name)}.*"):  # of a journal that was being written
            left.unlink()
    except msgspec.MsgspecError as error:
        raise UnavailableError(
            f"{journal} is damaged, so it cannot be told what is to lie at {path}; put the one you want there, the old "
            "or the new, and remove that file"
        ) from error
    except OSError as error:
        raise UnavailableError(f"{path} cannot be replaced: {error.strerror}; make {path.parent} writable") from error


def remove(path: Path) -> None:
    """A store that is not wanted any more."""
    for file in (path, *(_beside(path, suffix) for suffix in BESIDE)):
        file.unlink(missing_ok=True)


def free_name(path: Path) -> Path:
    """`path`, or with a number before its ending where that is taken."""
    number, found = 1, path
    while found.exists() or _beside(found, LOG).exists():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


def _take_over(path: Path, due: Exchange) -> None:
    new, kept = path.parent / due.new, path.parent / due.kept
    if new.exists():  # so what lies at `path` is still the old one, as far as it is there
        for suffix in ("", *BESIDE):  # a log without its file is refused by whoever knows no journal
            _set_aside(_beside(path, suffix), _beside(kept, suffix))
        sync_folder(kept.parent)
        sync_folder(path.parent)
        system.replace(new, path)
        sync_folder(path.parent)
    elif not path.exists():  # somebody took it away meanwhile; an empty store in its place would look like a loss
        raise UnavailableError(
            f"{path} was to be replaced, and neither it nor the new store is there; put the one you want at {path}, "
            f"such as {kept}, and remove {_journal(path)}"
        )
    _journal(path).unlink()
    sync_folder(path.parent)


def _set_aside(source: Path, target: Path) -> None:
    if not source.exists():
        return
    try:
        system.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        partial = target.with_name(f".{target.name}")  # the folder lies on another disk
        shutil.copy(source, partial)
        sync_file(partial)
        system.replace(partial, target)
        sync_folder(target.parent)
        source.unlink()


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _folder(path: Path, work: Work) -> Path:
    return path.with_name(f".{path.name}.{work}")


def _journal(path: Path) -> Path:
    return path.with_name(f"{path.name}.exchange")
