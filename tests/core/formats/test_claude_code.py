"""Claude Code's auto memory, CLAUDE.md and rules."""

import json
import subprocess
from pathlib import Path

from memory_core.formats.found import Left
from memory_core.formats.table import read, recognised
from memory_core.types import Memory, MemoryType
from support.sources import CLAUDE_MD, claude_code


def taken(path: Path) -> list[Memory]:
    return [found for found in read(path, "claude-code") if isinstance(found, Memory)]


def repository(path: Path) -> Path:
    path.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", str(path)], check=True)
    subprocess.run(["git", "-C", str(path), "remote", "add", "origin", "git@github.com:acme/shop.git"], check=True)
    return path


def test_sections_and_bullets_become_memories_with_their_headings(tmp_path: Path) -> None:
    (tmp_path / "CLAUDE.md").write_text(CLAUDE_MD, encoding="utf-8")

    memories = taken(tmp_path / "CLAUDE.md")

    assert [(memory.content, memory.memory_type.value) for memory in memories] == [
        ("Shop\n\nA web shop. Run `make dev` first.", "fact"),
        ("Shop › Style: Tabs, never spaces", "preference"),
        ("Shop › Style: Name tests as sentences,\n  one outcome each", "preference"),
        ("Shop › Decisions\n\nWe deploy on Fridays, only after lunch.\n\n- Staging first", "decision"),
    ]
    assert memories[1].tags == ("CLAUDE.md", "Shop", "Style")


def test_the_line_ends_of_windows_make_no_other_memory(tmp_path: Path) -> None:
    file = tmp_path / "CLAUDE.md"
    file.write_bytes(CLAUDE_MD.encode())
    before = taken(file)

    file.write_bytes(CLAUDE_MD.replace("\n", "\r\n").encode())

    assert [(one.id, one.content) for one in taken(file)] == [(one.id, one.content) for one in before]


def test_a_file_with_front_matter_is_one_memory(tmp_path: Path) -> None:
    memory = taken(claude_code(tmp_path))[-1]

    assert memory.content == (
        "When we deploy: Fridays\n\nDeploy on Fridays, only after lunch. See [[staging]].\n\n"
        "MEMORY.md: Deploying — when and how"
    )
    assert memory.memory_type is MemoryType.PREFERENCE
    assert memory.tags == ("deploying", "type:feedback")
    assert memory.session_id == "0a1b2c3d-0000-4000-8000-000000000001"
    assert memory.project_id == "-work-shop"


def test_the_folder_of_one_project_of_all_and_the_file_alone_give_the_same(tmp_path: Path) -> None:
    one = claude_code(tmp_path)
    expected = {memory.id for memory in taken(one)}

    assert len(expected) == 3
    for path in (one / "memory", one.parent, tmp_path):
        assert recognised(path).name == "claude-code"
        assert {memory.id for memory in taken(path)} == expected
    assert len({memory.id for memory in taken(one / "memory" / "MEMORY.md")} & expected) == 2


def test_the_project_is_that_of_the_sessions_beside_the_memory(tmp_path: Path) -> None:
    shop = repository(tmp_path / "work" / "shop")
    path = claude_code(tmp_path)
    (path / "session.jsonl").write_text(
        json.dumps({"type": "summary"}) + "\n" + json.dumps({"cwd": str(shop)}) + "\n", encoding="utf-8"
    )

    assert {memory.project_id for memory in taken(path)} == {"github.com/acme/shop"}


def test_a_repositorys_instructions_and_rules_are_of_its_project(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    (shop / "CLAUDE.md").write_text("Be brief.\n", encoding="utf-8")
    (shop / ".claude" / "rules").mkdir(parents=True)
    (shop / ".claude" / "rules" / "tests.md").write_text(
        '---\npaths: ["tests/**"]\n---\n# Tests\n- No mocks\n', encoding="utf-8"
    )

    brief, rule = taken(shop)

    assert (brief.content, brief.project_id) == ("Be brief.", "github.com/acme/shop")
    assert (rule.content, rule.project_id) == ('Tests: No mocks\n\npaths: ["tests/**"]', "github.com/acme/shop")
    assert rule.tags == ("tests", "Tests")


def test_a_persons_own_instructions_are_of_no_project(tmp_path: Path) -> None:
    claude_code(tmp_path / "home" / ".claude")
    (tmp_path / "home" / ".claude" / "CLAUDE.md").write_text("Be brief.\n", encoding="utf-8")

    mine, *_ = taken(tmp_path / "home" / ".claude")

    assert (mine.content, mine.project_id) == ("Be brief.", None)


def test_an_import_that_is_not_followed_is_said(tmp_path: Path) -> None:
    (tmp_path / "style.md").write_text("Tabs.\n", encoding="utf-8")
    (tmp_path / "CLAUDE.md").write_text("See @style.md and ask @ada about @scope/package.\n", encoding="utf-8")

    (left,) = (found for found in read(tmp_path) if isinstance(found, Left))

    assert left.where == "CLAUDE.md:1"
    assert "style.md" in left.why


def test_what_stands_twice_or_is_no_text_is_left(tmp_path: Path) -> None:
    path = claude_code(tmp_path)
    (path / "memory" / "binary.md").write_bytes(b"\xff\xfe\0")
    (path / "memory" / "twice.md").write_text("# A\n- same\n- same\n", encoding="utf-8")

    found = list(read(path))

    assert [Path(one.where).name for one in found if isinstance(one, Left)] == ["binary.md", "twice.md"]
    assert [one.content for one in found if isinstance(one, Memory)][-1] == "A: same"


def test_other_notes_beside_a_memory_file_are_not_taken_for_its_own(tmp_path: Path) -> None:
    (tmp_path / "MEMORY.md").write_text("- [Style](style.md)\n- a fact\n", encoding="utf-8")
    (tmp_path / "style.md").write_text("Tabs.\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("Something else.\n", encoding="utf-8")

    assert [memory.content for memory in taken(tmp_path)] == ["[Style](style.md)", "a fact", "Tabs."]


def test_a_line_of_the_index_is_dropped_only_where_its_file_says_it(tmp_path: Path) -> None:
    path = claude_code(tmp_path) / "memory"
    (path / "plain.md").write_text("No front matter here.\n", encoding="utf-8")
    (path / "MEMORY.md").write_text("- [Deploying](deploying.md): when\n- [Plain](plain.md): how\n", encoding="utf-8")

    assert {memory.content for memory in taken(path) if memory.source == "claude-code:MEMORY.md"} == {
        "[Plain](plain.md): how"
    }
    assert [memory.content for memory in taken(path / "MEMORY.md")] == [
        "[Deploying](deploying.md): when",
        "[Plain](plain.md): how",
    ]
