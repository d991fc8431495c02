"""What is recognised as ours in an agent's configuration, brought up to date, and taken out; where agents keep it."""

import json
from pathlib import Path

import pytest

from memory_cli.setup import entries, hooks
from memory_cli.setup.agents import AGENTS, HOOKS, Agent, Scope, Servers
from memory_cli.setup.entries import Command, Edited
from memory_cli.setup.places import Machine
from memory_cli.setup.plan import present, servers_file
from support.platforms import EXE

HERE = Command("/bin/memory-client")
FETCHED = Command("uvx", ("memory-client",))


def agent(name: str) -> Agent:
    return next(one for one in AGENTS if one.name == name)


def servers(name: str) -> Servers:
    return agent(name).servers[Scope.USER]


def put(name: str, text: str, command: Command = HERE, *, address_is_kept: bool = False) -> Edited:
    return entries.with_server(text, servers(name), command, address_is_kept=address_is_kept)


@pytest.mark.parametrize(
    "entry",
    [
        {"command": "memory-client"},
        {"command": "/old/bin/memory-client", "args": []},
        {"command": "C:\\Users\\me\\bin\\memory-client.exe"},
        {"command": "uvx", "args": ["memory-client"]},
        {"command": "uv", "args": ["tool", "run", "memory-client"]},
        {"command": "claude-memory", "args": ["serve"]},
        {"type": "local", "command": ["/old/bin/memory-client"]},
    ],
)
def test_an_entry_that_starts_our_bridge_is_ours_whatever_its_name(entry: dict[str, object]) -> None:
    edited = put("claude-code", json.dumps({"mcpServers": {"remember": entry}}))

    (ours,) = json.loads(edited.text)["mcpServers"].items()
    assert ours[0] == "remember"
    assert ours[1]["command"] == "/bin/memory-client"
    assert put("claude-code", edited.text) == Edited(edited.text)
    assert entries.without_server(edited.text, servers("claude-code")).text == "{}"


@pytest.mark.parametrize("entry", [{"command": "npx", "args": ["server-memory"]}, {"url": "http://a.lan/mcp"}, "odd"])
def test_another_server_of_that_name_is_left_alone(entry: object) -> None:
    edited = put("claude-code", json.dumps({"mcpServers": {"memory": entry}}))

    found = json.loads(edited.text)["mcpServers"]
    assert found["memory"] == entry
    assert found["claude-memory"]["command"] == "/bin/memory-client"
    assert edited.said == ("added the server claude-memory: /bin/memory-client; memory is another server there",)
    assert json.loads(entries.without_server(edited.text, servers("claude-code")).text)["mcpServers"] == {
        "memory": entry
    }


def test_what_a_person_added_to_our_entry_stays() -> None:
    text = """{"mcpServers": {
  "memory": {
    "command": "/old/memory-client", // moved
    "args": [],
    "env": {"MEMORY_PROJECT": "shop"}, "timeout": 9
  }
}}"""

    assert put("claude-code", text).text == text.replace("/old/memory-client", "/bin/memory-client").replace(
        '"timeout": 9\n', '"timeout": 9,\n    "type": "stdio"\n'
    )


def test_an_address_in_an_entry_gives_way_to_the_one_that_is_kept() -> None:
    """As `claude mcp add --env` put it there; else the old server would go before the new one."""
    env = {"MEMORY_SERVER": "http://old.lan", "MEMORY_API_KEY": "k", "MEMORY_PROJECT": "shop"}
    entry = {"type": "stdio", "command": "/bin/memory-client", "args": [], "env": env}
    text = json.dumps({"mcpServers": {"memory": entry}})

    assert put("claude-code", text).text == text
    changed = put("claude-code", text, address_is_kept=True)
    assert json.loads(changed.text)["mcpServers"]["memory"]["env"] == {"MEMORY_PROJECT": "shop"}
    assert entries.environment(text, servers("claude-code")) == env


def test_an_address_alone_goes_with_its_table() -> None:
    text = (
        '[mcp_servers.memory]\ncommand = "/bin/memory-client"\nargs = []\nenv = { MEMORY_SERVER = "http://old.lan" }\n'
    )

    edited = put("codex", text, address_is_kept=True)

    assert edited.text == '[mcp_servers.memory]\ncommand = "/bin/memory-client"\nargs = []\n'


