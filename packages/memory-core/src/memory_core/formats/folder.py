"""A folder of Markdown files, one a memory, that git can diff: which file a memory has, and how it is kept up to date.

A file keeps its name for as long as its memory lives, whatever becomes of the text: it ends in digits of the id, by
which it is found again. Only files that are named and made as here are ever replaced or removed.
"""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from memory_core.errors import ConflictError, InvalidError
from memory_core.files import replacing, why_not
from memory_core.formats.found import Format, Found, Left, unwritable
from memory_core.formats.markdown import memory_of, text_of
from memory_core.types import Memory

MARKER = ".claude-memory.json"
_MARK = b'{"format": "claude-memory markdown", "version": 1}\n'
_ATTRIBUTES = b"# Keeps every byte of a memory, line ends included.\n*.md -text\n"
_GLOBAL = "_global"
_TRASH = "_trash"
_NAME = re.compile(r".*--([0-9a-f]{12}|[0-9a-f]{32})\.md", re.DOTALL)
_MAX_TITLE_CHARS = 40
_MAX_PROJECT_CHARS = 60  # at most 240 bytes, and a folder's name has room for 255
_PLAIN = re.compile(r"[a-z0-9][a-z0-9._/-]*")
# Windows takes these for devices, with any ending.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


class Written(Struct, frozen=True, kw_only=True):
    """What became of the files of a folder."""

    written: int
    unchanged: int
    removed: int


def write_markdown(folder: Path, memories: Iterable[Memory]) -> Written:
    """Make `folder` hold `memories` and no others; a file that would be the same is not touched.

    Raises ConflictError for a folder that has something in it and is not one of these. What `memories` no longer has
    is removed last, once all others are written; if anything fails before, nothing is removed.
    """
    try:
        _claim(folder)
        before = dict(_files(folder))
        paths = {memory_id: path for path, memory_id in before.items()}
        kept: dict[str, Path] = {}
        written = 0
        for memory in memories:
            if memory.id in kept:
                raise InvalidError(f"memory {memory.id} is given twice")
            kept[memory.id] = _path(folder, memory, before, paths.get(memory.id))
            written += _put(kept[memory.id], text_of(memory))
        gone = before.keys() - set(kept.values())
        _remove(folder, gone)
    except OSError as error:
        raise unwritable(Path(error.filename or folder), error) from error
    return Written(written=written, unchanged=len(kept) - written, removed=len(gone))


def read(path: Path) -> Iterator[Found]:
    """Every memory of the folder, or of one such file; a file of ours that cannot be read is left."""
    seen: set[str] = set()
    for file in sorted(_named(path)) if path.is_dir() else [path]:
        where = file.relative_to(path).as_posix() if path.is_dir() else path.name
        try:
            memory = memory_of(file.read_bytes())
        except (InvalidError, OSError) as error:
            yield Left(where, why_not(error))
            continue
        if memory.id in seen:
            yield Left(where, f"its id {memory.id} stands in an earlier file")
            continue
        seen.add(memory.id)
        yield memory


def takes(path: Path) -> bool:
    if path.is_dir():
        return (path / MARKER).is_file()
    return path.is_file() and _ours(path) is not None


def _claim(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / MARKER).is_file():
        return
    if any(entry.name != ".git" for entry in folder.iterdir()):
        raise ConflictError(f"{folder} has files in it and is no export of memories; choose an empty folder")
    _put(folder / ".gitattributes", _ATTRIBUTES)
    _put(folder / MARKER, _MARK)


def _put(path: Path, text: bytes) -> bool:
    """Whether the file had to be written."""
    if path.is_file() and path.read_bytes() == text:
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text)
    return True


def _remove(folder: Path, gone: set[Path]) -> None:
    for path in gone:
        path.unlink()
    emptied = {parent for path in gone for parent in path.parents if folder in parent.parents}
    for parent in sorted(emptied, reverse=True):
        if not any(parent.iterdir()):
            parent.rmdir()


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files of ours in the folder, with the id of each."""
    for path in _named(folder):
        if (memory_id := _ours(path)) is not None:
            yield path, memory_id


def _named(folder: Path) -> Iterator[Path]:
    """Files that lie and are named as ours are. No link is followed: what it leads to is not ours."""
    for parent, folders, files in os.walk(folder, onerror=_stop):
        depth = len(Path(parent).relative_to(folder).parts)
        folders[:] = [name for name in folders if name != ".git"] if depth < 3 else []
        for name in files:
            path = Path(parent, name)
            if depth in (2, 3) and _NAME.fullmatch(name) and not path.is_symlink():
                yield path


def _ours(path: Path) -> str | None:
    """The id of the memory whose file this is; None for a file that only looks like one."""
    named = _NAME.fullmatch(path.name)
    try:
        memory_id = memory_of(path.read_bytes()).id
    except (InvalidError, OSError):
        return None
    return memory_id if named and memory_id.startswith(named[1]) else None


def _stop(error: OSError) -> None:
    raise error


def _path(folder: Path, memory: Memory, ours: dict[Path, str], before: Path | None) -> Path:
    """Where the memory's file is to be: under the name it has, else under one that nothing else has."""
    place = folder / _TRASH if memory.deleted_at else folder
    place = place / _project(memory.project_id) / memory.memory_type.value
    names = [before.name] if before is not None else []
    names += [f"{_title(memory.content)}--{memory.id[:digits]}.md" for digits in (12, 32)]
    for path in (place / name for name in names):
        if ours.get(path) == memory.id or not os.path.lexists(path):
            return path
    raise ConflictError(f"{path} is in the way and is no memory of this export; move it elsewhere")


def _project(project_id: str | None) -> str:
    """A folder name of its own for each project, also where capitals do not count."""
    if project_id is None:
        return _GLOBAL
    name = _words(project_id.replace("/", "+"), "+._-")[:_MAX_PROJECT_CHARS].rstrip(".")
    plain = _PLAIN.fullmatch(project_id) and name.replace("+", "/") == project_id
    if plain and not _RESERVED.fullmatch(name):
        return name
    name = name.lstrip("+._-") or "project"
    if _RESERVED.fullmatch(name):
        name = f"project-{name}"
    return f"{name}--{hashlib.blake2b(project_id.encode(), digest_size=4).hexdigest()}"


def _title(content: str) -> str:
    first = next(line for line in content.splitlines() if line.strip())
    return _words(first, "")[:_MAX_TITLE_CHARS].strip("-") or "memory"


def _words(text: str, allowed: str) -> str:
    lowered = unicodedata.normalize("NFC", text).lower()
    kept = "".join(char if char.isalnum() or char in allowed else "-" for char in lowered)
    return re.sub("-+", "-", kept).strip("-")


FORMAT = Format(
    name="markdown",
    description="This product's own folder of Markdown files: every field, one file a memory",
    takes=takes,
    read=read,
)
