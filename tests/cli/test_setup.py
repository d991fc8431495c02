"""`claude-memory setup` with real files, a real bridge and real servers: what it writes, tries, and takes back."""

import json
import os
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.bridges import no_server_left
from support.machines import COMMAND, Machine, Ran
from support.platforms import EXE, WINDOWS, cannot_have_modes, closed_to_others, posix_only
from support.servers import RunningServer, running_server
from support.sockets import free_port

KEY = "a-key-$with'signs"
BRIDGE = COMMAND.with_name(f"memory-client{EXE}")
CLAUDE_JSON = (
    b'{\n  "numStartups": 3,\n  "mcpServers": {\n    "git": {"command": "uvx", "args": ["mcp-server-git"]}\n  }\n}'
)
SETTINGS = b"""\xef\xbb\xbf{\r
\t"hooks": {\r
\t\t"Stop": [\r
\t\t\t{"matcher": "", "hooks": [{"type": "command", "command": "say done"}]} // mine\r
\t\t]\r
\t},\r
\t"model": "opus", // the best\r
}\r
"""
CODEX = b'# mine\nmodel = "o5"\n\n[mcp_servers.git]\ncommand = "uvx"\n'
EVENTS = {"SessionStart": 5, "UserPromptSubmit": 5, "PostCompact": 5, "SubagentStart": 5, "Stop": 10, "SessionEnd": 2}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server") / "data", api_key=KEY) as running:
        yield running