def test_opencode_gets_the_form_that_its_file_has() -> None:
    old = put("opencode", '{"mcp": {"git": {"type": "local", "command": ["uvx", "git"]}}}', FETCHED)
    new = put("opencode", '{"mcp": {"servers": {"git": {"type": "local", "command": ["uvx", "git"]}}}}', FETCHED)

    assert json.loads(old.text)["mcp"]["memory"] == {
        "type": "local",
        "command": ["uvx", "memory-client"],
        "enabled": True,
    }
    assert json.loads(new.text)["mcp"]["servers"]["memory"] == {"type": "local", "command": ["uvx", "memory-client"]}
    assert "memory" not in entries.without_server(new.text, servers("opencode")).text


def test_an_entry_that_was_switched_off_stays_off() -> None:
    text = '{"mcp": {"memory": {"type": "local", "command": ["/old/memory-client"], "enabled": false}}}'

    assert json.loads(put("opencode", text).text)["mcp"]["memory"] == {
        "type": "local",
        "command": ["/bin/memory-client"],
        "enabled": False,
    }


def test_hooks_of_ours_are_never_there_twice() -> None:
    old = {"type": "command", "command": "memory-client hook", "timeout": 3}
    mine = {"type": "command", "command": "say hello"}
    text = json.dumps({"hooks": {"Stop": [{"matcher": "", "hooks": [mine, old]}, {"hooks": [old]}]}})

    edited = hooks.with_hooks(text, FETCHED)

    stop = json.loads(edited.text)["hooks"]["Stop"]
    ours = {"type": "command", "command": "uvx", "timeout": 3, "args": ["memory-client", "hook"], "async": True}
    assert stop[0] == {"matcher": "", "hooks": [mine, ours]}
    assert sum("memory-client" in json.dumps(group) for group in stop) == 1
    assert hooks.with_hooks(edited.text, FETCHED) == Edited(edited.text)
    assert set(json.loads(edited.text)["hooks"]) == {hook.event for hook in HOOKS}

    gone = hooks.without_hooks(edited.text)
    assert json.loads(gone.text)["hooks"]["Stop"][0] == {"matcher": "", "hooks": [mine]}
    assert "memory-client" not in gone.text


def test_hooks_and_servers_leave_the_same_text_when_they_go() -> None:
    for text in ("{}\n", '{\n\t"a": 1, // one\n\t"hooks": {\n\t\t"Stop": [{"hooks": []}]\n\t}\n}\n', '{"a": 1}'):
        added = hooks.with_hooks(put("claude-code", text).text, HERE)

        assert entries.without_server(hooks.without_hooks(added.text).text, servers("claude-code")).text == text


@pytest.mark.parametrize(
    ("platform", "name", "place"),
    [
        ("linux", "claude-code", "{home}/.claude.json"),
        ("darwin", "claude-desktop", "{home}/Library/Application Support/Claude/claude_desktop_config.json"),
        ("linux", "claude-desktop", "{home}/.config/Claude/claude_desktop_config.json"),
        ("win32", "claude-desktop", "{home}/AppData/Roaming/Claude/claude_desktop_config.json"),
        ("linux", "codex", "{home}/.codex/config.toml"),
        ("win32", "cursor", "{home}/.cursor/mcp.json"),
        ("linux", "vscode", "{home}/.config/Code/User/mcp.json"),
        ("darwin", "vscode", "{home}/Library/Application Support/Code/User/mcp.json"),
        ("win32", "vscode", "{home}/AppData/Roaming/Code/User/mcp.json"),
        ("darwin", "gemini", "{home}/.gemini/settings.json"),
        ("win32", "opencode", "{home}/.config/opencode/opencode.json"),
    ],
)
def test_each_agent_is_looked_for_where_it_keeps_its_configuration(
    tmp_path: Path, platform: str, name: str, place: str
) -> None:
    environ = {"USERPROFILE" if platform == "win32" else "HOME": str(tmp_path)}
    if platform == "win32":
        environ |= {"APPDATA": f"{tmp_path}/AppData/Roaming", "LOCALAPPDATA": f"{tmp_path}/AppData/Local"}

    machine = Machine(environ, tmp_path / "work", platform)

    assert servers_file(machine, servers(name)) == Path(place.format(home=tmp_path))


