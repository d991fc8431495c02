"""What Claude Code has kept on this machine already: found, shown on trial, and taken in as one batch."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import Struct

from memory_cli.setup.places import Machine
from memory_core.formats import jsonl
from memory_core.formats.found import Found, Left
from memory_core.formats.others import claude_code, claude_places
from memory_core.memories import Memories
from memory_core.types import ImportQuery, ImportReport, Memory

_QUERY = ImportQuery(ignore_times=True)  # the files keep no times


class Source(Struct, frozen=True):
    """Files of one kind of one project, or of a person."""

    kind: str
    path: Path
    read: Callable[[Path], Iterator[Found]]


class Trial(Struct, frozen=True, kw_only=True):
    """What an import of one source would do: so many memories are new, so many are here."""

    kind: str
    path: Path
    project: str | None
    new: int
    here: int


def sources(machine: Machine) -> list[Source]:
    """A person's own instructions, then each project's memory and instructions."""
    base = machine.place("$CLAUDE_CONFIG_DIR") or machine.home / ".claude"
    folders = sorted(base.glob("projects/*"))
    kept = [folder for folder in folders if (folder / "memory" / claude_code.INDEX).is_file()]
    found = [Source("your own instructions", base, claude_code.read_instructions)]
    found += [Source("auto memory", folder, claude_code.read) for folder in kept]
    seen: set[Path] = set()
    listed = [claude_places.directory_of(folder) for folder in folders] + list(claude_places.known(base))
    for directory in listed:
        if directory is None or directory in seen or directory in (machine.home, base) or not directory.is_dir():
            continue
        seen.add(directory)
        found.append(Source("instructions", directory, claude_code.read_instructions))
    return [source for source in found if any(isinstance(one, Memory) for one in source.read(source.path))]


async def tried(found: Sequence[Source], store: Memories) -> list[Trial]:
    """What an import of each would do. Nothing is changed."""
    results = []
    seen: set[str] = set()
    for source in found:
        memories, _ = _parted([source])
        fresh = [memory for memory in memories if memory.id not in seen]
        if not fresh:
            continue
        seen |= {memory.id for memory in fresh}
        report = await _sent(fresh, store, dry_run=True)
        trial = Trial(
            kind=source.kind,
            path=source.path,
            project=fresh[0].project_id,
            new=report.imported,
            here=report.unchanged + len(report.conflicts),
        )
        results.append(trial)
    return results


async def taken(found: Sequence[Source], store: Memories) -> tuple[ImportReport, list[Left]]:
    """All of them as one batch, which `undo` takes back as a whole."""
    memories, left = _parted(found)
    return await _sent(memories, store, dry_run=False), left


def _parted(found: Sequence[Source]) -> tuple[list[Memory], list[Left]]:
    """Worktrees of one repository have the same files: a memory comes once."""
    memories: dict[str, Memory] = {}
    left: list[Left] = []
    for source in found:
        for one in source.read(source.path):
            if isinstance(one, Memory):
                memories.setdefault(one.id, one)
            elif isinstance(one, Left):
                left.append(one)
    return list(memories.values()), left


async def _sent(memories: Sequence[Memory], store: Memories, *, dry_run: bool) -> ImportReport:
    lines = b"".join(jsonl.line_of(memory) for memory in memories)
    with TemporaryDirectory(prefix="claude-memory-") as scratch:
        file = _written(Path(scratch, "memories.jsonl"), lines)
        return await store.import_file(file, msgspec.structs.replace(_QUERY, dry_run=dry_run))


def _written(file: Path, data: bytes) -> Path:
    file.write_bytes(data)
    return file
