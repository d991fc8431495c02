"""Edits of TOML: the lines that are meant, and no others; what is not understood is refused."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_cli.setup import toml_text
from memory_cli.setup.faults import FaultError, ShapeError

PATH = ("mcp_servers", "memory")
ENTRY = {"command": "C:\\bin\\memory-client.exe", "args": ["hook"]}
CODEX = """\
model = "o5"  # the one
notify = ["a",
  "b"]

# servers
[mcp_servers.git]
command = "uvx"
args = ["mcp-server-git"]

  # of the next
[profiles.work]
model = "x"
text = '''
[mcp_servers.memory]
'''
"""
PIECES = st.lists(
    st.sampled_from(
        ["# a", "", "[other]", "x = 1", "[mcp_servers.git]", "command = 'y'", '[mcp_servers."a.b".env]', "z = [1]"]
    ),
    max_size=7,
)


def test_an_entry_is_added_at_the_end_and_leaves_the_same_text_when_it_goes() -> None:
    edited = toml_text.put(CODEX, PATH, ENTRY)

    assert edited.startswith(CODEX)
    assert edited.removeprefix(CODEX) == (
        '\n[mcp_servers.memory]\ncommand = "C:\\\\bin\\\\memory-client.exe"\nargs = ["hook"]\n'
    )
    assert toml_text.take(edited, PATH) == CODEX


@given(PIECES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_what_was_put_in_means_what_was_asked_and_goes_again(lines: list[str], end: str, closed: bool) -> None:
    text = end.join(lines) + (end if closed and lines else "")
    try:
        before = toml_text.parse(text)
    except FaultError:
        return

    edited = toml_text.put(text, PATH, ENTRY)

    after = tomllib.loads(edited)
    assert after["mcp_servers"].pop("memory") == ENTRY
    assert after == {"mcp_servers": {}} | before
    assert toml_text.take(edited, PATH).rstrip() == text.rstrip()
    assert toml_text.put(edited, PATH, ENTRY) == edited


def test_an_entry_is_changed_line_by_line_and_keeps_what_else_it_says() -> None:
    text = (
        "[mcp_servers.memory]\n# mine\nstartup_timeout_sec = 20\ncommand = 'old'\nargs = [\n  'a', # first\n]\n"
        "env = { MEMORY_API_KEY = 'k' }\n\n[mcp_servers.memory.tools.x]\napproval_mode = 'prompt'\n"
    )

    edited = toml_text.put(text, PATH, {"command": "new", "args": []}, without=["env"])

    assert edited == (
        '[mcp_servers.memory]\n# mine\nstartup_timeout_sec = 20\ncommand = "new"\nargs = []\n'
        "\n[mcp_servers.memory.tools.x]\napproval_mode = 'prompt'\n"
    )
    assert toml_text.take(edited, PATH) == ""


@pytest.mark.parametrize("text", ["mcp_servers = { memory = { command = 'x' } }\n", "mcp_servers.memory.command = 'x'"])
def test_what_is_kept_in_another_way_is_refused(text: str) -> None:
    for edit in (lambda: toml_text.put(text, PATH, ENTRY), lambda: toml_text.take(text, PATH)):
        with pytest.raises(ShapeError, match="in a way that is not edited here"):
            edit()


def test_what_is_no_toml_is_told_with_its_place() -> None:
    with pytest.raises(FaultError, match="line 2"):
        toml_text.parse('a = 1\nb = "\n')


def test_there_is_nothing_to_take() -> None:
    assert toml_text.take(CODEX, PATH) == CODEX
    assert toml_text.at(CODEX, PATH) is None
