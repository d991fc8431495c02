"""The whole story with real processes: said on the laptop, found on the desktop after a restart, and by nobody else."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.bridges import bridge, machine, text_of
from support.servers import RunningServer, running_server

KEY = "9f1c7d0e5b3a42e88f6d"
MODEL = {"MEMORY_EMBEDDER": "onnx:all-MiniLM-L6-v2"}
SAID = "We deploy on Fridays, only after lunch"
ASKED = "release schedule"  # no word in common


class Machine:
    """A computer of somebody's: a home, a name, and the server's address and key in its environment."""

    def __init__(self, home: Path, server: RunningServer, *, key: str = KEY, project: str = "shop") -> None:
        self.environ = machine(
            home, MEMORY_SERVER=server.url, MEMORY_API_KEY=key, MEMORY_CLIENT_ID=home.name, MEMORY_PROJECT=project
        )

    def agent(self, tool: str, **arguments: object) -> str:
        """What an agent is answered through memory-client on standard input and output."""
        with bridge(self.environ) as client:
            client.initialize()
            return text_of(client.call(tool, **arguments))

    def shell(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name("claude-memory"), *arguments]
        return subprocess.run(command, env=self.environ, capture_output=True, encoding="utf-8", check=False)

    def found(self, query: str) -> list[str]:
        """Contents, by the command claude-memory."""
        searched = self.shell("search", query, "--json")
        assert searched.returncode == 0, searched.stderr
        return [hit["content"] for hit in json.loads(searched.stdout)["results"]]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "server"


@pytest.fixture
def server(data_dir: Path) -> Iterator[RunningServer]:
    with running_server(data_dir, api_key=KEY, env=MODEL) as running:
        yield running


def test_said_on_the_laptop_it_is_found_by_meaning_on_the_desktop_after_a_restart(
    tmp_path: Path, data_dir: Path
) -> None:
    with running_server(data_dir, api_key=KEY, env=MODEL) as server:
        kept = Machine(tmp_path / "laptop", server).agent("memory_add", content=SAID, memory_type="decision")
        assert "Kept" in kept or "kept" in kept, kept

    with running_server(data_dir, api_key=KEY, env=MODEL) as server:
        desktop = Machine(tmp_path / "desktop", server)

        assert desktop.found(ASKED) == [SAID]
        recalled = desktop.agent("memory_search", query=ASKED)
        assert SAID in recalled
        assert "laptop" in recalled, "where it comes from is part of the answer"


def test_another_project_does_not_see_it(tmp_path: Path, server: RunningServer) -> None:
    Machine(tmp_path / "laptop", server).agent("memory_add", content=SAID)
    elsewhere = Machine(tmp_path / "desktop", server, project="garden")

    assert elsewhere.found(ASKED) == []
    assert SAID not in elsewhere.agent("memory_search", query=ASKED)
    assert SAID not in elsewhere.agent("memory_context")
    assert elsewhere.shell("list").stdout == ""


@pytest.mark.parametrize("key", ["", "wrong"])
def test_without_the_key_nothing_is_seen_and_nothing_is_kept(tmp_path: Path, server: RunningServer, key: str) -> None:
    laptop = Machine(tmp_path / "laptop", server)
    laptop.agent("memory_add", content=SAID)
    stranger = Machine(tmp_path / "stranger", server, key=key)

    for command in (["search", ASKED], ["context"], ["add", "mine"]):  # few, because wrong keys are counted
        answered = stranger.shell(*command)
        assert answered.returncode != 0, command
        assert answered.stdout == ""
        assert "key" in answered.stderr
    assert SAID not in stranger.agent("memory_search", query=ASKED)
    assert "key" in stranger.agent("memory_add", content="mine")
    assert laptop.found("mine") == [SAID], "the only memory there is"


def test_no_route_answers_without_the_key(server: RunningServer) -> None:
    """Every route the server documents, and /mcp, which it does not."""
    routes = httpx.get(f"{server.url}/openapi.json", headers={"X-API-Key": KEY}).json()["paths"]
    assert len(routes) >= 10
    calls = [(method, path) for path, methods in routes.items() for method in methods]
    calls += [("post", "/mcp"), ("get", "/mcp"), ("get", "/docs"), ("get", "/openapi.json"), ("get", "/nowhere")]

    answers = {
        (m, path): httpx.request(m, server.url + path.replace("{memory_id}", "abcd")).status_code for m, path in calls
    }

    open_routes = {call for call, status in answers.items() if status != 401}
    assert open_routes == {("get", "/health"), ("get", "/health/live"), ("get", "/health/ready")}
