"""One store takes the place of another: the old one is moved aside and kept, and a crash leaves one of them whole.

The new store is built in a folder of its own. Once it is on disk, a note beside the store says that it is to take over:
from then on whoever opens the store first, a restart after a crash included, carries on to the end. Before that note,
what was built is only litter. The caller holds the store's lock.
"""

import contextlib
import glob
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from memory_core.errors import UnavailableError
from memory_core.files import replacing, sync_file, sync_folder

REPLACED = "replaced"


class Takeover(Struct, frozen=True, kw_only=True):
    """`replaced` is the name that the old file gets."""

    replaced: str


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Where to build what is to lie at `path`; gone afterwards unless it was put in place."""
    folder = _folder(path)
    folder.mkdir(mode=0o700)
    try:
        yield folder / path.name
    finally:
        if not _note(path).exists():
            shutil.rmtree(folder, ignore_errors=True)


def put_in_place(path: Path) -> Path | None:
    """Let what was built take over; where the store lies now that was there before, if there was one."""
    new = _folder(path) / path.name
    if _wal(new).exists():
        raise UnavailableError(f"{new} could not be written to its end; {path} is unchanged, try again")
    new.chmod(0o600)
    sync_file(new)
    sync_folder(new.parent)
    was_there = path.exists() or _wal(path).exists()
    takeover = Takeover(replaced=f"{path.stem}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}{path.suffix}")
    with replacing(_note(path)) as file:
        file.write(msgspec.json.encode(takeover))
    sync_folder(path.parent)
    finish(path)
    return path.parent / REPLACED / takeover.replaced if was_there else None


def finish(path: Path) -> None:
    """Carry on what a process had begun that is gone; clear what it left. Called before the store is opened.

    Raises UnavailableError where files cannot be moved; nothing is lost then, and the next call tries again.
    """
    try:
        if _note(path).exists():
            _take_over(path, msgspec.json.decode(_note(path).read_bytes(), type=Takeover))
        if _folder(path).exists():
            shutil.rmtree(_folder(path))
        for left in path.parent.glob(f".{glob.escape(_note(path).name)}.*"):  # of a note that was being written
            left.unlink()
    except msgspec.MsgspecError as error:
        raise UnavailableError(
            f"{_note(path)} is damaged, so it cannot be told what is to lie at {path}; put the one you want there, "
            f"the old or the new from {_folder(path)}, and remove that file"
        ) from error
    except OSError as error:
        raise UnavailableError(f"{path} cannot be replaced: {error.strerror}; make {path.parent} writable") from error


def _take_over(path: Path, takeover: Takeover) -> None:
    new = _folder(path) / path.name
    if new.exists():  # so what lies at `path` is still the old one, as far as it is there
        kept = path.parent / REPLACED / takeover.replaced
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        # The WAL first or last makes no difference: no one opens the store before this is done.
        for old, aside in ((path, kept), (_wal(path), _wal(kept))):
            if old.exists():
                old.rename(aside)
        sync_folder(kept.parent)
        sync_folder(path.parent)
        new.rename(path)
        sync_folder(path.parent)
    elif not path.exists():  # somebody took it away meanwhile; an empty store in its place would look like a loss
        raise UnavailableError(
            f"{path} was to be replaced, and neither it nor the new store is there; put the one you want at {path}, "
            f"such as one from {path.parent / REPLACED}, and remove {_note(path)}"
        )
    _note(path).unlink()
    sync_folder(path.parent)


def _folder(path: Path) -> Path:
    return path.with_name(f".{path.name}.restoring")


def _note(path: Path) -> Path:
    return path.with_name(f".{path.name}.takeover")


def _wal(path: Path) -> Path:
    return path.with_name(path.name + ".wal")
