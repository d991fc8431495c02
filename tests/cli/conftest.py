"""The same commands on a machine with its own server, and on one that uses a server elsewhere."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.bridges import no_server_left
from support.machines import Machine
from support.platforms import WINDOWS
from support.servers import running_server

NOT_HERE = dict.fromkeys(("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "OPENCODE_CONFIG"), "")
UNLIMITED = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}


@pytest.fixture(scope="session")
def local_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("local") / "home", MEMORY_CLIENT_ID="laptop")
    yield machine
    assert machine.run("stop").code == 0


@pytest.fixture(scope="session")
def remote_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("remote")
    with running_server(folder / "data", api_key="s3cret", env=UNLIMITED) as server:
        settings = {"MEMORY_SERVER": server.url, "MEMORY_API_KEY": "s3cret", "MEMORY_CLIENT_ID": "laptop"}
        yield Machine(folder / "home", **settings)


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Machine]:
    """A machine of its own, on which no agent is configured elsewhere than at home."""
    home = tmp_path / "home"
    # Windows has another folder for them; where it is, is not what these tests are about.
    settings = {"XDG_CONFIG_HOME": str(home / ".config")} if WINDOWS else {}
    machine = Machine(home, **NOT_HERE, **settings)
    with no_server_left(machine.home / ".claude-memory"):
        yield machine


@pytest.fixture(params=["local", "remote"])
def machine(request: pytest.FixtureRequest) -> Machine:
    found = request.getfixturevalue(f"{request.param}_machine")
    assert isinstance(found, Machine)
    return found


@pytest.fixture
def project() -> str:
    """A project that no other test knows: they share a server."""
    return f"p-{uuid.uuid4().hex[:8]}"
