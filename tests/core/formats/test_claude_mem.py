"""claude-mem's SQLite file."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from memory_core.formats.found import Left
from memory_core.formats.table import read
from memory_core.types import Memory, MemoryType
from support.sources import claude_mem, database

OLD = """
CREATE TABLE sdk_sessions (id INTEGER PRIMARY KEY, claude_session_id TEXT, sdk_session_id TEXT, project TEXT,
    user_prompt TEXT, started_at TEXT, started_at_epoch INTEGER);
CREATE TABLE observations (id INTEGER PRIMARY KEY, sdk_session_id TEXT, project TEXT, text TEXT, type TEXT,
    created_at TEXT, created_at_epoch INTEGER);
"""


def taken(path: Path) -> dict[str, Memory]:
    """By source, without the system's name."""
    found = [one for one in read(path) if isinstance(one, Memory)]
    return {(memory.source or "").removeprefix("claude-mem:"): memory for memory in found}


def test_an_observation_is_one_text_with_its_project_session_and_time(tmp_path: Path) -> None:
    memory = taken(claude_mem(tmp_path))["observations:1"]

    assert memory.content == (
        "Cart lost items\nA race\n\nTwo tabs wrote at once.\n\n- the lock was missing\n- tests hid it\n\n"
        "Files modified: cart.py"
    )
    assert memory.tags == ("gotcha", "concurrency", "type:bugfix", "generated_by_model:some-model")
    assert (memory.project_id, memory.session_id) == ("shop", "s-1")
    assert memory.created_at == datetime(2026, 2, 1, 10, 0, 0, 250_000, tzinfo=UTC)


def test_a_project_that_was_merged_and_another_agent_are_kept(tmp_path: Path) -> None:
    memory = taken(claude_mem(tmp_path))["observations:2"]

    assert memory.memory_type is MemoryType.DECISION
    assert memory.project_id == "store"
    assert memory.tags == ("project:shop", "platform:codex")
    assert memory.content.endswith('metadata: {"a": [1, 2]}')


def test_summaries_prompts_and_directives_are_taken(tmp_path: Path) -> None:
    found = taken(claude_mem(tmp_path))

    assert found["session_summaries:1"].content == (
        "Request: fix the cart\n\nLearned: locks\n\nNext steps: watch it\n\nFiles edited: cart.py"
    )
    assert found["session_summaries:1"].memory_type is MemoryType.SESSION
    assert (found["user_prompts:1"].content, found["user_prompts:1"].project_id) == ("fix the cart", "shop")
    assert found["directives:1"].memory_type is MemoryType.PREFERENCE
    assert found["directives:1"].updated_at.microsecond == 999_000


def test_a_session_is_taken_only_where_it_says_something_new(tmp_path: Path) -> None:
    found = taken(claude_mem(tmp_path))

    assert "sdk_sessions:1" not in found
    assert found["sdk_sessions:2"].content == "Cart week\n\nan old prompt"


def test_what_waits_for_its_worker_is_counted(tmp_path: Path) -> None:
    (left,) = (one for one in read(claude_mem(tmp_path)) if isinstance(one, Left))

    assert left.where == "table pending_messages"
    assert left.why.endswith(": 1")


def test_a_file_of_an_early_version_is_read(tmp_path: Path) -> None:
    path = database(
        tmp_path / "old.db",
        OLD,
        sdk_sessions=[{"claude_session_id": "c-1", "sdk_session_id": "m-1", "project": "shop", "user_prompt": "hello"}],
        observations=[{"sdk_session_id": "m-1", "project": "shop", "text": "an old one", "type": "feature"}],
    )

    found = taken(path)

    assert found["observations:1"].content == "an old one"
    assert found["observations:1"].session_id == "c-1"
    assert found["sdk_sessions:1"].content == "hello"


def test_a_row_without_text_is_left(tmp_path: Path) -> None:
    path = claude_mem(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE observations SET title = '', subtitle = NULL, narrative = ' ' WHERE id = 2")
        connection.commit()

    assert Left("observations 2", "it has no text") in list(read(path))


def test_facts_that_are_nested_too_deep_are_kept_as_the_text_that_they_are(tmp_path: Path) -> None:
    path, deep = claude_mem(tmp_path), "[" * 50_000
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE observations SET facts = ? WHERE id = 2", (deep,))
        connection.commit()

    assert deep in taken(path)["observations:2"].content
