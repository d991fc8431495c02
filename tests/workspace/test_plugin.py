"""The plugin as Claude Code would take it: its files are valid, what they name exists, and what they start runs."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml  # type: ignore[import-untyped]

from memory_cli.main import main
from memory_core.types import MemoryType
from memory_server.tools import TOOLS
from support import plugin_schemas
from support.bridges import bridge
from support.servers import RunningServer, environment, running_server

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "plugins" / "memory"
KEY = "the plugin's key"
TEXTS = sorted([*PLUGIN.glob("commands/*.md"), *PLUGIN.glob("skills/*/SKILL.md")])
HOOKS: dict[str, Any] = json.loads((PLUGIN / "hooks/hooks.json").read_text("utf-8"))["hooks"]
MANIFEST: dict[str, Any] = json.loads((PLUGIN / ".claude-plugin/plugin.json").read_text("utf-8"))
MARKETPLACE: dict[str, Any] = json.loads((ROOT / ".claude-plugin/marketplace.json").read_text("utf-8"))
# What Claude Code writes to a hook's standard input beside session_id, transcript_path, cwd and hook_event_name.
GIVEN: dict[str, dict[str, Any]] = {
    "SessionStart": {"source": "startup", "model": "some-model"},
    "UserPromptSubmit": {"permission_mode": "default", "prompt": "On which day do we deploy?"},
    "SubagentStart": {"agent_id": "a1", "agent_type": "Explore"},
    "PostCompact": {"trigger": "auto", "compact_summary": "We chose Friday for deployments."},
    "Stop": {"permission_mode": "default", "stop_hook_active": False, "last_assistant_message": "Done."},
    "SessionEnd": {"reason": "prompt_input_exit"},
}
FRONTMATTER = {"name", "description", "argument-hint", "allowed-tools", "disable-model-invocation"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server") / "data", api_key=KEY) as running:
        yield running


@pytest.fixture
def as_plugin(server: RunningServer, tmp_path: Path) -> dict[str, str]:
    """The environment of a plugin's process in which the user has answered all three questions."""
    answers = {"SERVER_URL": server.url, "API_KEY": KEY, "CLIENT_ID": "laptop"}
    home = tmp_path / "home"
    home.mkdir()
    return {
        **environment(),
        **{f"CLAUDE_PLUGIN_OPTION_{name}": value for name, value in answers.items()},
        "HOME": str(home),
        "USERPROFILE": str(home),
        "CLAUDE_PROJECT_DIR": str(tmp_path),
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
    }


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        (".claude-plugin/marketplace.json", plugin_schemas.MARKETPLACE),
        ("plugins/memory/.claude-plugin/plugin.json", plugin_schemas.PLUGIN),
        ("plugins/memory/hooks/hooks.json", plugin_schemas.HOOKS),
    ],
)
def test_a_file_is_what_claude_code_takes(file: str, schema: dict[str, Any]) -> None:
    jsonschema.validate(json.loads((ROOT / file).read_text("utf-8")), schema)


def test_the_marketplace_leads_to_the_plugin() -> None:
    (listed,) = MARKETPLACE["plugins"]

    assert (ROOT / listed["source"]).resolve() == PLUGIN
    assert listed["name"] == MANIFEST["name"] == PLUGIN.name


def test_there_is_a_hook_for_each_event_that_memory_has_to_do_with() -> None:
    assert sorted(HOOKS) == sorted(plugin_schemas.EVENTS) == sorted(GIVEN)


def test_each_hook_names_its_event_and_none_but_stop_runs_unattended() -> None:
    for event, hook in each_hook():
        assert hook["args"][-1] == event
        assert hook.get("async", False) == (event == "Stop")


def test_the_mcp_server_is_given_every_answer_of_the_user_and_nothing_else() -> None:
    (entry,) = MANIFEST["mcpServers"].values()

    wanted = {f"CLAUDE_PLUGIN_OPTION_{key.upper()}": f"${{user_config.{key}}}" for key in MANIFEST["userConfig"]}
    assert entry["env"] == wanted


def test_only_the_key_is_a_secret() -> None:
    assert [key for key, option in MANIFEST["userConfig"].items() if option.get("sensitive")] == ["api_key"]


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.stem)
def test_skill_and_commands_say_when_they_are_for_and_use_tools_that_exist(file: Path) -> None:
    head, body = parts(file)

    assert set(head) <= FRONTMATTER
    assert 20 < len(head["description"]) < 1024
    assert len(body.splitlines()) < 150
    allowed = re.findall(r"Bash\([^)]*\)|\S+", head.get("allowed-tools", ""))
    for tool in allowed:
        assert tool.startswith(("mcp__plugin_memory_memory__", "Bash(claude-memory "))
        assert tool.startswith("Bash") or tool.removeprefix("mcp__plugin_memory_memory__") in tools()


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.stem)
def test_what_changes_memories_asks_or_was_asked_for(file: Path) -> None:
    """Deleting is never allowed beforehand."""
    allowed = parts(file)[0].get("allowed-tools", "")

    assert "memory_delete" not in allowed
    assert not re.search(r"claude-memory (delete|purge|review (keep|merge|supersede))", allowed)


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.stem)
def test_tools_parameters_and_types_that_a_text_names_exist(file: Path) -> None:
    known = tools() | parameters() | set(MemoryType)
    for span in re.findall(r"`([^`\n]+)`", parts(file)[1]):
        if word := re.fullmatch(r"(memory_\w+|\w+_\w+)", span):
            assert word[0] in known, span
        if given := re.fullmatch(r"(\w+): \S+", span):
            assert given[1] in parameters(), span


