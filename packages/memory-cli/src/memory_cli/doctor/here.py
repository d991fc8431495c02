"""What can be seen on this machine without a server: the data folder, who may read it, and what the server left."""

import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from memory_cli.doctor import typed
from memory_cli.doctor.findings import Finding, note, ok, problem, warning
from memory_cli.render import size
from memory_client import local
from memory_client.errors import ClientError
from memory_client.local import STATE_FILE
from memory_client.starting import LOG_FILE
from memory_core.files import why_not
from memory_core.system import has_modes

_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LITTLE_BYTES = 64 << 20  # below it, the server refuses to write
_LOG_END_BYTES = 16 << 10
_FOLDERS = ("backups", "outbox", "snapshots", "replaced")


def folder(data_dir: Path) -> Iterator[Finding]:
    """Whether the data folder is there, and for its owner alone."""
    if not data_dir.is_dir():
        what = "is no folder" if data_dir.exists() else "does not exist yet; the first memory makes it"
        yield (problem if data_dir.exists() else note)("data", f"{data_dir} {what}")
        return
    try:
        open_ones = readable_by_others(data_dir)
    except OSError as error:
        yield problem("data", f"{data_dir} cannot be looked at: {why_not(error)}", f"ls -la {_quoted(data_dir)}")
        return
    if data_dir in open_ones:
        yield problem("data", f"{data_dir} is open to other users of this machine", f"chmod 700 {_quoted(data_dir)}")
    elif open_ones:
        names = ", ".join(path.name for path in open_ones[:3])
        fix = f"chmod go-rwx {' '.join(map(_quoted, open_ones))}"
        yield warning("data", f"{names} in {data_dir} could be read by other users, were the folder open", fix)
    else:
        yield ok("data", f"{data_dir}, for its owner alone")


def readable_by_others(data_dir: Path) -> list[Path]:
    if not has_modes():
        return []
    inside = [path for path in data_dir.iterdir() if path.is_file() or path.name in _FOLDERS]
    return [path for path in (data_dir, *sorted(inside)) if _mode(path) & _FOR_OTHERS]


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except FileNotFoundError:  # a server that works takes files away
        return 0


def close_to_others(data_dir: Path) -> list[str]:
    """What was done, a sentence each."""
    done = []
    for path in readable_by_others(data_dir) if data_dir.is_dir() else ():
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_FOR_OTHERS)
        done.append(f"{path} is for its owner alone now")
    return done


def left_behind(data_dir: Path) -> Iterator[Finding]:
    """What a server that does not run says of its end; asked for only where there is none."""
    if not data_dir.is_dir():
        return
    free = shutil.disk_usage(data_dir).free
    if free < _LITTLE_BYTES:
        yield problem("disk", f"{size(free)} free", typed.what_takes_room(str(data_dir)))
    else:
        yield ok("disk", f"{size(free)} free")
    state = data_dir / STATE_FILE
    if state.exists() and _is_gone(data_dir):
        yield note("state", f"{state} is of a server that is gone; the next one replaces it", typed.remove(str(state)))
    if (last := _last_line(data_dir / LOG_FILE)) is not None:
        yield note("log", f"{LOG_FILE} ends with: {last}", typed.last_lines(str(data_dir / LOG_FILE)))


def _is_gone(data_dir: Path) -> bool:
    """Whether no server answers as its state file says. One that is only silent is there."""
    try:
        return local.find(str(data_dir)) is None
    except ClientError:
        return False


def _last_line(log: Path) -> str | None:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_END_BYTES))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return None
    return next((line.strip() for line in reversed(lines) if line.strip()), None)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
