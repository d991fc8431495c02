"""mcp-memory-service's SQLite file."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from memory_core.formats.found import Left
from memory_core.formats.table import read
from memory_core.types import Memory, MemoryType
from support.sources import database, insert, mcp_memory_service


def taken(path: Path) -> list[Memory]:
    return [found for found in read(path) if isinstance(found, Memory)]


def test_a_memory_keeps_its_times_tags_type_and_metadata(tmp_path: Path) -> None:
    memory, learnt, *_ = taken(mcp_memory_service(tmp_path))

    assert memory.content == 'Deploys happen on Fridays\n\norigin: {"tool":"cli"}'
    assert memory.memory_type is MemoryType.DECISION
    assert memory.tags == ("deploy", "team", "hostname:laptop")
    assert memory.quality_score == 0.9
    assert memory.created_at == datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    assert memory.updated_at == datetime(2026, 1, 1, 0, 1, 40, tzinfo=UTC)
    assert (learnt.memory_type, learnt.tags) == (MemoryType.FACT, ("type:learning",))


def test_what_was_deleted_there_is_in_the_trash_here(tmp_path: Path) -> None:
    assert [memory.content for memory in taken(mcp_memory_service(tmp_path)) if memory.deleted_at] == ["A wrong note"]


def test_relations_that_were_told_are_taken_and_computed_ones_counted(tmp_path: Path) -> None:
    found = list(read(mcp_memory_service(tmp_path)))

    (relation,) = (one for one in found if isinstance(one, Memory) and one.memory_type is MemoryType.RELATION)
    assert relation.content == "Deploys happen on Fridays\ncontradicts\nDeploys happened on Mondays"
    (left,) = (one for one in found if isinstance(one, Left))
    assert left.where == "table memory_graph"
    assert left.why.endswith(": 1")


def test_what_was_superseded_names_its_successor(tmp_path: Path) -> None:
    path = mcp_memory_service(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE memories ADD COLUMN superseded_by TEXT")
        connection.execute("ALTER TABLE memories ADD COLUMN confidence REAL DEFAULT 1.0")
        connection.execute("UPDATE memories SET superseded_by = ? WHERE id = 2", ("a" * 64,))
        connection.commit()

    new, old, *_ = taken(path)

    assert old.superseded_by == new.id
    assert new.superseded_by is None
    assert new.certainty_score == 1.0


def test_columns_and_tables_of_a_newer_version_are_not_lost_silently(tmp_path: Path) -> None:
    path = mcp_memory_service(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "ALTER TABLE memories ADD COLUMN store TEXT DEFAULT 'default';"
            "ALTER TABLE memories ADD COLUMN mood TEXT; UPDATE memories SET mood = 'calm' WHERE id = 1;"
            "CREATE TABLE dreams (text TEXT); INSERT INTO dreams VALUES ('of sheep')"
        )

    found = list(read(path))

    assert isinstance(found[0], Memory)
    assert found[0].tags == ("deploy", "team", "hostname:laptop", "mood:calm")
    assert "table dreams" in [one.where for one in found if isinstance(one, Left)]


def test_a_row_that_is_no_memory_is_left_and_the_others_are_taken(tmp_path: Path) -> None:
    schema = "CREATE TABLE memories (content_hash, content, tags, memory_type, metadata)"
    path = database(tmp_path / "old.db", schema)
    row = {"content_hash": "h", "content": "text", "tags": '["a", "b"]', "memory_type": None, "metadata": "{broken"}
    with closing(sqlite3.connect(path)) as connection:
        insert(
            connection, memories=[row, row | {"content": b"\xff\0"}, row | {"content": "  "}, row | {"content": "x\0y"}]
        )
        connection.execute("INSERT INTO memories VALUES ('i', CAST(x'ff41' AS TEXT), '', '', '')")
        connection.commit()

    found = list(read(path))

    (memory,) = (one for one in found if isinstance(one, Memory))
    assert memory.tags == ("a", "b")
    assert memory.content == "text\n\nmetadata: {broken"
    assert [one.why for one in found if isinstance(one, Left)] == [
        "its content is no text",
        "it has no text",
        "its text has a NUL character or bytes that are not UTF-8",
        "its text has a NUL character or bytes that are not UTF-8",
    ]


def test_json_that_is_nested_too_deep_is_kept_as_the_text_that_it_is(tmp_path: Path) -> None:
    path = database(tmp_path / "old.db", "CREATE TABLE memories (content_hash, content, tags, memory_type, metadata)")
    deep = '{"a":' * 8_000
    row = {"content_hash": "h", "content": "text", "tags": "[" * 20_000, "memory_type": None, "metadata": deep}
    with closing(sqlite3.connect(path)) as connection:
        insert(connection, memories=[row])

    (memory,) = taken(path)

    assert "[" * 20_000 in memory.content
    assert deep in memory.content