def test_commands_of_the_cli_that_the_texts_name_exist_with_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    for span in sorted({*named(r"`claude-memory ([^`]+)`"), *named(r"Bash\(claude-memory ([^:]+):\*\)")}):
        words = [word for word in span.split() if re.fullmatch(r"[a-z]+", word)]

        assert main([*words, "--help"]) == 0

        said = capsys.readouterr().out
        assert f"Usage: claude-memory {' '.join(words)} " in said
        for option in re.findall(r"--[\w-]+", span):
            assert option in said, span


def test_other_commands_of_the_plugin_that_a_text_names_exist() -> None:
    assert named(r"/memory:([\w-]+)") <= {file.stem for file in PLUGIN.glob("commands/*.md")}


@pytest.mark.parametrize("event", HOOKS)
def test_a_hook_starts_as_written_and_says_nothing_but_context(event: str, as_plugin: dict[str, str]) -> None:
    for hook in (hook for named, hook in each_hook() if named == event):
        ended = run_hook(hook, event, as_plugin)

        assert (ended.returncode, ended.stderr) == (0, "")
        if ended.stdout:
            assert json.loads(ended.stdout)["hookSpecificOutput"]["hookEventName"] == event


def test_a_session_starts_with_what_the_plugin_s_server_knows(as_plugin: dict[str, str], server: RunningServer) -> None:
    headers = {"X-API-Key": KEY}
    kept = httpx.post(f"{server.url}/memories", headers=headers, json={"content": "We deploy on Fridays"})
    assert kept.status_code == 201

    (entry,) = HOOKS["SessionStart"]
    ended = run_hook(entry["hooks"][0], "SessionStart", as_plugin)

    assert "We deploy on Fridays" in json.loads(ended.stdout)["hookSpecificOutput"]["additionalContext"]


def test_a_hook_whose_server_is_away_is_silent(as_plugin: dict[str, str]) -> None:
    away = as_plugin | {"CLAUDE_PLUGIN_OPTION_SERVER_URL": "http://127.0.0.1:9"}

    for event, hook in each_hook():
        ended = run_hook(hook, event, away)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_the_mcp_entry_starts_as_written_and_keeps_a_memory_under_the_machine_s_name(
    as_plugin: dict[str, str], server: RunningServer
) -> None:
    (entry,) = MANIFEST["mcpServers"].values()
    answers = {key: as_plugin[f"CLAUDE_PLUGIN_OPTION_{key.upper()}"] for key in MANIFEST["userConfig"]}
    bare = {name: value for name, value in as_plugin.items() if not name.startswith("CLAUDE_PLUGIN_OPTION_")}
    given = bare | {name: filled_in(value, answers) for name, value in entry["env"].items()}

    with bridge(given, command=[on_path(entry["command"], given), *entry["args"]]) as client:
        assert client.initialize()["result"]["serverInfo"]["name"]
        assert client.call("memory_add", content="The cat sleeps at noon")["isError"] is False

    found = httpx.get(f"{server.url}/memories?global_search=true", headers={"X-API-Key": KEY}).json()["memories"]
    assert [memory["client_id"] for memory in found if memory["content"] == "The cat sleeps at noon"] == ["laptop"]


def run_hook(hook: dict[str, Any], event: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    folder = env["CLAUDE_PROJECT_DIR"]
    common = {"session_id": "0b7e", "transcript_path": f"{folder}/t.jsonl", "cwd": folder, "hook_event_name": event}
    return subprocess.run(
        [on_path(hook["command"], env), *hook["args"]],
        env=env, cwd=folder, input=json.dumps(common | GIVEN[event]), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def on_path(command: str, env: dict[str, str]) -> str:
    found = shutil.which(command, path=env["PATH"])
    assert found is not None, command
    return found


def each_hook() -> Iterator[tuple[str, dict[str, Any]]]:
    for event, groups in HOOKS.items():
        for group in groups:
            yield from ((event, hook) for hook in group["hooks"])


def named(pattern: str) -> set[str]:
    return {found for file in [*TEXTS, PLUGIN / "README.md"] for found in re.findall(pattern, file.read_text("utf-8"))}


def parts(file: Path) -> tuple[dict[str, Any], str]:
    _, head, body = file.read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def filled_in(value: str, answers: dict[str, str]) -> str:
    return re.sub(r"\$\{user_config\.(\w+)\}", lambda named: answers[named[1]], value)


def tools() -> set[str]:
    return {tool.name for tool in TOOLS}


def parameters() -> set[str]:
    return {name for tool in TOOLS for name in tool.arguments.__struct_fields__}
