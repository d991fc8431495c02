"""scripts/install-docker.sh from beginning to end: install, again, change, upgrade, uninstall, and in trouble."""

import functools
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from support.consoles import alike, left_to, run
from support.containers import Engine, run_script, thorough
from support.sockets import free_port

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("docker", "packages", "scripts", "pyproject.toml", "uv.lock", "LICENSE", ".dockerignore")
SHOWN = re.compile(r"The key, shown this once: (\S+)")


class Machine:
    """A clone of its own, a name of its own for the containers, and what a person types there."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.settings = folder / "docker" / ".env"
        self.volume = f"test-{uuid4().hex[:12]}"
        self.port = free_port()
        self._script = folder / "scripts" / "install-docker.sh"
        self._own = {"COMPOSE_PROJECT_NAME": self.volume}
        for name in NEEDED:
            copy = functools.partial(shutil.copytree, symlinks=True) if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, folder / name)
        self.settings.unlink(missing_ok=True)

    def type(self, *arguments: str, typed: str = "") -> str:
        ended = self.try_to(*arguments, typed=typed)
        assert ended.returncode == 0, f"{arguments}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def try_to(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return run_script(self._script, *arguments, env=self._own, typed=typed)

    @property
    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MEMORY_")}
        return clean | self._own

    def install(self) -> str:
        """The key it shows."""
        at = ("--bind", "127.0.0.1", "--port", str(self.port))
        said = self.type(*at, "--volume", self.volume)
        found = SHOWN.search(said)
        assert found, said
        return found[1]

    def client(self, key: str) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers={"X-API-Key": key}, timeout=30)


@pytest.fixture
def machine(engine: Engine, tmp_path: Path) -> Iterator[Machine]:
    engine.run("tag", engine.image, "claude-memory-server:local")
    made = Machine(engine, tmp_path)
    yield made
    if made.settings.exists():
        made.type("--uninstall", "--purge", "--yes")


def test_it_installs_and_says_what_clients_need(machine: Machine) -> None:
    said = machine.type("--bind", "127.0.0.1", "--port", str(machine.port), "--volume", machine.volume)

    key = SHOWN.search(said)
    assert key
    server = f"http://127.0.0.1:{machine.port}"
    assert f"claude-memory setup claude-code --server {server} --client-id laptop" in said
    assert f"export MEMORY_SERVER={server} MEMORY_API_KEY={key[1]}" in said
    assert machine.settings.stat().st_mode & 0o077 == 0
    with machine.client(key[1]) as client:
        assert client.get("/stats").status_code == 200


def test_the_readme_s_lines_install_it_and_print_what_it_shows(machine: Machine, tmp_path: Path) -> None:
    """On a port and a volume of this test: what docker/.env says already stays."""
    machine.settings.write_text(f"MEMORY_PUBLISH=127.0.0.1:{machine.port}\nMEMORY_VOLUME={machine.volume}\n")
    readme = (ROOT / "README.md").read_text("utf-8").replace("8420", str(machine.port))
    lines = left_to("scripts/dev/container runs these lines", readme)
    assert [step.command.split()[0] for step in lines.steps] == ["scripts/install-docker.sh", "curl"]

    for step, printed in run(lines, folder=tmp_path, environment=machine.env, script=tmp_path / "lines"):
        assert alike(step.expected, printed), f"$ {step.command}\nprinted:\n{printed}"


@thorough
def test_again_it_keeps_key_memories_and_what_was_added_to_the_settings(machine: Machine) -> None:
    key = machine.install()
    with machine.settings.open("a") as file:
        file.write("MEMORY_TRASH_DAYS=7\n")
    before = machine.settings.read_text()
    with machine.client(key) as client:
        kept = client.post("/memories", json={"content": "kept"}).raise_for_status().json()["id"]

        again = machine.type()

        assert key not in again
        assert machine.settings.read_text() == before
        assert client.get(f"/memories/{kept}").json()["content"] == "kept"


@thorough
def test_the_port_and_the_key_can_be_changed(machine: Machine) -> None:
    machine.install()
    machine.port = free_port()
    machine.type("--port", str(machine.port), "--api-key", "another-key-0123456789")

    with machine.client("another-key-0123456789") as client:
        assert client.get("/stats").status_code == 200


@thorough
def test_an_upgrade_backs_up_builds_and_keeps_everything(machine: Machine) -> None:
    key = machine.install()
    with machine.client(key) as client:
        kept = client.post("/memories", json={"content": "kept"}).raise_for_status().json()["id"]
        said = machine.type("--upgrade")

        assert "verified" in said
        assert "Upgraded: memory-server" in said
        assert client.get(f"/memories/{kept}").json()["content"] == "kept"
        assert len(client.get("/admin/backups").json()["backups"]) == 1
    machine.engine.run("image", "inspect", "claude-memory-server:before")


def test_uninstalling_keeps_memories_and_key_and_installing_again_finds_them(machine: Machine) -> None:
    key = machine.install()
    with machine.client(key) as client:
        kept = client.post("/memories", json={"content": "kept"}).raise_for_status().json()["id"]
        said = machine.type("--uninstall")
        assert f"The memories stay in the volume {machine.volume}" in said
        with pytest.raises(httpx.ConnectError):
            client.get("/health")

        machine.type()

        assert client.get(f"/memories/{kept}").json()["content"] == "kept"


def test_a_purge_asks_and_then_leaves_nothing(machine: Machine) -> None:
    machine.install()
    refused = machine.try_to("--uninstall", "--purge", typed="yes\n")
    assert (refused.returncode, "nothing was removed" in refused.stderr) == (1, True)
    machine.engine.run("volume", "inspect", machine.volume)

    machine.type("--uninstall", "--purge", typed="purge\n")

    assert not machine.settings.exists()
    assert machine.engine.run("volume", "inspect", machine.volume, check=False).returncode != 0


@thorough
def test_memories_in_a_folder_are_never_removed(machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "memories"
    machine.type("--bind", "127.0.0.1", "--port", str(machine.port), "--data-dir", str(folder))
    assert (folder / "memories.duckdb").stat().st_uid == 10001

    said = machine.type("--uninstall", "--purge", "--yes")

    assert f"The memories are still in {folder}" in said
    assert (folder / "memories.duckdb").exists()


def test_a_port_in_use_is_named_before_anything_is_changed(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", machine.port)):
        ended = machine.try_to("--bind", "127.0.0.1", "--port", str(machine.port), "--volume", machine.volume)

    assert (ended.returncode, machine.settings.exists()) == (1, False)
    assert f"port {machine.port} is in use" in ended.stderr


def test_an_image_that_cannot_be_had_is_named_and_nothing_is_built_in_its_place(machine: Machine) -> None:
    at = ("--bind", "127.0.0.1", "--port", str(machine.port), "--volume", machine.volume)
    ended = machine.try_to(*at, "--image", "registry.invalid/nobody/nothing:1")

    assert ended.returncode == 1
    assert "registry.invalid/nobody/nothing:1 cannot be had" in ended.stderr
    assert not machine.settings.exists()


def test_what_was_only_prepared_can_be_purged(machine: Machine) -> None:
    machine.type("--no-start", "--volume", machine.volume)
    machine.type("--uninstall", "--purge", "--yes")

    assert not machine.settings.exists()


@thorough
def test_a_server_that_does_not_start_is_quoted(machine: Machine) -> None:
    machine.settings.write_text("MEMORY_TRASH_DAYS=never\n")
    ended = machine.try_to("--bind", "127.0.0.1", "--port", str(machine.port), "--volume", machine.volume)

    assert ended.returncode == 1
    assert "MEMORY_TRASH_DAYS is 'never'" in ended.stderr
    assert "the server does not get ready" in ended.stderr
