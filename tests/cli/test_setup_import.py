"""What Claude Code has kept on a machine is offered, shown, and taken in once, into the right projects."""

import json
from pathlib import Path

from memory_core.formats.others.claude_places import encoded
from support.machines import Machine


def used(machine: Machine) -> tuple[Path, Path]:
    """A machine on which Claude Code has worked: two projects, one in two worktrees, and instructions of one's own."""
    shop = machine.repository("my_shop", "git@github.com:acme/shop.git")
    (shop / "CLAUDE.md").write_text("# Shop\n- We deploy on Fridays\n- Port 8000\n", encoding="utf-8")
    again = machine.repository("shop-again", "https://github.com/acme/shop")
    (again / "CLAUDE.md").write_text((shop / "CLAUDE.md").read_text(encoding="utf-8"), encoding="utf-8")
    claude = machine.home / ".claude"
    for project in (shop, again):
        folder = claude / "projects" / encoded(str(project))
        folder.mkdir(parents=True)
        (folder / "s.jsonl").write_text(json.dumps({"cwd": str(project)}) + "\n", encoding="utf-8")
    memory = claude / "projects" / encoded(str(shop)) / "memory"
    memory.mkdir()
    (memory / "MEMORY.md").write_text("- The worker needs a restart after a schema change\n", encoding="utf-8")
    (claude / "CLAUDE.md").write_text("- Be brief\n", encoding="utf-8")
    return shop, again


def test_it_is_offered_shown_taken_in_once_and_taken_back(laptop: Machine) -> None:
    used(laptop)

    offered = laptop.run("setup", "codex")
    assert offered.code == 0, offered.err
    assert "Claude Code has kept memories in 4 places on this machine; setup with --import takes them in" in offered.err
    assert laptop.run("list", "--global", "--json").json["memories"] == []

    shown = laptop.on_terminal("setup", "codex", types="n\n", columns=200)
    assert shown.code == 0, shown.out
    assert "1 memory for all projects: your own instructions in ~/.claude\n" in shown.out
    assert "1 memory for project github.com/acme/shop: auto memory in ~/.claude/projects/" in shown.out
    assert "2 memories for project github.com/acme/shop: instructions in ~/my_shop\n" in shown.out
    assert "shop-again" not in shown.out
    assert laptop.run("list", "--global", "--json").json["memories"] == []

    taken = laptop.run("setup", "codex", "--import")
    assert taken.code == 0, taken.err
    assert "Imported 4 memories; 0 were here already" in taken.out
    kept = laptop.run("list", "--global", "--json").json["memories"]
    assert sorted((memory["project_id"] or "", memory["content"]) for memory in kept) == [
        ("", "Be brief"),
        ("github.com/acme/shop", "Shop: Port 8000"),
        ("github.com/acme/shop", "Shop: We deploy on Fridays"),
        ("github.com/acme/shop", "The worker needs a restart after a schema change"),
    ]

    again = laptop.run("setup", "codex", "--import")
    assert "What Claude Code has kept on this machine is here already: 4 memories" in again.out

    (undo,) = [word.strip("`") for word in taken.out.split() if word.startswith("import-")]
    assert laptop.run("undo", undo).code == 0
    assert laptop.run("list", "--global", "--json").json["memories"] == []


def test_scripts_say_that_nothing_is_wanted(laptop: Machine) -> None:
    used(laptop)

    ran = laptop.run("setup", "codex", "--no-import")

    assert (ran.code, ran.err) == (0, "")


def test_a_machine_without_claude_code_is_not_bothered(laptop: Machine) -> None:
    ran = laptop.run("setup", "codex", "--import")

    assert (ran.code, ran.err) == (0, "")
    assert "Claude Code" not in ran.out
