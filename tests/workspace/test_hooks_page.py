"""The settings that docs/hooks.md prints work as printed: each command, with the JSON of its event, on a server."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.bridges import machine
from support.platforms import posix_only
from support.rpc import ACCEPT, answer_of
from support.servers import RunningServer, running_server

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
KEY = "9f1c7d0e5b3a42e88f6d"
SAID = "We deploy on Fridays, only after lunch"
FIELDS = {
    "SessionStart": {"source": "startup"},
    "UserPromptSubmit": {"prompt": "When do we deploy?"},
    "SubagentStart": {"agent_id": "a1", "agent_type": "Explore"},
    "PostCompact": {"trigger": "auto", "compact_summary": "We chose DuckDB."},
    "Stop": {"stop_hook_active": False, "last_assistant_message": "We decided to wait."},
    "SessionEnd": {"reason": "other"},
}
BLOCKS = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)]
(SCRIPT,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
AS_PRINTED_ELSEWHERE = 5_000  # seconds: what the founding document says, and the page warns of


@dataclass(frozen=True)
class Handler:
    block: int
    event: str
    settings: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.block}-{self.event}"


HANDLERS = [
    Handler(number, event, handler)
    for number, block in enumerate(BLOCKS)
    for event, groups in block.get("hooks", {}).items()
    for group in groups
    for handler in group["hooks"]
]
COMMANDS = [handler for handler in HANDLERS if handler.settings["type"] == "command"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With one memory. Each test is a session of its own."""
    with running_server(tmp_path_factory.mktemp("hooks") / "server", api_key=KEY) as running:
        headers = {"X-API-Key": KEY, "X-Project-ID": "shop"}
        memory = {"content": SAID, "memory_type": "decision"}
        httpx.post(f"{running.url}/memories", json=memory, headers=headers).raise_for_status()
        yield running


@pytest.fixture
def environ(tmp_path: Path, server: RunningServer) -> dict[str, str]:
    home = tmp_path / "home"
    script = home / ".claude" / "hooks" / "memory.sh"
    script.parent.mkdir(parents=True)
    script.write_text(SCRIPT, encoding="utf-8")
    script.chmod(0o755)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return machine(
        home, MEMORY_SERVER=server.url, MEMORY_API_KEY=KEY, MEMORY_CLIENT_ID="desk", MEMORY_PROJECT="shop", PATH=path
    )


def test_every_event_that_hooks_serve_is_on_the_page() -> None:
    assert {handler.event for handler in HANDLERS} == set(FIELDS)
    assert all(f"| `{event}` |" in PAGE for event in FIELDS)


@posix_only("the page has commands for a shell")
@pytest.mark.parametrize("handler", COMMANDS, ids=str)
def test_a_command_works_as_printed(
    handler: Handler, server: RunningServer, environ: dict[str, str], tmp_path: Path
) -> None:
    common = {"session_id": str(handler), "cwd": str(tmp_path), "hook_event_name": handler.event}
    event = {**common, **FIELDS[handler.event]}
    if "memory.sh" in handler.settings["command"]:  # the server has to know the directory that it names
        place = {"directory": str(tmp_path), "project_id": "shop"}
        headers = {"X-API-Key": KEY, "X-Client-ID": environ["MEMORY_CLIENT_ID"]}
        httpx.post(f"{server.url}/places", json=place, headers=headers).raise_for_status()
    command, arguments = handler.settings["command"], handler.settings.get("args")
    given = ["bash", "-c", command] if arguments is None else [command, *arguments]

    ended = subprocess.run(
        given, input=json.dumps(event).encode(), env=environ, cwd=tmp_path, capture_output=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    tells = handler.event in ("SessionStart", "UserPromptSubmit", "SubagentStart")
    assert (SAID in ended.stdout.decode()) == tells
    if "context" not in command and tells:
        assert json.loads(ended.stdout)["hookSpecificOutput"]["hookEventName"] == handler.event


def test_times_are_in_seconds() -> None:
    for handler in HANDLERS:
        is_founding = "claude-memory context" in handler.settings.get("command", "")
        assert handler.settings["timeout"] <= (AS_PRINTED_ELSEWHERE if is_founding else 5), handler


def test_a_hook_that_calls_a_tool_names_one_that_there_is(server: RunningServer) -> None:
    (called,) = [handler.settings for handler in HANDLERS if handler.settings["type"] == "mcp_tool"]
    listed = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"X-API-Key": KEY} | ACCEPT
    answer = httpx.post(f"{server.url}/mcp", json=listed, headers=headers)

    tool = next(tool for tool in answer_of(answer)["result"]["tools"] if tool["name"] == called["tool"])
    assert set(called["input"]) <= set(tool["inputSchema"]["properties"])