def keep(file: Path, data: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def plain(file: Path) -> Any:
    return json.loads(file.read_bytes())


def everything(folder: Path) -> dict[str, bytes]:
    """All files but those of the local server and of undo."""
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    ours = (".claude-memory/", ".config/claude-memory/undo/", ".cache/")
    return {name: file.read_bytes() for name, file in found.items() if not name.startswith(ours)}


def done(ran: Ran) -> str:
    assert ran.code == 0, ran.out + ran.err
    return ran.out


def test_claude_code_is_wired_tried_left_alone_and_put_back(laptop: Machine) -> None:
    claude = keep(laptop.home / ".claude.json", CLAUDE_JSON)
    settings = keep(laptop.home / ".claude" / "settings.json", SETTINGS)
    claude.chmod(0o600)

    said = done(laptop.run("setup", "claude-code"))

    assert "~/.claude.json: added the server memory" in said
    assert "~/.claude/settings.json: added 6 hooks" in said
    assert " tools; memory_stats: 0 memories" in said
    assert plain(claude) == json.loads(CLAUDE_JSON) | {
        "mcpServers": {
            "git": {"command": "uvx", "args": ["mcp-server-git"]},
            "memory": {"type": "stdio", "command": str(BRIDGE), "args": []},
        }
    }
    assert closed_to_others(claude)
    text = settings.read_bytes()
    assert text.startswith(b'\xef\xbb\xbf{\r\n\t"hooks": {\r\n\t\t"Stop": [\r\n')
    assert b"// mine\r\n" in text
    assert b'"model": "opus", // the best\r\n}\r\n' in text
    assert text.count(b"\n") == text.count(b"\r\n")

    before = everything(laptop.home)
    assert "nothing to change" in done(laptop.run("setup", "claude-code"))
    assert everything(laptop.home) == before

    assert "took out 6 hooks" in done(laptop.run("setup", "--remove"))
    assert (claude.read_bytes(), settings.read_bytes()) == (CLAUDE_JSON, SETTINGS)
    assert "There is nothing of this memory" in done(laptop.run("setup", "--remove"))


def test_hooks_are_what_claude_code_documents(laptop: Machine) -> None:
    done(laptop.run("setup", "claude-code"))

    hooks = plain(laptop.home / ".claude" / "settings.json")["hooks"]
    assert list(hooks) == list(EVENTS)
    for event, ((group,), timeout_s) in zip(hooks, zip(hooks.values(), EVENTS.values(), strict=True), strict=True):
        (handler,) = group["hooks"]
        waits = {} if event != "Stop" else {"async": True}
        assert handler == {"type": "command", "command": str(BRIDGE), "args": ["hook"], "timeout": timeout_s, **waits}


def test_hooks_run_as_they_are_configured(laptop: Machine) -> None:
    """Started as Claude Code starts them: no shell, the event on standard input."""
    done(laptop.run("setup", "claude-code"))
    assert laptop.run("list", "--global", "--json").json["memories"] == []  # trying it left nothing behind
    done(laptop.run("add", "We deploy on Fridays", "--type", "decision", "--no-project"))

    said = {}
    for event, (group,) in plain(laptop.home / ".claude" / "settings.json")["hooks"].items():
        (handler,) = group["hooks"]
        document = {"session_id": "s", "cwd": str(laptop.folder), "hook_event_name": event, "source": "startup"}
        ran = subprocess.run(
            [handler["command"], *handler["args"]],
            input=json.dumps({**document, "prompt": "When do we deploy?"}).encode(),
            env=laptop.env,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, b"")
        said[event] = ran.stdout

    # Or nothing, where this machine is too busy for the time that a hook has.
    assert b"We deploy on Fridays" in (said["SessionStart"] or b"We deploy on Fridays")


def test_every_agent_gets_its_own_form_and_all_of_it_can_be_taken_back(laptop: Machine) -> None:
    codex = keep(laptop.home / ".codex" / "config.toml", CODEX)
    before = everything(laptop.home)

    done(laptop.run("setup", "all"))

    home, plainly = laptop.home, {"command": str(BRIDGE), "args": []}
    programs = home / "AppData" / "Roaming" if WINDOWS else home / ".config"
    assert plain(home / ".claude.json") == {"mcpServers": {"memory": {"type": "stdio", **plainly}}}
    assert plain(programs / "Claude" / "claude_desktop_config.json") == {"mcpServers": {"memory": plainly}}
    assert plain(home / ".cursor" / "mcp.json")["mcpServers"]["memory"]["env"] == {
        "CLAUDE_PROJECT_DIR": "${workspaceFolder}"
    }
    assert plain(programs / "Code" / "User" / "mcp.json") == {"servers": {"memory": {"type": "stdio", **plainly}}}
    assert plain(home / ".gemini" / "settings.json") == {"mcpServers": {"memory": plainly}}
    assert plain(home / ".config" / "opencode" / "opencode.json") == {
        "mcp": {"memory": {"type": "local", "command": [str(BRIDGE)], "enabled": True}}
    }
    assert codex.read_bytes().startswith(CODEX)
    assert tomllib.loads(codex.read_text(encoding="utf-8"))["mcp_servers"]["memory"] == plainly

    done(laptop.run("setup", "--undo"))
    assert everything(laptop.home) == before
    assert laptop.run("setup", "--undo").code == 3


def test_a_server_and_its_key_are_kept_apart_from_the_agents(laptop: Machine, server: RunningServer) -> None:
    said = laptop.run("--server", server.url, "setup", "claude-code", "--api-key-file", "-", stdin=f"{KEY}\n")

    done(said)
    assert f"Tried with {server.url}" in said.out
    kept = laptop.home / ".config" / "claude-memory"
    assert (kept / "key").read_text(encoding="utf-8") == f"{KEY}\n"
    assert closed_to_others(kept / "key")
    assert closed_to_others(kept / "env")
    others = everything(laptop.home)
    del others[".config/claude-memory/key"]
    assert not any(KEY.encode() in data for data in others.values())
    assert not any(server.url.encode() in data for name, data in others.items() if "claude-memory" not in name)

    # Neither the bridge nor the command needs an environment from now on; a shell can read it all the same.
    kept_memory = laptop.run("add", "We deploy on Fridays", "--no-project")
    assert kept_memory.code == 0, kept_memory.err
    assert laptop.run("status", "--json").json["url"] == server.url
    assert "nothing to change" in done(laptop.run("setup", "claude-code"))


def test_a_refused_key_changes_nothing(laptop: Machine, server: RunningServer) -> None:
    keep(laptop.home / ".claude.json", CLAUDE_JSON)
    before = everything(laptop.home)

    wrong = laptop.run("setup", "claude-code", "--server", server.url, env={"MEMORY_API_KEY": "wrong"})
    none = laptop.run("setup", "claude-code", "--server", server.url)

    for ran, hint in ((wrong, "the key is wrong"), (none, "with --api-key-file")):
        assert ran.code == 1
        assert f"{server.url} does not let this machine in" in ran.err
        assert hint in ran.err
        assert "nothing was changed" in ran.err
    assert everything(laptop.home) == before


def test_a_server_that_is_away_leaves_the_configuration_and_says_so(laptop: Machine) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    ran = laptop.run("setup", "codex", "--server", url, env={"MEMORY_API_KEY": KEY})

    assert ran.code == 1
    assert "It does not work yet: " in ran.out
    assert url in ran.out
    assert "--remove" in ran.out
    assert (laptop.home / ".codex" / "config.toml").exists()


def test_the_local_server_can_be_meant_again(laptop: Machine, server: RunningServer) -> None:
    done(laptop.run("setup", "codex", "--server", server.url, env={"MEMORY_API_KEY": KEY}))

    assert "this machine's own server" in done(laptop.run("setup", "codex", "--server", "local"))
    assert "export MEMORY_SERVER=local\n" in (laptop.home / ".config" / "claude-memory" / "env").read_text(
        encoding="utf-8"
    )
    assert laptop.run("status", "--json").json["local"]


def test_a_data_directory_of_ones_own_is_kept_for_agents_without_a_shell(laptop: Machine) -> None:
    mine = laptop.home / "mine"
    with no_server_left(mine):
        done(laptop.run("setup", "codex", env={"MEMORY_DATA_DIR": str(mine)}))

        env = (laptop.home / ".config" / "claude-memory" / "env").read_text(encoding="utf-8")
        assert f"export MEMORY_DATA_DIR={shlex.quote(str(mine))}\n" in env
        assert laptop.run("status", "--json").json["data_dir"] == str(mine)
        assert "nothing to change" in done(laptop.run("setup", "codex"))


def test_other_lines_of_the_settings_file_stay(laptop: Machine, server: RunningServer) -> None:
    env = keep(laptop.home / ".config" / "claude-memory" / "env", b"# mine\nexport MEMORY_HOOKS=context\n")

    done(
        laptop.run("setup", "codex", "--server", server.url, env={"MEMORY_API_KEY": KEY, "MEMORY_CLIENT_ID": "laptop"})
    )

    assert env.read_text(encoding="utf-8").splitlines() == [
        "# mine",
        "export MEMORY_HOOKS=context",
        f"export MEMORY_SERVER={server.url}",
        f"export MEMORY_API_KEY_FILE={shlex.quote(str(env.with_name('key')))}",
        "export MEMORY_CLIENT_ID=laptop",
    ]


def test_a_line_of_the_settings_file_that_sets_several_variables_is_not_taken_apart(laptop: Machine) -> None:
    line = b"export MEMORY_SERVER=http://memory.lan:8420 MEMORY_HOOKS=off\n"
    env = keep(laptop.home / ".config" / "claude-memory" / "env", line)

    ran = laptop.run("setup", "codex", "--server", "http://127.0.0.1:9", env={"MEMORY_API_KEY": KEY})

    assert ran.code != 0
    assert "give each a line of its own" in ran.err
    assert env.read_bytes() == line


def test_a_quoted_value_and_a_remark_behind_one_are_no_further_variables(
    laptop: Machine, server: RunningServer
) -> None:
    lines = b"export MEMORY_CLIENT_ID='my laptop'\nexport MEMORY_SERVER=http://old.lan:8420 # the old one\n"
    env = keep(laptop.home / ".config" / "claude-memory" / "env", lines)

    done(laptop.run("setup", "codex", "--server", server.url, env={"MEMORY_API_KEY": KEY}))

    assert env.read_text(encoding="utf-8").splitlines()[:2] == [
        "export MEMORY_CLIENT_ID='my laptop'",
        f"export MEMORY_SERVER={server.url}",
    ]


def test_a_settings_folder_that_cannot_be_there_is_one_sentence(laptop: Machine, server: RunningServer) -> None:
    keep(laptop.home / ".config", b"a file where a folder should be")

    ran = laptop.run("setup", "codex", "--server", server.url, env={"MEMORY_API_KEY": KEY})

    assert ran.code == 1
    assert str(Path(".config/claude-memory")) in ran.err
    assert "mistake of ours" not in ran.err


def test_print_shows_the_difference_and_does_nothing(laptop: Machine, server: RunningServer) -> None:
    keep(laptop.home / ".claude.json", CLAUDE_JSON)
    before = everything(laptop.home)

    shown = done(laptop.run("setup", "all", "--print", "--server", server.url, env={"MEMORY_API_KEY": KEY}))

    assert '+    "memory": {' in shown
    assert "+[mcp_servers.memory]" in shown
    assert f"+export MEMORY_SERVER={server.url}" in shown
    assert "+(a key, readable by you alone)" in shown
    assert KEY not in shown
    assert everything(laptop.home) == before


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("claude-code", b'{\n  "mcpServers": {\n  oops\n}', "line 3, column 3"),
        ("claude-code", b'{"mcpServers": []}', "mcpServers is no object"),
        ("claude-code", b"\xff\xfe{\x00}\x00", "no UTF-8 text"),
        ("codex", b"[mcp_servers\n", "line 1"),
        ("codex", b"mcp_servers = { git = { command = 'x' } }\n", "in a way that is not edited here"),
    ],
)
def test_a_file_that_is_not_understood_stops_everything(laptop: Machine, name: str, data: bytes, fault: str) -> None:
    place = {"claude-code": ".claude.json", "codex": ".codex/config.toml"}[name]
    keep(laptop.home / place, data)
    before = everything(laptop.home)

    ran = laptop.run("setup", "cursor", name)

    assert ran.code == 1
    assert str(Path(place)) in ran.err
    assert fault in ran.err
    assert everything(laptop.home) == before


