"""What Claude Code keeps as files: its auto memory (MEMORY.md and the files beside it), CLAUDE.md, and rules.

A file with front matter is one memory. Any other is taken piece by piece: a section, or each bullet of a section that
has bullets alone, with the headings above it. The files keep no times; those of the files stand in.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from memory_core import project
from memory_core.files import why_not
from memory_core.formats.found import Format, Found, Left
from memory_core.formats.others import frontmatter, outline
from memory_core.formats.others.claude_places import directory_of
from memory_core.formats.others.draft import Draft, file_time, memories, text_in, typed
from memory_core.types import Memory, MemoryType

NAME = "claude-code"
INDEX = "MEMORY.md"
INSTRUCTIONS = ("CLAUDE.md", "CLAUDE.local.md")
TYPES = {
    "user": MemoryType.PREFERENCE,
    "feedback": MemoryType.PREFERENCE,
    "project": MemoryType.FACT,
    "reference": MemoryType.FACT,
}
_BY_HEADING = {"decision": MemoryType.DECISION, "preference": MemoryType.PREFERENCE, "style": MemoryType.PREFERENCE}
_PLACED = {"name", "description", "type", "originSessionId"}
_POINTER = re.compile(r"\[([^\]]*)\]\(([^)\s]+\.md)\)\s*(?:[-–—:]\s*)?(.*)", re.DOTALL)
_IMPORT = re.compile(r"(?<![\w`])@([\w./~-]*[\w/-])")


class _File(Struct, frozen=True):
    """A file, the folder that its place is told from, and the project it is of."""

    path: Path
    root: Path
    owner: str | None

    @property
    def where(self) -> str:
        return self.path.relative_to(self.root).as_posix()

    @property
    def scope(self) -> str:
        """What tells files of one place in two projects apart."""
        return self.root.parent.name if self.root.name == "memory" else self.owner or ""


def read(path: Path) -> Iterator[Found]:
    return _read(path, list(_files(path)))


def read_instructions(folder: Path) -> Iterator[Found]:
    """CLAUDE.md and rules of one project, or a person's own, and nothing else that lies below `folder`."""
    return _read(folder, list(_instructions(folder)))


def _read(path: Path, files: list[_File]) -> Iterator[Found]:
    wholes = {file.path.resolve() for file in files if _is_whole(file.path)}
    seen: set[str] = set()
    for file in files:
        shown = file.path.relative_to(path).as_posix() if path.is_dir() else path.name
        try:
            text = text_in(file.path)
        except (OSError, UnicodeDecodeError) as error:
            yield Left(shown, f"it cannot be read as text: {why_not(error)}")
            continue
        for found in _memories(file, text, shown, wholes):
            if isinstance(found, Memory) and found.id in seen:
                yield Left(shown, f"the same text stands twice under one heading: {found.content[:60]!r}")
                continue
            seen |= {found.id} if isinstance(found, Memory) else set()
            yield found


def takes(path: Path) -> bool:
    """Whether there is a file of Claude Code's here; it is known by its name and place, and has to be text."""
    if path.is_file():
        return path.name in (INDEX, *INSTRUCTIONS) and _is_text(path)
    return any(_is_text(file.path) for file in _files(path))


def _files(path: Path) -> Iterator[_File]:
    if path.is_file():
        yield _File(path, path.parent, _owner(path))
        return
    if (path / "projects").is_dir():
        yield from _instructions(path)
        path = path / "projects"
    folders = [path, path / "memory", *(one / "memory" for one in sorted(path.iterdir()) if one.is_dir())]
    for folder in folders:
        if (folder / INDEX).is_file():
            owner = _owner(folder / INDEX)
            yield from (_File(file, folder, owner) for file in _beside(folder))
    if path.name != "projects":
        yield from _instructions(path)


def _beside(folder: Path) -> list[Path]:
    """The index and what belongs to it: in a folder of their own all, elsewhere what the index names."""
    if folder.name == "memory" or folder.parent.name == "agent-memory":
        return sorted(folder.rglob("*.md"))
    try:
        index = text_in(folder / INDEX)
    except (OSError, UnicodeDecodeError):
        index = ""
    return [file for file in sorted(folder.glob("*.md")) if file.name == INDEX or f"]({file.name})" in index]


def _instructions(folder: Path) -> Iterator[_File]:
    rules = [folder / "rules", folder / ".claude" / "rules"]
    places = [folder / name for name in INSTRUCTIONS] + [folder / ".claude" / name for name in INSTRUCTIONS]
    for file in [*places, *(rule for one in rules if one.is_dir() for rule in sorted(one.rglob("*.md")))]:
        if file.is_file():
            yield _File(file, folder, _owner(folder / INSTRUCTIONS[0]))


