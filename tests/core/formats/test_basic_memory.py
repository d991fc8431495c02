"""basic-memory's notes."""

from datetime import UTC, datetime
from pathlib import Path

from memory_core.formats.found import Left
from memory_core.formats.table import read
from memory_core.types import Memory, MemoryType
from support.sources import NOTE, basic_memory


def taken(path: Path) -> list[Memory]:
    return [found for found in read(path, "basic-memory") if isinstance(found, Memory)]


def test_observations_relations_and_the_rest_of_a_note_become_memories(tmp_path: Path) -> None:
    note, *parts = taken(basic_memory(tmp_path))

    assert note.memory_type is MemoryType.FACT
    assert note.content.startswith("# Checkout\n\nHow money gets in. See also [[Ledger]].")
    assert [(memory.content, memory.memory_type.value) for memory in parts] == [
        ("Checkout: Payments are retried three times #retry (after the outage)", "decision"),
        ("Checkout: The provider limits calls", "observation"),
        ("Checkout depends_on Ledger (for booking)", "relation"),
        ("Checkout is part of Shop", "relation"),
    ]
    assert parts[0].tags == ("shop", "payments", "folder:notes", "Checkout", "decision", "retry")
    assert parts[1].tags[-1] == "risk"


def test_the_line_ends_of_windows_make_no_other_memory(tmp_path: Path) -> None:
    before = taken(basic_memory(tmp_path))
    for note in tmp_path.rglob("*.md"):
        note.write_bytes(note.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    assert [(one.id, one.content) for one in taken(tmp_path)] == [(one.id, one.content) for one in before]


def test_tasks_times_and_code_are_prose(tmp_path: Path) -> None:
    note, *_ = taken(basic_memory(tmp_path))

    for line in ("- [ ] a task to tick", "- [00:12] what was said at a time", "- [not] an observation"):
        assert line in note.content


def test_front_matter_gives_times_tags_and_whatever_else_it_has(tmp_path: Path) -> None:
    note, *_ = taken(basic_memory(tmp_path))

    assert note.created_at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert note.updated_at == datetime(2026, 3, 2, tzinfo=UTC)
    assert note.tags == ("shop", "payments", "folder:notes", "status:active")
    assert note.source == "basic-memory:notes/checkout"


def test_a_note_of_relations_alone_is_an_entity(tmp_path: Path) -> None:
    (tmp_path / "Ada.md").write_text(
        "---\ntitle: Ada\ntype: person\n---\n# Ada\n## Relations\n- maintains [[Shop]]\n", encoding="utf-8"
    )

    note, relation = taken(tmp_path)

    assert (note.content, note.memory_type, note.tags) == ("Ada", MemoryType.ENTITY, ("type:person",))
    assert relation.content == "Ada maintains Shop"


def test_a_copy_of_a_note_and_the_same_line_twice_are_told_apart(tmp_path: Path) -> None:
    vault = basic_memory(tmp_path)
    (vault / "notes" / "Copy.md").write_text(NOTE + "- [risk] The provider limits calls\n", encoding="utf-8")

    memories = taken(vault)

    assert len({memory.id for memory in memories}) == len(memories) == 11


def test_a_note_that_moved_keeps_its_ids(tmp_path: Path) -> None:
    vault = basic_memory(tmp_path)
    before = [memory.id for memory in taken(vault)]
    (vault / "notes" / "Checkout.md").rename(vault / "Elsewhere.md")

    assert [memory.id for memory in taken(vault)] == before


def test_what_cannot_be_read_is_left_and_the_rest_is_taken(tmp_path: Path) -> None:
    vault = basic_memory(tmp_path)
    (vault / "binary.md").write_bytes(b"\xff\xfe\0")
    (vault / "odd.md").write_text("---\ntitle: Odd\n{{template}}\n---\ntext\n", encoding="utf-8")

    found = list(read(vault))

    assert [one.where for one in found if isinstance(one, Left)] == ["binary.md", "odd.md"]
    assert "Odd\n\ntext" in [one.content for one in found if isinstance(one, Memory)]