def test_a_file_that_cannot_be_written_is_one_sentence_and_nothing_is_half_done(laptop: Machine) -> None:
    if cannot_have_modes():
        (laptop.home / ".codex").write_text("a file where a folder should be", encoding="utf-8")
    else:
        keep(laptop.home / ".codex" / "other", b"").parent.chmod(0o500)
    before = everything(laptop.home)

    ran = laptop.run("setup", "claude-code", "codex")

    assert ran.code == 1
    assert f"{Path('.codex/config.toml')} cannot be" in ran.err
    assert everything(laptop.home) == before


def test_a_link_is_followed_and_stays_a_link(laptop: Machine) -> None:
    real = keep(laptop.home / "dotfiles" / "claude.json", CLAUDE_JSON)
    link = laptop.home / ".claude.json"
    link.symlink_to(real)

    done(laptop.run("setup", "claude-code"))

    assert link.is_symlink()
    assert "memory" in plain(real)["mcpServers"]


def test_a_change_made_since_survives_removing_and_undoing(laptop: Machine) -> None:
    claude = keep(laptop.home / ".claude.json", b'{\n  "numStartups": 3\n}\n')
    done(laptop.run("setup", "claude-code"))
    claude.write_bytes(claude.read_bytes().replace(b'"numStartups": 3', b'"numStartups": 4'))

    undone = laptop.run("setup", "--undo")
    assert undone.code == 1
    assert f"{claude} was changed since, and stays" in undone.err
    (before,) = [word for word in undone.err.split() if "undo" in Path(word).parts]
    assert plain(Path(before)) == {"numStartups": 3}
    done(laptop.run("setup", "--remove"))
    assert claude.read_bytes() == b'{\n  "numStartups": 4\n}\n'


