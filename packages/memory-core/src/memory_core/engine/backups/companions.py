"""What lies beside a store and goes into its backups: small SQLite files, in which others may be writing meanwhile.

Put back only where there is none: the one that is there knows more than a backup, such as which key was revoked since.
"""

import contextlib
import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from memory_core.engine.backups.manifest import Manifest
from memory_core.errors import UnavailableError
from memory_core.files import replacing

_log = logging.getLogger(__name__)
LOGS = ("-wal", "-shm", "-journal")


class Companion(Struct, frozen=True, kw_only=True):
    """`name` is that of a file in the data folder. Who restores it is told `note`.

    Where one that `may_lack` cannot be copied, the backup is made without it.
    """

    name: str
    note: str
    may_lack: bool = False


def copied(companions: Sequence[Companion], data_dir: Path, folder: Path) -> Iterator[str]:
    """The names of those that are there, each copied into `folder` as of one moment."""
    for companion in companions:
        path = data_dir / companion.name
        if not path.exists():
            continue
        try:
            _copy(path, folder / companion.name)
        except UnavailableError as error:
            if not companion.may_lack:
                raise
            (folder / companion.name).unlink(missing_ok=True)
            _log.warning("the backup is made without it: %s", error)
        else:
            yield companion.name


def put_back(companions: Sequence[Companion], data_dir: Path, folder: Path, manifest: Manifest) -> Iterator[str]:
    """What the backup has and is missing; a note for each. The files in `folder` are as the manifest says."""
    has = {file.name for file in manifest.files}
    for companion in companions:
        path = data_dir / companion.name
        if companion.name not in has or path.exists():
            continue
        for log in LOGS:  # of one that is gone: SQLite would take it for a part of this one
            path.with_name(path.name + log).unlink(missing_ok=True)
        with (folder / companion.name).open("rb") as source, replacing(path) as file:
            shutil.copyfileobj(source, file)
        yield f"{companion.name} is as it was on {manifest.created_at:%Y-%m-%d %H:%M} UTC; {companion.note}"


def _copy(path: Path, copy: Path) -> None:
    import sqlite3  # on demand: where there is nothing beside the store, nobody needs it

    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))  # one file without a log, and nothing of what was deleted
    except sqlite3.Error as error:
        raise UnavailableError(f"{path} cannot be copied into the backup: {error}") from error
