"""The page that a newcomer reads first fits in ten minutes, and what it names is there."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DECISIONS = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
WORDS_A_MINUTE = 240
NO_MODULES = {"mcp", "initialize", "plugins/memory"}  # an address, a message, a folder
ENGINE = ROOT / "packages/memory-core/src/memory_core/engine"


def test_it_is_read_in_ten_minutes() -> None:
    assert len(PAGE.split()) <= 10 * WORDS_A_MINUTE


def table(heading: str) -> list[str]:
    """The names in the first column of the table under that heading."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n#")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`([\w/]+)`", row.split("|")[1])]


@pytest.mark.parametrize("name", table("Inside the engine"))
def test_each_module_of_the_engine_that_it_names_exists(name: str) -> None:
    assert importlib.util.find_spec(f"memory_core.engine.{name.replace('/', '.')}")


def test_each_module_and_folder_of_the_engine_is_named() -> None:
    """A module that nobody explains is a room without a door."""
    there = {path.stem for path in ENGINE.iterdir() if not path.name.startswith("_")}

    assert there - {name.partition("/")[0] for name in table("Inside the engine")} == set()


@pytest.mark.parametrize("section", ["The server", "The client"])
def test_each_module_of_a_server_or_client_that_it_names_exists(section: str) -> None:
    package = {"The server": "memory_server", "The client": "memory_client"}[section]
    text = PAGE.partition(f"## {section}\n")[2].partition("\n## ")[0]
    named = {name.removesuffix(".py").strip("/") for name in re.findall(r"`([a-z_/]+(?:\.py)?)`", text)}
    modules = {name.replace("/", ".") for name in named - NO_MODULES}

    assert len(modules) > 3
    assert [name for name in sorted(modules) if not importlib.util.find_spec(f"{package}.{name}")] == []


def test_each_decision_says_when_and_what_would_change_it() -> None:
    decisions = re.split(r"^### ", DECISIONS, flags=re.MULTILINE)[1:]

    assert len(decisions) > 20
    for decision in decisions:
        name, text = decision.split("\n", 1)
        text = text.partition("\n## ")[0]
        assert re.match(r"\n2026-\d\d-\d\d\.\n", text), name
        assert "\nGiven up" in text, name
        assert "\nIt would change" in text, name