@posix_only("its uvx is a shell script")
def test_in_a_project_stands_nothing_of_this_machine(laptop: Machine) -> None:
    """A stand-in for uvx: it starts the bridge that is here."""
    shop = laptop.repository("shop")
    uvx = keep(laptop.home / "bin" / "uvx", f'#!/bin/sh\nshift\nexec "{BRIDGE}" "$@"\n'.encode())
    uvx.chmod(0o755)
    (shop / "src").mkdir()
    path = {"PATH": f"{uvx.parent}:{os.environ['PATH']}"}

    said = done(laptop.run("setup", "claude-code", "codex", "vscode", "--project", cwd=shop / "src", env=path))

    assert ".mcp.json: added the server memory: uvx memory-client" in said
    assert "asks each person once" in said
    written = {
        file.relative_to(shop).as_posix(): file.read_text(encoding="utf-8")
        for file in shop.rglob("*.[jt]*")
        if ".git/" not in str(file)
    }
    assert set(written) == {".mcp.json", ".claude/settings.json", ".codex/config.toml", ".vscode/mcp.json"}
    assert not any(str(laptop.home) in text or "MEMORY_" in text for text in written.values())
    done(laptop.run("setup", "--remove", "--project", cwd=shop, env=path))
    assert list(shop.rglob("*.[jt]*")) == []


