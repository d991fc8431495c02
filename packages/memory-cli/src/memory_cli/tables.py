"""Memories as a table that fits the terminal. The only module that knows rich's tables; loaded for a terminal alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from memory_cli.render import mark, one_line, short_id, when
from memory_core.types import Memory, SearchHit

WIDE = 90
"""From so many columns on, type and time have columns of their own; below they stand under the text."""
_LINES_OF_CONTENT = 3


def print_memories(
    console: Console, found: Sequence[Memory], *, project_id: str | None, zone: tzinfo | None = None
) -> None:
    """`project_id` is the project that needs no mention because the caller is in it."""
    console.print(memory_table(found, width=console.width, project_id=project_id, zone=zone))


def memory_table(found: Sequence[Memory], *, width: int, project_id: str | None, zone: tzinfo | None = None) -> Table:
    wide = width >= WIDE
    scored = any(isinstance(memory, SearchHit) for memory in found)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", width=width)
    table.add_column("id", no_wrap=True, style="cyan")
    used = 10
    if wide:
        table.add_column("type", no_wrap=True)
        table.add_column("stored", no_wrap=True)
        used += 13 + 18
    if scored:
        table.add_column("score", no_wrap=True, justify="right")
        used += 7
    table.add_column("memory", ratio=1, overflow="fold")
    for memory in found:
        cells: list[str | Text] = [short_id(memory)]
        if wide:
            cells += [memory.memory_type.value, when(memory.created_at, zone)]
        if scored:
            cells.append(f"{memory.score:.2f}" if isinstance(memory, SearchHit) else "")
        cells.append(_memory_cell(memory, width - used, wide=wide, project_id=project_id, zone=zone))
        table.add_row(*cells)
    return table


def _memory_cell(memory: Memory, width: int, *, wide: bool, project_id: str | None, zone: tzinfo | None) -> Text:
    """The beginning of the text, and under it, dim, what has no column."""
    room = max(width, 10) * _LINES_OF_CONTENT
    content = one_line(memory.content)
    cell = Text(content if len(content) <= room else content[: room - 1].rstrip() + "…")
    about = [] if wide else [memory.memory_type.value, when(memory.created_at, zone)]
    if memory.project_id is not None and memory.project_id != project_id:
        about.append(one_line(memory.project_id))
    about += [f"#{one_line(tag)}" for tag in memory.tags]
    if said := mark(memory, datetime.now(UTC), zone):
        about.append(said)
    if about:
        cell.append("\n" + " ".join(about), style="dim")
    return cell
