"""Tables at the widths people have; drawn by rich onto a recorded terminal."""

import io
from datetime import UTC

import pytest
from rich.cells import cell_len
from rich.console import Console

from memory_cli.tables import print_memories
from memory_core.types import Memory, SearchHit
from support.samples import a_memory

LONG = "The import fails with E_CONN_4711 when the VPN is down; " * 20


def drawn(found: list[Memory], *, width: int, project_id: str | None = None) -> str:
    paper = io.StringIO()
    console = Console(file=paper, width=width, highlight=False, markup=False, emoji=False)
    print_memories(console, found, project_id=project_id, zone=UTC)
    return paper.getvalue()


def a_hit(memory: Memory, score: float) -> SearchHit:
    return SearchHit(**{name: getattr(memory, name) for name in memory.__struct_fields__}, score=score)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("content", ["short", LONG, "x" * 500, "漢字" * 300, "[bold]not markup[/] :smile:"])
def test_no_line_is_wider_than_the_terminal(width: int, content: str) -> None:
    lines = drawn([a_memory(content), a_hit(a_memory(content), 0.5)], width=width).splitlines()

    assert max(map(cell_len, lines)) <= width


def test_a_wide_terminal_has_columns_for_type_and_time() -> None:
    lines = drawn([a_memory()], width=120).splitlines()

    assert lines[0].split() == ["id", "type", "stored", "memory"]
    assert lines[1].split()[:4] == ["1a2b3c4d", "decision", "2026-11-23", "08:30"]


def test_a_narrow_terminal_has_them_below_the_text() -> None:
    lines = drawn([a_memory()], width=60, project_id="github.com/acme/shop").splitlines()

    assert lines[0].split() == ["id", "memory"]
    assert lines[1].strip() == "1a2b3c4d  We deploy on Fridays"
    assert lines[2].strip() == "decision 2026-11-23 08:30 #ops #release"


def test_the_project_is_named_only_where_it_is_another() -> None:
    assert "acme/shop" in drawn([a_memory()], width=120)
    assert "acme/shop" not in drawn([a_memory()], width=120, project_id="github.com/acme/shop")


def test_hits_show_their_score() -> None:
    assert "0.83" in drawn([a_hit(a_memory(), 0.8312)], width=60)


def test_a_long_memory_is_cut_and_says_so() -> None:
    shown = drawn([a_memory(LONG)], width=60, project_id="github.com/acme/shop")

    assert "…" in shown
    assert len(shown.splitlines()) <= 6


def test_a_memory_cannot_talk_to_the_terminal() -> None:
    shown = drawn([a_memory("\x1b]0;owned\a\x9b2J [red]x[/red]", tags=("\x1b[2J",))], width=120)

    assert "\x1b]0" not in shown
    assert "\x9b" not in shown
    assert "\\x1b]0;owned\\x07\\x9b2J [red]x[/red]" in shown
    assert "#\\x1b[2J" in shown