@pytest.mark.parametrize(
    ("name", "variable", "value", "place"),
    [
        ("claude-code", "CLAUDE_CONFIG_DIR", "{home}/work-claude", "{home}/work-claude/.claude.json"),
        ("codex", "CODEX_HOME", "{home}/c", "{home}/c/config.toml"),
        ("gemini", "GEMINI_CLI_HOME", "{home}/g", "{home}/g/.gemini/settings.json"),
        ("opencode", "OPENCODE_CONFIG", "{home}/o.jsonc", "{home}/o.jsonc"),
        ("vscode", "VSCODE_PORTABLE", "{home}/v", "{home}/v/user-data/User/mcp.json"),
        ("vscode", "XDG_CONFIG_HOME", "{home}/x", "{home}/x/Code/User/mcp.json"),
    ],
)
def test_a_variable_of_the_agent_goes_first(tmp_path: Path, name: str, variable: str, value: str, place: str) -> None:
    machine = Machine({"HOME": str(tmp_path), variable: value.format(home=tmp_path)}, tmp_path, "linux")

    assert servers_file(machine, servers(name)) == Path(place.format(home=tmp_path))


def test_claude_desktop_of_the_store_is_shown_another_folder(tmp_path: Path) -> None:
    local, roaming = tmp_path / "Local", tmp_path / "Roaming"
    inside = local / "Packages" / "Claude_pzs8sxrjxfjjc" / "LocalCache" / "Roaming" / "Claude"
    (local / "Packages" / "Claude_pzs8sxrjxfjjc").mkdir(parents=True)
    (roaming / "Claude").mkdir(parents=True)
    (roaming / "Claude" / "claude_desktop_config.json").write_text("{}", encoding="utf-8")
    environ = {"USERPROFILE": str(tmp_path), "APPDATA": str(roaming), "LOCALAPPDATA": str(local)}

    found = servers_file(Machine(environ, tmp_path, "win32"), servers("claude-desktop"))

    assert found == inside / "claude_desktop_config.json"


def test_the_variant_that_is_there_is_taken(tmp_path: Path) -> None:
    for folder in (".config/VSCodium/User", ".config/opencode"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".config/opencode/opencode.jsonc").write_text("{}", encoding="utf-8")
    machine = Machine({"HOME": str(tmp_path)}, tmp_path, "linux")

    assert servers_file(machine, servers("vscode")) == tmp_path / ".config/VSCodium/User/mcp.json"
    assert servers_file(machine, servers("opencode")) == tmp_path / ".config/opencode/opencode.jsonc"


def test_an_agent_is_found_by_its_program_or_its_folder(tmp_path: Path) -> None:
    program = tmp_path / "bin" / f"gemini{EXE}"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / ".cursor").mkdir()
    machine = Machine({"HOME": str(tmp_path), "PATH": str(program.parent)}, tmp_path, "linux")

    assert [one.name for one in present(machine)] == ["cursor", "gemini"]


@pytest.mark.parametrize("name", [one.name for one in AGENTS])
def test_the_page_shows_what_is_written(name: str) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")
    section = page.split(f"### {agent(name).title}\n")[1].split("### ")[0]
    shown = section.split("```json\n" if "```json" in section else "```toml\n")[1].split("```")[0]
    empty = "" if name == "codex" else "{}\n"

    assert put(name, empty, Command("memory-client")).text == shown


def test_paths_are_shown_as_people_write_them(tmp_path: Path) -> None:
    machine = Machine({"HOME": str(tmp_path)}, tmp_path / "shop")

    assert machine.shown(tmp_path / ".claude.json") == "~/.claude.json"
    assert machine.shown(tmp_path / "shop" / ".mcp.json") == ".mcp.json"
    assert machine.shown(Path("/etc/x")) == str(Path("/etc/x"))