def test_without_a_name_the_agents_found_are_named(laptop: Machine) -> None:
    (laptop.home / ".cursor").mkdir()
    keep(laptop.home / ".codex" / "config.toml", CODEX)
    nowhere = {"PATH": str(BRIDGE.parent)}

    told = laptop.run("setup", env=nowhere)
    assert (told.code, told.out) == (2, "")
    assert "name the agents, or all: claude-memory setup codex cursor" in told.err

    asked = laptop.on_terminal("setup", "--no-import", types="cursor\n", env=nowhere)
    assert asked.code == 0, asked.out
    assert "On this machine: codex cursor." in asked.out
    assert (laptop.home / ".cursor" / "mcp.json").exists()
    assert (laptop.home / ".codex" / "config.toml").read_bytes() == CODEX


def test_a_key_is_asked_for_without_being_shown(laptop: Machine, server: RunningServer) -> None:
    asked = laptop.on_terminal("setup", "codex", "--server", server.url, types=f"{KEY}\n")

    assert asked.code == 0, asked.out
    assert KEY not in asked.out
    assert (laptop.home / ".config" / "claude-memory" / "key").read_text(encoding="utf-8") == f"{KEY}\n"


def test_beside_our_plugin_nothing_is_put_in(laptop: Machine) -> None:
    settings = keep(laptop.home / ".claude" / "settings.json", b'{"enabledPlugins": {"memory@memory-tools": true}}')

    said = done(laptop.run("setup", "claude-code"))

    assert "The plugin memory@memory-tools brings all of this" in said
    assert settings.read_bytes() == b'{"enabledPlugins": {"memory@memory-tools": true}}'
    assert not (laptop.home / ".claude.json").exists()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("emacs",), "there is no agent 'emacs'; there are claude-code"),
        (("codex", "--user", "--project"), "exclude each other"),
        (("claude-desktop", "--project"), "Claude Desktop has no configuration for a single project"),
        (("codex", "--api-key-file", "nowhere", "--server", "http://127.0.0.1:9"), "nowhere cannot be read"),
        (("codex", "--api-key-file", "-", "--server", "http://127.0.0.1:9"), "there is no key in what was given"),
        (("codex", "--api-key-file", "-"), "there is no key"),
        (("codex", "--server", "memory.lan:8420"), "has no scheme"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(laptop: Machine, flags: tuple[str, ...], sentence: str) -> None:
    ran = laptop.run("setup", *flags)

    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
    assert ran.err.count("\n") == 1


def test_programs_get_it_as_data(laptop: Machine) -> None:
    report = laptop.run("--json", "setup", "codex").json

    assert report["server"] == "local"
    assert report["changed"]
    assert report["agents"][0]["starts"] == [str(BRIDGE)]
    assert report["failed"] is None
