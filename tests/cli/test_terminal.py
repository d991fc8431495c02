"""What a person sees: on a real terminal, at widths that people have."""

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from support.machines import Machine

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LONG = "The import fails with E_CONN_4711 when the VPN is down; restart the tunnel and try again. " * 5


@pytest.mark.parametrize("columns", [60, 120])
def test_a_table_fits_the_terminal(local_machine: Machine, project: str, columns: int) -> None:
    local_machine.run("-p", project, "add", LONG, "--type", "decision", "--tags", "ops,vpn")
    local_machine.run("-p", project, "add", "短い 記憶 " * 30)

    shown = local_machine.on_terminal("-p", project, "list", columns=columns)

    assert shown.code == 0
    lines = ESCAPE.sub("", shown.out).splitlines()
    assert max(map(cell_len, lines)) <= columns
    assert "#ops #vpn" in shown.out
    assert ("stored" in lines[0]) is (columns == 120)


def test_colours_are_for_terminals_and_for_those_who_want_them(local_machine: Machine, project: str) -> None:
    local_machine.run("-p", project, "add", "in colour?")

    assert "\x1b[36m" in local_machine.on_terminal("-p", project, "list").out
    assert "\x1b[3" not in local_machine.on_terminal("-p", project, "list", env={"NO_COLOR": "1"}).out
    assert "\x1b" not in local_machine.run("-p", project, "list").out


@pytest.mark.parametrize("command", ["list", "search", "context", "get", "json"])
def test_a_memory_cannot_talk_to_the_terminal(local_machine: Machine, project: str, command: str) -> None:
    attack = "\x1b]0;owned\x07 \x1b[2J \x9b31m \u202egnp.exe"
    name = local_machine.run("-p", project, "add", "-", stdin=attack).out.strip()
    words = {"get": ("get", name), "json": ("get", name, "--json"), "search": ("search", "owned")}

    shown = local_machine.on_terminal("-p", project, *words.get(command, (command,)), columns=120).out

    assert "owned" in shown
    assert not set(ESCAPE.sub("", shown)) & set("\x1b\x07\x9b\u202e")
    assert "\x1b[2J" not in shown


def test_what_was_kept_is_said_in_a_sentence(local_machine: Machine, project: str) -> None:
    shown = local_machine.on_terminal("-p", project, "add", "x", "--type", "fact").out

    assert re.search(rf"Kept [0-9a-f]{{8}} \(fact, project {project}\)", shown)


def test_a_terminal_that_knows_ascii_alone_is_no_obstacle(local_machine: Machine, project: str) -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    name = local_machine.run("-p", project, "add", "grüße 你好", env=env).out.strip()

    assert local_machine.run("get", name, env=env).out.endswith(
        "\\xfc\\xdfe \\u4f60\\u597d\n".replace("\\xdfe", "\\xdfe")
    )
    assert local_machine.run("get", name, "--json", env=env).json["content"] == "grüße 你好"


def test_a_text_from_the_keyboard_says_how_to_end_it(local_machine: Machine, project: str) -> None:
    shown = local_machine.on_terminal("-p", project, "add", "-", types="typed by hand\n\x04")

    assert "Ctrl-D" in shown.out
    assert "Kept" in shown.out


def test_long_work_shows_a_bar_and_then_what_it_did(local_machine: Machine, project: str, tmp_path: Path) -> None:
    local_machine.run("-p", project, "add", "to be exported")

    exported = local_machine.on_terminal("export", tmp_path / "all.parquet").out
    imported = local_machine.on_terminal("import", tmp_path / "all.parquet").out

    assert "Exporting" in exported
    assert re.search(r"Exported \d+ memor(y|ies) to ", exported)
    assert "Importing" in imported
    assert "Imported 0 memories" in imported
