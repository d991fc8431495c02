"""The file `.memory-project`: what a folder says its project is. Standard library only, and never an error.

It may have come with a clone or an archive, so its word is worth little: a name that a remote or a first commit gives
to a repository is not taken from it, or a stranger's folder would be told what another project remembers. It is read
only where it is an ordinary file, since a link could name a file with a secret in it.
"""

import os
import stat

FILE = ".memory-project"
MAX_NAME_CHARS = 256
_MAX_FILE_BYTES = 4096
_HERE = frozenset({".", "./"})


class ProjectFile:
    """A file that was found. `name` is the project it names, "" for a project of its folder's own; else `fault`."""

    __slots__ = ("fault", "folder", "name", "path")

    def __init__(self, folder: str, *, name: str = "", fault: str = "") -> None:
        self.folder = folder
        self.path = os.path.join(folder, FILE)
        self.name = name
        self.fault = fault


def nearest(directory: str, top: str | None) -> ProjectFile | None:
    """The file in `directory`, or nearest above it as far as `top`; without `top`, as far as there are folders."""
    here = directory
    while True:
        found = read(here)
        parent = os.path.dirname(here)
        if found is not None or here in (top, parent):
            return found
        here = parent


def read(folder: str) -> ProjectFile | None:
    """The file of that folder; None if it has none."""
    path = os.path.join(folder, FILE)
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return ProjectFile(folder, fault="it is no ordinary file")
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX_FILE_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ProjectFile(folder, fault="it cannot be read as text")
    for line in text.splitlines():
        word = line.strip()
        if word and not word.startswith("#"):
            return _said(folder, word)
    return ProjectFile(folder, fault="it names no project")


def _said(folder: str, word: str) -> ProjectFile:
    if word in _HERE:
        return ProjectFile(folder)
    if not word.isprintable() or len(word) > MAX_NAME_CHARS or word.startswith("."):
        return ProjectFile(folder, fault=f"its first line is no name: one line of up to {MAX_NAME_CHARS} characters")
    return ProjectFile(folder, name=word)


def is_of_git(name: str) -> bool:
    """It has the form of what git gives to a repository, so that it may be another's: see `project`."""
    commit = name.rpartition("@")[2]
    return "/" in name or (commit != name and len(commit) == 12 and all(c in "0123456789abcdef" for c in commit))
