"""basic-memory's notes: Markdown with front matter, observations (`- [category] …`) and relations (`- word [[Note]]`).

Each observation and each relation is a memory of its own, and the rest of the note is one. What is quoted, in a fence
of code, or a task to tick is prose, as it is to basic-memory.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path

from msgspec import Struct

from memory_core.files import why_not
from memory_core.formats.found import Format, Found, Left
from memory_core.formats.others import frontmatter
from memory_core.formats.others.draft import Draft, file_time, memories, moment, text_in, typed
from memory_core.types import MemoryType

NAME = "basic-memory"
TYPES = {
    "decision": MemoryType.DECISION,
    "preference": MemoryType.PREFERENCE,
    "fact": MemoryType.FACT,
}
_OBSERVATION = re.compile(r"\s*[-*+]\s+\[([^\[\]()]+)\]\s+(\S.*)$")
_RELATION = re.compile(r"""\s*[-*+]\s+("[^"]+"|'[^']+'|[^\s\[]+)\s+\[\[(.+?)\]\]\s*(\(.*\))?\s*$""")
_TASK_OR_TIME = re.compile(r"|[xX]|[^\w]|\d{1,3}:\d{2}(:\d{2})?([.,]\d+)?(\s+-\s+[\d:.,]+)?")
_CONTEXT = re.compile(r"\s*\(([^()]*)\)$")
_FENCE = re.compile(r"\s*(```|~~~)")
_HASHTAG = re.compile(r"(?:^|\s)#([^\s#]+)")
_KEPT_APART = ("title", "type", "tags", "permalink", "created", "modified")


class _Note(Struct):
    """What every memory of one note shares."""

    where: str
    title: str
    name: str  # what its memories are told apart by: the permalink, else where it lies
    at: datetime
    updated_at: datetime | None
    tags: list[str]
    seen: Counter[tuple[str, ...]]


def read(path: Path) -> Iterator[Found]:
    names: set[str] = set()
    for file in _notes(path):
        where = file.relative_to(path).as_posix() if path.is_dir() else file.name
        try:
            text = text_in(file)
            written = file_time(file)
        except (OSError, UnicodeDecodeError) as error:
            yield Left(where, f"it cannot be read as text: {why_not(error)}")
            continue
        yield from _memories(where, text, written, names)


def takes(path: Path) -> bool:
    """Whether there are notes: front matter with a permalink, or a line that is an observation or a relation."""
    return any(_is_note(file) for file in islice(_notes(path), 200))


def _notes(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield from [path] if path.suffix.lower() == ".md" else []
        return
    for file in sorted(path.rglob("*.md")):
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts):
            yield file


def _is_note(file: Path) -> bool:
    try:
        fields, body, _ = frontmatter.parted(text_in(file))
    except (OSError, UnicodeDecodeError):
        return False
    if "permalink" in fields:
        return True
    found = [_observed(line) or _RELATION.match(line) for line in body.splitlines()]
    return "title" in fields and any(found)


def _memories(where: str, text: str, written: datetime, names: set[str]) -> Iterator[Found]:
    fields, body, odd = frontmatter.parted(text)
    for line in odd:
        yield Left(where, f"its front matter has a line that is not understood: {line.strip()[:80]!r}")
    title = frontmatter.one(fields.get("title")) or Path(where).stem
    name = frontmatter.one(fields.get("permalink")) or where
    name = where if name in names else name  # a copy of a note has its permalink too
    names.add(name)
    folder = Path(where).parent.as_posix()
    note = _Note(
        where=where,
        title=title,
        name=name,
        at=moment(frontmatter.one(fields.get("created"))) or written,
        updated_at=moment(frontmatter.one(fields.get("modified"))),
        tags=[
            *(tag.removeprefix("#") for tag in frontmatter.listed(fields.get("tags"))),
            *([] if folder == "." else [f"folder:{folder}"]),
        ],
        seen=Counter(),
    )
    prose: list[str] = []
    parts: list[Found] = []
    fenced = False
    for number, line in enumerate(body.splitlines(keepends=True), start=1):
        fenced ^= bool(_FENCE.match(line))
        draft = None if fenced else _observation(note, line.rstrip()) or _relation(note, line.rstrip())
        if draft is None:
            prose.append(line)
        else:
            draft.where = f"{where}, line {number + text.count(chr(10), 0, len(text) - len(body))}"
            parts += memories(draft)
    yield from memories(_prose(note, fields, "".join(prose)))
    yield from parts


def _prose(note: _Note, fields: dict[str, frontmatter.Value], prose: str) -> Draft:
    """The note without its observations and relations; headings that stood over these alone say nothing more."""
    says = [line for line in prose.splitlines() if line.strip() and not re.match(r"#{1,6}\s", line)]
    kind, tags = typed(frontmatter.one(fields.get("type")) or "note", TYPES, MemoryType.FACT)
    begins = re.match(r"\s*#\s+" + re.escape(note.title) + r"\s*$", prose, re.MULTILINE)
    text = prose.strip("\r\n") if begins else f"{note.title}\n\n{prose.strip()}"
    draft = _draft(note, ("note",), text if says else note.title, kind if says else MemoryType.ENTITY)
    draft.tags += [tag for tag in tags if tag != "type:note"]
    draft.further = {name: value for name, value in fields.items() if name not in _KEPT_APART}
    return draft


def _observed(line: str) -> re.Match[str] | None:
    found = _OBSERVATION.match(line)
    return None if found is None or _TASK_OR_TIME.fullmatch(found[1].strip()) else found


def _observation(note: _Note, line: str) -> Draft | None:
    found = _observed(line)
    if found is None:
        return None
    category, said = found[1].strip(), found[2].strip()
    kind, _ = typed(category, TYPES, MemoryType.OBSERVATION)
    draft = _draft(note, ("observation", category, said), f"{note.title}: {said}", kind)
    draft.tags += [note.title, category, *_HASHTAG.findall(_CONTEXT.sub("", said))]
    return draft


def _relation(note: _Note, line: str) -> Draft | None:
    found = _RELATION.match(line)
    if found is None:
        return None
    word, target, context = found[1].strip("\"'"), found[2].strip(), found[3] or ""
    text = f"{note.title} {word} {target} {context}".rstrip()
    draft = _draft(note, ("relation", word, target, context), text, MemoryType.RELATION)
    draft.tags += [note.title, target, f"relation:{word}"]
    return draft


def _draft(note: _Note, key: tuple[str, ...], content: str, kind: MemoryType) -> Draft:
    note.seen[key] += 1
    again = (str(note.seen[key]),) if note.seen[key] > 1 else ()
    return Draft(
        system=NAME,
        key=(note.name, *key, *again),
        where=note.where,
        content=content,
        at=note.at,
        updated_at=note.updated_at,
        memory_type=kind,
        tags=list(note.tags),
        source=f"{NAME}:{note.name}",
    )


FORMAT = Format(
    name=NAME,
    description="basic-memory's folder of Markdown notes",
    takes=takes,
    read=read,
    dated=False,
    unplaced=("headings with nothing but observations or relations under them",),
)