def _owner(file: Path) -> str | None:
    """The project of a file: that of the sessions beside an auto memory, else that of the folder it lies in."""
    folder = file.resolve().parent
    if file.name != INDEX:
        home = folder.parent if folder.name == ".claude" else folder
        if (home / ".claude" / "projects").is_dir():
            return None  # a person's own, for all projects
        return found.id if (found := project.identify(str(home))) else home.name
    if folder.name != "memory":
        return found.id if (found := project.identify(str(folder))) else folder.name
    directory = directory_of(folder.parent)
    found = None if directory is None else project.identify(str(directory))
    return folder.parent.name if found is None else found.id


def _memories(file: _File, text: str, shown: str, wholes: set[Path]) -> Iterator[Found]:
    fields, body, odd = frontmatter.parted(text)
    for line in odd:
        yield Left(shown, f"its front matter has a line that is not understood: {line.strip()[:80]!r}")
    if file.path.resolve() in wholes:
        yield from memories(_whole(file, shown, fields, body))
        return
    first_line = text.count("\n", 0, len(text) - len(body)) + 1
    for piece in outline.pieces(body, first_line=first_line):
        place = f"{shown}:{piece.line}"
        pointer = _POINTER.fullmatch(piece.text)
        if file.path.name == INDEX and pointer and (file.path.parent / pointer[2]).resolve() in wholes:
            continue  # what this line says stands below the text of the file that it points to
        for imported in _IMPORT.findall(piece.text) if file.path.name in INSTRUCTIONS else ():
            if (file.path.parent / Path(imported).expanduser()).is_file():
                yield Left(place, f"the file {imported} that it imports is not followed; import that one itself")
        yield from memories(_part(file, place, piece, fields))


def _is_whole(path: Path) -> bool:
    """Whether the file is one memory: it has front matter that names it."""
    if path.name in (INDEX, *INSTRUCTIONS):
        return False
    try:
        fields = frontmatter.parted(text_in(path))[0]
    except (OSError, UnicodeDecodeError):
        return False
    return not {"name", "description", "type", "metadata"}.isdisjoint(fields)


def _whole(file: _File, shown: str, fields: dict[str, frontmatter.Value], body: str) -> Draft:
    inner = fields.get("metadata")
    known = {name: value for name, value in fields.items() if value is not inner}
    known |= inner if isinstance(inner, dict) else {"metadata": inner or ""}
    kind, tags = typed(frontmatter.one(known.get("type")) or "", TYPES, MemoryType.OBSERVATION)
    name, description = frontmatter.one(known.get("name")), frontmatter.one(known.get("description"))
    says = description if description and description not in body else None
    parts = (says or (None if body.strip() else name), body.strip("\r\n"), _pointed(file))
    return Draft(
        system=NAME,
        key=(file.scope, file.where),
        where=shown,
        content="\n\n".join(part for part in parts if part),
        at=file_time(file.path),
        memory_type=kind,
        tags=[*([name] if name else []), *tags],
        source=f"{NAME}:{file.where}",
        project_id=file.owner,
        session_id=frontmatter.one(known.get("originSessionId")),
        further={name: value for name, value in known.items() if name not in _PLACED},
    )


def _part(file: _File, place: str, piece: outline.Piece, fields: dict[str, frontmatter.Value]) -> Draft:
    headings = " › ".join(piece.headings)
    gap = ": " if piece.is_bullet else "\n\n"
    heading = piece.headings[-1].lower() if piece.headings else ""
    return Draft(
        system=NAME,
        key=(file.scope, file.where, *piece.headings, piece.text),
        where=place,
        content=f"{headings}{gap}{piece.text}" if headings else piece.text,
        at=file_time(file.path),
        memory_type=next((kind for word, kind in _BY_HEADING.items() if word in heading), MemoryType.FACT),
        tags=[file.path.name if file.path.name in (INDEX, *INSTRUCTIONS) else file.path.stem, *piece.headings],
        source=f"{NAME}:{file.where}",
        project_id=file.owner,
        further=dict(fields),
    )


def _pointed(file: _File) -> str:
    """What the index says of a file."""
    try:
        index = text_in(file.root / INDEX)
    except (OSError, UnicodeDecodeError):
        return ""
    for piece in outline.pieces(frontmatter.parted(index)[1]):
        if (pointer := _POINTER.fullmatch(piece.text)) and (file.root / pointer[2]).resolve() == file.path.resolve():
            return f"{INDEX}: {pointer[1]}" + (f" — {pointer[3]}" if pointer[3].strip() else "")
    return ""


def _is_text(file: Path) -> bool:
    try:
        return bool(file.read_bytes().decode().strip())
    except (OSError, UnicodeDecodeError):
        return False


FORMAT = Format(
    name=NAME,
    description="Claude Code's auto memory (MEMORY.md and the files beside it), CLAUDE.md and rules",
    takes=takes,
    read=read,
    dated=False,
    unplaced=("files that CLAUDE.md names with @: import them themselves", "transcripts of sessions"),
)
