"""Commands that move memories out of a store and into it, as files: export, import.

Parquet and JSON lines are the server's to write and to read. Whatever else there is, a Markdown folder or what another
system keeps, is read and written here, where it lies, and goes over the wire as JSON lines.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import msgspec
from cyclopts import Parameter

from memory_cli.options import Here, flag
from memory_cli.render import one_line
from memory_cli.session import Session
from memory_core.counting import agreeing, counted, memories
from memory_core.errors import InvalidError, NotFoundError, UnavailableError
from memory_core.formats import jsonl, table
from memory_core.formats.folder import Written, write_markdown
from memory_core.formats.found import Format, Left
from memory_core.types import ExportQuery, FileFormat, ImportQuery, ImportReport, Memory

_PARQUET, _FOUNDING = "parquet", "claude-local-memory-server"
_SENT = (_PARQUET, jsonl.FORMAT.name, _FOUNDING)  # which the server reads
_SHOWN = 20
_LINES = "memories.jsonl"


class ExportFormat(StrEnum):
    PARQUET = "parquet"
    JSONL = "jsonl"
    MARKDOWN = "markdown"


_ENDINGS = {".parquet": ExportFormat.PARQUET, ".jsonl": ExportFormat.JSONL, ".ndjson": ExportFormat.JSONL}


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """`files` says what became of the files of a Markdown folder."""

    exported: int
    path: str
    format: ExportFormat
    files: Written | None = None


class Moved(ImportReport, frozen=True, kw_only=True):
    """What the server did with what was read from a source of this `format`; `left` was read and could not be taken.

    `unplaced` names what such a source may hold that no memory has a place for.
    """

    format: str
    left: tuple[Left, ...] = ()
    unplaced: tuple[str, ...] = ()


async def export(
    path: Annotated[Path, Parameter(help="A new file, or a folder for Markdown.")],
    /,
    *,
    file_format: Annotated[
        ExportFormat | None, Parameter(name="--format", help="Else by the ending: .parquet, .jsonl; a folder's name.")
    ] = None,
    bare: Annotated[bool, flag("The memories alone, without their past states and vectors.")] = False,
    session: Here,
) -> None:
    """Write all memories of all projects to a file, with the trash, past states and vectors; or to a Markdown folder.

    A file that exists is never overwritten. A Markdown folder that an export made is brought up to date.
    """
    chosen = file_format or _by_name(path)
    if chosen is ExportFormat.MARKDOWN:
        report = await _to_folder(path, session)
    else:
        query = ExportQuery(format=FileFormat(chosen.value), bare=bare)
        async with session.memories() as store:
            with session.out.progress("Exporting", unit_is_bytes=True) as progress:
                count = await store.export_file(path, query, progress=progress)
        report = ExportReport(exported=count, path=str(path), format=chosen)
    session.out.give(report, export_text(report))


async def import_(
    path: Annotated[Path, Parameter(help="What `export` wrote, or a file or folder of another memory system.")],
    /,
    *,
    source: Annotated[str | None, Parameter(name="--from", help="What it is, where it could be two things.")] = None,
    dry_run: Annotated[bool, flag("Show what would be taken, change nothing.")] = False,
    session: Here,
) -> None:
    """Take in memories: what `export` wrote, or what another memory system keeps.

    Takes Claude Code's memory, the reference MCP memory server's file, mcp-memory-service, claude-mem, basic-memory,
    mem0 and claude-local-memory-server; docs/import.md says where they lie and what becomes of what. Nothing that is
    here is overwritten; doing it twice changes nothing; `undo` takes all of it back. With -p, memories of no project
    come into that one.
    """
    if not path.exists():
        raise NotFoundError(f"{path} does not exist")
    named = session.project_id if session.names_project else None
    query = ImportQuery(dry_run=dry_run, project_id=named)
    name = source or _sent_as(path) or table.recognised(path).name
    if name in _SENT:
        report = Moved(format=name, **msgspec.structs.asdict(await _sent(path, query, session)))
    else:
        report = await _read_and_sent(path, _format(name), query, session)
    session.out.give(report, import_text(report))


async def _sent(file: Path, query: ImportQuery, session: Session) -> ImportReport:
    async with session.memories() as store:
        with session.out.progress("Importing", unit_is_bytes=True) as progress:
            return await store.import_file(file, query, progress=progress)


async def _read_and_sent(path: Path, source: Format, query: ImportQuery, session: Session) -> Moved:
    query = msgspec.structs.replace(query, ignore_times=not source.dated)
    with TemporaryDirectory(prefix="claude-memory-") as scratch:
        file = Path(scratch, _LINES)
        left = tuple(_as_lines(path, source, file))
        taken = await _sent(file, query, session)
    return Moved(format=source.name, left=left, unplaced=source.unplaced, **msgspec.structs.asdict(taken))


def _as_lines(path: Path, source: Format, file: Path) -> Iterator[Left]:
    """Write all memories that are in `path` to `file`; what could not be taken."""
    with file.open("xb") as lines:
        for found in table.read(path, source.name):
            if isinstance(found, Left):
                yield found
            else:
                lines.write(jsonl.line_of(found))


async def _to_folder(folder: Path, session: Session) -> ExportReport:
    with TemporaryDirectory(prefix="claude-memory-") as scratch:
        file = Path(scratch, _LINES)
        async with session.memories() as store:
            with session.out.progress("Exporting", unit_is_bytes=True) as progress:
                query = ExportQuery(format=FileFormat.JSONL, bare=True)
                count = await store.export_file(file, query, progress=progress)
        files = write_markdown(folder, _all_of(file))
    return ExportReport(exported=count, path=str(folder), format=ExportFormat.MARKDOWN, files=files)


def _all_of(file: Path) -> Iterator[Memory]:
    """Every one of them: the file of a memory that was passed over would be removed as if that were gone."""
    for found in jsonl.read_records(file):
        if isinstance(found, Left):
            raise InvalidError(f"the server sent what this version cannot read ({found.where}: {found.why}); upgrade")
        yield found.memory


def _by_name(path: Path) -> ExportFormat:
    if path.is_dir():
        return ExportFormat.MARKDOWN
    if path.suffix.lower() not in _ENDINGS:
        raise InvalidError(f"{path.name} does not say which format is wanted: add --format jsonl, markdown or parquet")
    return _ENDINGS[path.suffix.lower()]


def _sent_as(path: Path) -> str | None:
    """Null where it is nothing that only the server reads."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            beginning = file.read(12)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {error.strerror}") from error
    if beginning[8:] == b"DUCK":
        return _FOUNDING
    return _PARQUET if beginning[:4] == b"PAR1" else None


