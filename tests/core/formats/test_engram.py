"""engram's SQLite file and its export."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory_core.formats.found import Left
from memory_core.formats.others.engram import FORMAT
from memory_core.formats.table import read, recognised
from memory_core.types import Memory, MemoryType
from support.sources import ENGRAM_ROWS, engram, engram_export


def taken(path: Path) -> dict[str, Memory]:
    """By source, without the system's name."""
    found = [one for one in read(path) if isinstance(one, Memory)]
    return {(memory.source or "").removeprefix("engram:"): memory for memory in found}


def test_an_observation_keeps_its_title_topic_project_session_and_times(tmp_path: Path) -> None:
    memory = taken(engram(tmp_path))["observations:1"]

    assert memory.content == "Cart lost items\n\nWhat: a lock was missing"
    assert (memory.project_id, memory.session_id, memory.topic_key) == ("shop", "s-1", "bug/cart")
    assert memory.tags == ("pinned", "type:bugfix")
    assert memory.created_at == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert memory.updated_at == datetime(2026, 3, 1, 9, 45, tzinfo=UTC)
    assert memory.review_by == datetime(2027, 1, 1, tzinfo=UTC)


def test_what_is_personal_is_of_no_project_and_says_where_it_was_told(tmp_path: Path) -> None:
    memory = taken(engram(tmp_path))["observations:2"]

    assert (memory.memory_type, memory.project_id) == (MemoryType.PREFERENCE, None)
    assert memory.tags == ("scope:personal", "project:shop", "tool_name:mem_save")


def test_what_was_deleted_comes_to_the_trash_and_a_title_that_the_text_repeats_is_said_once(tmp_path: Path) -> None:
    memory = taken(engram(tmp_path))["observations:3"]

    assert memory.deleted_at == datetime(2026, 3, 3, 8, tzinfo=UTC)
    assert memory.content == "One lock a cart"


def test_prompts_and_summaries_of_sessions_are_taken(tmp_path: Path) -> None:
    found = taken(engram(tmp_path))

    assert (found["user_prompts:1"].content, found["user_prompts:1"].tags) == ("fix the cart", ("prompt",))
    assert (found["sessions:s-1"].content, found["sessions:s-1"].session_id) == ("Goal: mend the cart", "s-1")
    assert "sessions:s-2" not in found, "it has no summary"


def test_an_export_gives_the_same_memories_under_the_same_ids(tmp_path: Path) -> None:
    assert recognised(engram_export(tmp_path)).name == "engram"
    assert taken(engram_export(tmp_path)) == taken(engram(tmp_path))


def test_verdicts_between_memories_are_counted(tmp_path: Path) -> None:
    assert [one for one in read(engram(tmp_path)) if isinstance(one, Left)] == [
        Left("table memory_relations", "rows that are no memories, or of a kind that is not known here: 1")
    ]


@pytest.mark.parametrize("text", ["[]", "{", '{"exported_at": 1}', '{"sessions": [], "observations": []}'])
def test_json_that_is_no_export_is_not_taken_for_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(text, encoding="utf-8")

    assert not FORMAT.takes(path)


def test_an_entry_that_is_no_object_is_left_and_the_rest_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(
        json.dumps({"exported_at": "now"} | ENGRAM_ROWS | {"observations": [7, *ENGRAM_ROWS["observations"]]}),
        encoding="utf-8",
    )

    found = list(read(path))

    assert Left("observations, entry 1", "it is no object") in found
    assert sum(isinstance(one, Memory) for one in found) == 5
