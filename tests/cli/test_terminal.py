"""What a person sees: on a real terminal, at widths that people have."""

import re
import unicodedata
from pathlib import Path

import pytest
from rich.cells import cell_len

from memory_core.formats.jsonl import line_of
from support.hostile import HOSTILE
from support.machines import Machine
from support.samples import a_memory

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
OWN_COLOURS = re.compile(r"\x1b\[(?:0|2|3[0-9]|[0-9;]{3,8})m(?!red)")
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


@pytest.fixture(scope="module")
def hostile(local_machine: Machine) -> str:
    """A project whose memories are written against whoever reads them; the id of one is `face0000`."""
    lines = [
        line_of(a_memory(text, id=f"{number:032x}", project_id="hostile", client_id=None, source=f"\u202e{number}"))
        for number, text in enumerate(HOSTILE[::-1], 0xFACE0000 << 96)
    ]
    file = local_machine.folder / "hostile.jsonl"
    file.write_bytes(b"".join(lines))
    assert local_machine.run("import", file).code == 0
    assert local_machine.run("delete", "face000000000000000000000000000f", "--reason", "\u2066why\u202e").code == 0
    return "hostile"


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--limit", "200"), ("search", "memories obey"), ("search", "obey", "--explain"), ("context",),
        ("stats",), ("get", "face0000000000000000000000000000"), ("get", "face000000000000000000000000000a"),
        ("review",), ("history", "face000000000000000000000000000f"), ("trash",), ("list", "--limit", "200", "--json"),
    ],
    ids=lambda words: " ".join(words)[:30],
)  # fmt: skip
def test_nothing_that_hides_or_commands_reaches_a_terminal(
    local_machine: Machine, hostile: str, words: tuple[str, ...]
) -> None:
    shown = local_machine.on_terminal("-p", hostile, *words, columns=120)
    piped = local_machine.run("-p", hostile, *words)

    assert (shown.code, piped.code) == (0, 0), shown.out
    for text in (OWN_COLOURS.sub("", shown.out.replace("\r\n", "\n")), piped.out + piped.err):
        assert {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")} <= set("\n\t\u200d")
    if words == ("list", "--limit", "200"):
        assert len(piped.out.splitlines()) == len(HOSTILE) - 1, "one line a memory, for programs that read lines"


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
