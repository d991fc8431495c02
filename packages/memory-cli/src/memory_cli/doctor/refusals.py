"""Why this machine's server did not start, by its own words, and the command for each case."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from memory_cli.doctor import typed
from memory_cli.doctor.findings import command
from memory_cli.handover import Place

_BACKUP = re.compile(r"\d{8}T\d{6}\.\d{3}Z")
_PID = re.compile(r"in use by process (\d+)")

Cure = Callable[[str, str, Place], str | None]


def cure(sentence: str, data_dir: str, place: Place) -> str | None:
    """Null where no single command is known to help."""
    for words, found in CURES.items():
        if words in sentence:
            return found(sentence, data_dir, place)
    return None


def restore(place: Place, name: str | None, *, is_local: bool = True) -> str | None:
    """The command that puts that backup in the place of the store; null where there is none."""
    if name is None:
        return None
    if not is_local:
        return shlex.join(["memory-server", "backup", "restore", name, "--replace"])
    return command(place, "backup", "restore", name, "--replace")


def newest_backup(data_dir: str) -> str | None:
    """By name, of the folder of the usual place; a verified one if there is one. No server is asked."""
    try:
        folders = sorted(entry for entry in Path(data_dir, "backups").iterdir() if _BACKUP.fullmatch(entry.name))
    except OSError:
        return None
    verified = [folder for folder in folders if (folder / "verified.json").exists()]
    return (verified or folders)[-1].name if folders else None


def _restored(_: str, data_dir: str, place: Place) -> str | None:
    return restore(place, newest_backup(data_dir))


def _looked_at(sentence: str, _: str, __: Place) -> str | None:
    found = _PID.search(sentence)
    return typed.look_at(found[1]) if found else None


def _always(fix: str) -> Cure:
    return lambda _, __, ___: fix


CURES: dict[str, Cure] = {
    "newer than this program knows": _always("uv tool upgrade memory-cli"),
    "written by another DuckDB": _always("uv tool upgrade memory-cli"),
    "no memory server is installed": _always("uv tool install 'memory-cli[local]'"),
    "in use by": _looked_at,
    "belongs to another user": lambda _, data_dir, __: f"ls -la {shlex.quote(data_dir)}",
    "disk is full": lambda _, data_dir, __: typed.what_takes_room(data_dir),
    "is full; free some space": lambda _, data_dir, __: typed.what_takes_room(data_dir),
    "lacks what was acknowledged last": _restored,
    "cannot be read as a store": _restored,
    "is damaged": _restored,
    "is missing, but its log": _restored,
}
"""By words of the sentence; the first that is found."""