def _format(name: str) -> Format:
    if name not in table.FORMATS:
        raise InvalidError(f"there is no format {name!r}; there are {', '.join((_PARQUET, *table.FORMATS, _FOUNDING))}")
    return table.named(name)


def export_text(report: ExportReport) -> str:
    text = f"Exported {memories(report.exported)} to {report.path}"
    if report.files is None:
        return text
    files = report.files
    return f"{text}: {counted(files.written, 'file')} written, {files.unchanged:,} unchanged, {files.removed:,} removed"


def import_text(report: Moved) -> str:
    """What became of everything, most important first; a line for each thing that was left."""
    if report.dry_run:
        text = f"Would import {memories(report.imported)}; {counted(report.unchanged, 'is', 'are')} here already"
    else:
        text = f"Imported {memories(report.imported)}; {counted(report.unchanged, 'was', 'were')} here already"
    if report.conflicts:
        shown = ", ".join(report.conflicts[:10]) + (", …" if len(report.conflicts) > 10 else "")
        count = len(report.conflicts)
        differ, they = counted(count, "differs", "differ"), agreeing(count, "it is", "they are")
        stay = agreeing(count, "stays", "stay") if report.dry_run else "stayed"
        text += f"; {differ} here and {stay} as {they}: {shown}"
        if report.in_trash:
            are, them = agreeing(report.in_trash, "is", "are"), agreeing(report.in_trash, "it", "them")
            text += f"; {report.in_trash:,} of these {are} in the trash, and `restore` brings {them} back"
    lines = [text]
    if report.redacted:
        what = "would be left out" if report.dry_run else "were left out"
        lines.append(f"Secrets {what} of {memories(report.redacted)}, and a marker stands where they stood")
    lines += _some("Left out", [f"{one_line(each.where)}: {one_line(each.why)}" for each in report.left])
    lines += _some("Left out, or changed to fit", list(map(one_line, report.remarks)))
    if report.unplaced:
        lines.append(f"Never taken from {report.format}: {'; '.join(report.unplaced)}")
    if report.batch_id is not None:
        lines.append(f"`claude-memory undo {report.batch_id}` takes it back")
    return "\n".join(lines)


def _some(title: str, all_of_them: Sequence[str]) -> list[str]:
    if not all_of_them:
        return []
    lines = [f"{title}: {len(all_of_them):,}", *(f"  {each}" for each in all_of_them[:_SHOWN])]
    more = len(all_of_them) - _SHOWN
    return [*lines, f"  … and {more:,} more; --json names all"] if more > 0 else lines
