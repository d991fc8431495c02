"""Which directory a folder below Claude Code's `projects` is about.

Its name is the path with `-` for whatever is neither a letter nor a digit, so that several paths share a name. The
sessions in it say where they ran; else Claude Code's own list of projects is asked, and last the disk.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from memory_core.formats.found import BROKEN_JSON

_MOST_LOOKED_AT = 100_000
_LONGEST_NAME = 200  # a longer one is cut there, and a checksum follows
_FIRST_LINES = 20
_LONGEST_LINE_BYTES = 1 << 20


def directory_of(folder: Path) -> Path | None:
    """The directory that `folder` keeps sessions of, as far as it is still there and can be told."""
    first = None
    for session in sorted(folder.glob("*.jsonl")):
        for directory in _places(session):
            if encoded(str(directory)) == folder.name[:_LONGEST_NAME]:
                return directory
            first = first or directory
    if first is not None:
        return first
    for directory in known(folder.parent.parent):
        if encoded(str(directory)) == folder.name[:_LONGEST_NAME] and directory.is_dir():
            return directory
    return _searched(folder.name)


def known(settings: Path) -> list[Path]:
    """The projects that Claude Code lists beside or in its folder `settings`."""
    for file in (settings / ".claude.json", settings.parent / ".claude.json"):
        try:
            projects = msgspec.json.decode(file.read_bytes(), type=_Settings).projects
        except (OSError, *BROKEN_JSON):
            continue
        return [Path(name) for name in projects]
    return []


def encoded(path: str) -> str:
    """The name of a folder for `path`, but for a checksum where it is long."""
    return re.sub(r"[^A-Za-z0-9]", "-", path)[:_LONGEST_NAME]


class _Settings(msgspec.Struct):
    projects: dict[str, object] = {}


def _places(session: Path) -> Iterator[Path]:
    """Where a session ran, as its first lines say, as far as that is still there."""
    try:
        with session.open("rb") as file:
            lines = [file.readline(_LONGEST_LINE_BYTES) for _ in range(_FIRST_LINES)]
    except OSError:
        return
    for line in lines:
        try:
            found = msgspec.json.decode(line)
        except BROKEN_JSON:
            continue
        if isinstance(found, dict) and isinstance(directory := found.get("cwd"), str) and Path(directory).is_dir():
            yield Path(directory)


def _searched(name: str) -> Path | None:
    """The one directory of this disk whose path has that name; none where there are several."""
    if not name.startswith("-"):  # a drive of Windows is not searched
        return None
    looked_at = 0
    found: list[Path] = []
    waiting = [(Path("/"), name[1:])]
    while waiting and len(found) < 2 and looked_at < _MOST_LOOKED_AT:
        base, rest = waiting.pop()
        try:
            inner = list(base.iterdir())
        except OSError:
            continue
        looked_at += len(inner)
        for child in inner:
            part = encoded(child.name)
            if rest == part and child.is_dir():
                found.append(child)
            elif rest.startswith(f"{part}-") and child.is_dir():
                waiting.append((child, rest[len(part) + 1 :]))
    return found[0] if len(found) == 1 else None
