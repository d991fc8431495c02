"""`memory-server backup`: make, list, verify and restore backups where no server runs.

While one runs it makes them itself (`POST /admin/backup`), and this command is refused the store.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from memory_core.backups import Backup, BackupList, BackupState, Restored
from memory_core.counting import memories
from memory_core.errors import MemoryServiceError, NotFoundError, UnavailableError
from memory_core.settings import load_settings
from memory_server.actions import action_parser, as_json, data_folder
from memory_server.process import hold
from memory_server.settings import (
    BACKUP_KEEP,
    SYSTEM_DATA_DIR,
    BackupDir,
    BackupKeep,
    DataDir,
    StoreAddress,
    StoreMemory,
)

if TYPE_CHECKING:
    from memory_core.engine.backups.keeping import Keeper
    from memory_core.engine.compose import EngineOptions

NAME = "backup"


class BackupSettings(Struct, frozen=True, kw_only=True):
    """What the server of this data folder is set to."""

    data_dir: DataDir = SYSTEM_DATA_DIR
    store: StoreAddress = "duckdb"
    memory_limit: StoreMemory = "512MB"
    backup_dir: BackupDir = None
    backup_keep: BackupKeep = BACKUP_KEEP


class BrokenBackupError(MemoryServiceError):
    """What was verified is broken."""


def add_command(commands: Any) -> None:
    """Add the subcommand. Any: the type of what `add_subparsers` makes has no public name."""
    made = action_parser(
        commands, NAME, "make, list, verify and restore backups while the server is stopped", BackupSettings
    )
    actions: Any = made.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = action_parser(actions, "create", "make a backup and verify it", BackupSettings)
    create.add_argument("--no-verify", action="store_true", default=False, help="do not restore it on trial")
    action_parser(actions, "list", "show the backups, oldest first", BackupSettings)
    verify = action_parser(
        actions, "verify", "restore a backup on trial, and compare it with what it was made from", BackupSettings
    )
    restore = action_parser(actions, "restore", "put a backup in the place of the store", BackupSettings)
    restore.add_argument(
        "--replace", action="store_true", default=False, help="move the store that is there aside, and keep it"
    )
    for needs_one in (verify, restore):
        needs_one.add_argument("backup", metavar="NAME_OR_PATH", help="as list shows it, or a backup's folder")


def run(flags: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Raises MemoryServiceError."""
    os.umask(0o077)
    logging.basicConfig(level=logging.ERROR)
    result = _ACTIONS[flags["action"]](_options(flags, environ), flags)
    sys.stdout.write(f"{as_json(result) if flags.get('json') else _text(result)}\n")
    if isinstance(result, Backup) and result.state is BackupState.BROKEN:
        sys.stdout.flush()
        raise BrokenBackupError(f"{result.name} is broken: {result.problem}")


def _options(flags: Mapping[str, Any], environ: Mapping[str, str]) -> "EngineOptions":
    settings = load_settings(BackupSettings, environ, flags)
    from memory_core.engine.compose import EngineOptions  # heavy: the server's own start comes later to it
    from memory_server.companions import companions

    return EngineOptions(
        data_dir=data_folder(settings.data_dir, flags, environ),
        store=settings.store,
        memory_limit=settings.memory_limit,
        backup_dir=settings.backup_dir,
        backup_keep=settings.backup_keep,
        companions=companions(),
    )


def _create(options: "EngineOptions", flags: Mapping[str, Any]) -> Backup:
    from memory_core.engine.backups.ports import BacksUp
    from memory_core.engine.compose import open_store

    keeper = _keeper(options)
    path = keeper.format.path(options.store.partition(":")[2], keeper.options)
    if not path.exists():
        raise NotFoundError(f"there is no store at {path}; name its folder with --data-dir")
    with _held(options), contextlib.closing(open_store(options)) as store:
        if not isinstance(store, BacksUp):
            raise UnavailableError(f"a {options.store} store is backed up by tools of its own, not from here")
        return keeper.create(store, verify=not flags["no_verify"])


def _list(options: "EngineOptions", _flags: Mapping[str, Any]) -> BackupList:
    return _keeper(options).list()


def _verify(options: "EngineOptions", flags: Mapping[str, Any]) -> Backup:
    place = _place(options, flags["backup"])
    return _keeper(msgspec.structs.replace(options, backup_dir=place.parent)).verify(place.name)


def _restore(options: "EngineOptions", flags: Mapping[str, Any]) -> Restored:
    place = _place(options, flags["backup"])
    with _held(options):
        location = options.store.partition(":")[2]
        return _keeper(options).restore(place, location, replace=flags["replace"])


_Result = Backup | BackupList | Restored
_Action = Callable[["EngineOptions", Mapping[str, Any]], _Result]
_ACTIONS: dict[str, _Action] = {
    "create": _create,
    "list": _list,
    "verify": _verify,
    "restore": _restore,
}


def _keeper(options: "EngineOptions") -> "Keeper":
    from memory_core.engine.compose import keeper

    found = keeper(options)
    if found is None:
        raise UnavailableError(f"a {options.store} store is backed up by tools of its own, not from here")
    return found


def _place(options: "EngineOptions", backup: str) -> Path:
    """The folder of a backup that is named as `list` shows it, or by its path."""
    from memory_core.engine.backups.manifest import FILE_NAME

    given = Path(backup).expanduser()
    if (given / FILE_NAME).exists():
        return given.resolve()
    if given.name != backup:
        raise NotFoundError(f"{given} is no backup: it has no {FILE_NAME}")
    return _keeper(options).shelf.place(backup)


@contextlib.contextmanager
def _held(options: "EngineOptions") -> Iterator[None]:
    """No server starts meanwhile. Raises InUseError if one runs."""
    lock = hold(options.data_dir)
    try:
        yield
    finally:
        lock.release()


def _text(result: _Result) -> str:
    if isinstance(result, BackupList):
        lines = [_line(backup) for backup in result.backups]
        return "\n".join(lines) or f"No backups in {result.folder}"
    if isinstance(result, Restored):
        kept = f"\nThe store that was there is kept as {result.replaced}" if result.replaced else ""
        notes = "".join(f"\nNote: {note}" for note in result.notes)
        return f"Restored {result.name} with {memories(result.memories)} to {result.path}{kept}{notes}"
    return _line(result)


def _line(backup: Backup) -> str:
    holds = "" if backup.memories is None else memories(backup.memories)
    cells = [backup.name, holds, f"{backup.bytes / 1e6:.1f} MB", backup.state.value]
    return "  ".join(cell for cell in [*cells, backup.problem or ""] if cell)
