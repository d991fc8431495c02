"""MemPalace's palace and its graph."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from memory_core.errors import InvalidError
from memory_core.formats.found import Left
from memory_core.formats.table import read, recognised
from memory_core.types import Memory, MemoryType
from support.sources import CHROMA, database, mempalace


def taken(path: Path) -> dict[str, Memory]:
    """By source, without the system's name."""
    found = [one for one in read(path) if isinstance(one, Memory)]
    return {(memory.source or "").removeprefix("mempalace:"): memory for memory in found}


def test_a_drawer_keeps_its_text_its_wing_as_project_and_its_room_as_tag(tmp_path: Path) -> None:
    memory = taken(mempalace(tmp_path))["drawer_shop_decisions_1"]

    assert (memory.content, memory.project_id) == ("Payments are retried three times", "shop")
    assert memory.tags == ("decisions", "added_by:mcp")


def test_times_without_a_zone_are_those_of_the_machine(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from memory_core.formats.table import read; "
        "print(next(read(pathlib.Path(sys.argv[1]))).created_at)"
    )
    command = [sys.executable, "-c", code, mempalace(tmp_path)]
    printed = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}
    ).stdout

    assert printed.strip() == "2026-04-01 08:00:00+00:00"


def test_pieces_of_a_mined_file_come_as_they_are_and_say_what_mined_them(tmp_path: Path) -> None:
    found = taken(mempalace(tmp_path))

    assert found["drawer_shop_documentation_2"].tags == (
        "documentation", "added_by:mempalace", "source_file:/work/a.md"
    )  # fmt: skip
    assert found["drawer_shop_documentation_3"].tags[:2] == ("documentation", "piece 2")


def test_a_diary_is_of_its_agent(tmp_path: Path) -> None:
    memory = taken(mempalace(tmp_path))["diary_wing_helper_4"]

    assert (memory.memory_type, memory.client_id) == (MemoryType.SESSION, "helper")
    assert memory.tags == ("diary", "hall_diary", "type:diary_entry", "topic:bugs")


def test_a_triple_is_a_relation_with_its_time_and_the_names_of_what_it_joins(tmp_path: Path) -> None:
    memory = taken(mempalace(tmp_path))["t_ada_maintains_shop_1"]

    assert (memory.content, memory.memory_type) == ("Ada maintains shop", MemoryType.RELATION)
    assert memory.tags == ("Ada", "shop", "relation:maintains", "valid_from:2026-01-01")
    assert memory.certainty_score == 0.9


def test_closets_are_no_memories(tmp_path: Path) -> None:
    assert len(taken(mempalace(tmp_path))) == 5


def test_the_palace_alone_and_each_file_alone_are_recognised(tmp_path: Path) -> None:
    home = mempalace(tmp_path)
    drawers = Path(shutil.copy(home / "palace" / "chroma.sqlite3", tmp_path / "a copy"))
    graph = Path(shutil.copy(home / "knowledge_graph.sqlite3", tmp_path / "another"))

    assert taken(home / "palace") == taken(home)
    assert [recognised(path).name for path in (drawers, graph)] == ["mempalace", "mempalace"]
    assert len(taken(drawers)) == 4
    assert len(taken(graph)) == 1


def test_another_programs_chroma_file_is_not_taken_for_a_palace(tmp_path: Path) -> None:
    path = database(
        tmp_path / "chroma.sqlite3", CHROMA, collections=[{"id": "c", "name": "cm__claude-mem", "database_id": "d"}]
    )

    assert list(read(path, "mempalace")) == []
    with pytest.raises(InvalidError, match="no format that is known"):
        recognised(path)


def test_a_drawer_without_text_is_left(tmp_path: Path) -> None:
    home = mempalace(tmp_path)
    with closing(sqlite3.connect(home / "palace" / "chroma.sqlite3")) as connection:
        connection.execute("DELETE FROM embedding_metadata WHERE id = 2 AND key = 'chroma:document'")
        connection.commit()

    assert Left("drawer drawer_shop_documentation_2", "it has no text") in list(read(home))
