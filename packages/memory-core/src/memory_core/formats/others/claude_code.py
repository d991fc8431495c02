"""What Claude Code keeps as files: its auto memory (MEMORY.md and the files beside it), CLAUDE.md, and rules.

A file with front matter is one memory. Any other is taken piece by piece: a section, or each bullet of a section that
has bullets alone, with the headings above it. The files keep no times; those of the files stand in.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from memory_core import project
from memory_core.formats.found import Format, Found, Left
from memory_core.formats.others import frontmatter, outline
from memory_core.formats.others.draft import Draft, file_time, memories, typed
from memory_core.types import MemoryType

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
_POINTER = re.compile(r"\[([^\]]*)\]\(([^)\s]+\.md)\)\s*(?:[-–—:]\s*)?(.*)", re.DOTALL)
_IMPORT = re.compile(r"(?<![\w`])@([\w./~-]*[\w/-])")


def read(path: Path) -> Iterator[Found]:
    seen: Counter[str] = Counter()
    for file, root, owner in _files(path):
        try:
            text = file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            yield Left(str(file), f"it cannot be read as text: {error}")
            continue
        for found in _memories(file, text, root, owner):
            if isinstance(found, Left):
                yield found
                continue
            seen[found.id] += 1
            if seen[found.id] > 1:
                yield Left(str(file), f"the same text stands twice under one heading: {found.content[:60]!r}")
            else:
                yield found


def takes(path: Path) -> bool:
    """Whether there is a file of Claude Code's here; it is known by its name and place, and has to be text."""
    if path.is_file():
        return path.name in (INDEX, *INSTRUCTIONS) and _is_text(path)
    return any(_is_text(file) for file, _, _ in _files(path))


def _files(path: Path) -> Iterator[tuple[Path, Path, str | None]]:
    """Each file, the folder that its place is told from, and the project it is of."""
    if path.is_file():
        yield path, path.parent, _owner(path)
        return
    if (path / "projects").is_dir():
        yield from _instructions(path)
        path = path / "projects"
    folders = [path, path / "memory", *(one / "memory" for one in sorted(path.iterdir()) if one.is_dir())]
    for folder in folders:
        if (folder / INDEX).is_file():
            owner = _owner(folder / INDEX)
            yield from ((file, folder, owner) for file in _beside(folder))
    if path.name != "projects":
        yield from _instructions(path)


def _beside(folder: Path) -> list[Path]:
    """The index and what belongs to it: in a folder of their own all, elsewhere what the index names."""
    if folder.name == "memory" or folder.parent.name == "agent-memory":
        return sorted(folder.rglob("*.md"))
    try:
        index = (folder / INDEX).read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        index = ""
    return [file for file in sorted(folder.glob("*.md")) if file.name == INDEX or f"]({file.name})" in index]


def _instructions(folder: Path) -> Iterator[tuple[Path, Path, str | None]]:
    rules = [folder / "rules", folder / ".claude" / "rules"]
    places = [folder / name for name in INSTRUCTIONS] + [folder / ".claude" / name for name in INSTRUCTIONS]
    for file in [*places, *(rule for one in rules if one.is_dir() for rule in sorted(one.rglob("*.md")))]:
        if file.is_file():
            yield file, folder, _owner(folder / INSTRUCTIONS[0])


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
    for session in sorted(folder.parent.glob("*.jsonl")):
        if (directory := _directory(session)) and (found := project.identify(directory)):
            return found.id
    return folder.parent.name


def _directory(session: Path) -> str | None:
    """Where a session ran, as one of its first lines says."""
    with session.open("rb") as file:
        for line in (file.readline(1 << 20) for _ in range(20)):
            try:
                found = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if isinstance(found, dict) and isinstance(directory := found.get("cwd"), str) and Path(directory).is_dir():
                return directory
    return None


def _memories(file: Path, text: str, root: Path, owner: str | None) -> Iterator[Found]:
    where = file.relative_to(root).as_posix()
    at, scope = file_time(file), root.parent.name if root.name == "memory" else owner or ""
    fields, body, odd = frontmatter.parted(text)
    for line in odd:
        yield Left(where, f"its front matter has a line that is not understood: {line.strip()[:80]!r}")
    if fields and file.name not in (INDEX, *INSTRUCTIONS) and "paths" not in fields:
        draft = _whole(where, fields, body, at)
        draft.key = (scope, where)
        draft.project_id = owner
        draft.content += _pointed(root, where)
        yield from memories(draft)
        return
    first_line = text.count("\n", 0, len(text) - len(body)) + 1
    for piece in outline.pieces(body, first_line=first_line):
        yield from _piece(piece, file, where, at, scope, owner, fields)


def _whole(where: str, fields: dict[str, frontmatter.Value], body: str, at: datetime) -> Draft:
    """A file with front matter: one memory, its description above its text."""
    inner = fields.get("metadata")
    known = {**fields, **(inner if isinstance(inner, dict) else {})}
    kind, tags = typed(frontmatter.one(known.get("type")) or "", TYPES, MemoryType.OBSERVATION)
    name, description = frontmatter.one(known.get("name")), frontmatter.one(known.get("description"))
    says = description if description and description not in body else None
    others = {n: v for n, v in known.items() if n not in ("name", "description", "type", "metadata", "originSessionId")}
    return Draft(
        system=NAME,
        key=(),
        where=where,
        content="\n\n".join(part for part in (says or (None if body.strip() else name), body.strip("\r\n")) if part),
        at=at,
        memory_type=kind,
        tags=[*([name] if name else []), *tags],
        source=f"{NAME}:{where}",
        session_id=frontmatter.one(known.get("originSessionId")),
        further=dict(others),
    )


def _piece(
    piece: outline.Piece,
    file: Path,
    where: str,
    at: datetime,
    scope: str,
    owner: str | None,
    fields: dict[str, frontmatter.Value],
) -> Iterator[Found]:
    place = f"{where}:{piece.line}"
    pointer = _POINTER.fullmatch(piece.text)
    if file.name == INDEX and pointer and (file.parent / pointer[2]).is_file():
        return  # the file it points to is taken, with what this line says of it
    for imported in _IMPORT.findall(piece.text) if file.name in INSTRUCTIONS else ():
        if (file.parent / Path(imported).expanduser()).is_file():
            yield Left(place, f"the file {imported} that it imports is not followed; import that one itself")
    headings = " › ".join(piece.headings)
    gap = ": " if piece.is_bullet else "\n\n"
    heading = piece.headings[-1].lower() if piece.headings else ""
    yield from memories(
        Draft(
            system=NAME,
            key=(scope, where, *piece.headings, piece.text),
            where=place,
            content=f"{headings}{gap}{piece.text}" if headings else piece.text,
            at=at,
            memory_type=next((kind for word, kind in _BY_HEADING.items() if word in heading), MemoryType.FACT),
            tags=[file.name if file.name in (INDEX, *INSTRUCTIONS) else file.stem, *piece.headings],
            source=f"{NAME}:{where}",
            project_id=owner,
            further=dict(fields),
        )
    )


def _pointed(root: Path, where: str) -> str:
    """What the index says of a file, to be put below its text."""
    try:
        index = (root / INDEX).read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return ""
    for piece in outline.pieces(frontmatter.parted(index)[1]):
        if (pointer := _POINTER.fullmatch(piece.text)) and Path(pointer[2]).as_posix() == where:
            return f"\n\n{INDEX}: {pointer[1]}" + (f" — {pointer[3]}" if pointer[3].strip() else "")
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
