"""Containers for tests, by whatever engine scripts/dev/container has found: the commands are those of Docker.

They run as compose.yaml runs them: read-only, without capabilities, under an init.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from support.sockets import free_port

KEY = "0123456789abcdef-the-key-of-the-container-tests"
HARDENED = (
    *("--init", "--read-only", "--tmpfs", "/tmp:size=64m,mode=1777"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "512m", "--pids-limit", "256"),
)
READY_S = 120
thorough = pytest.mark.skipif(bool(os.environ.get("CONTAINER_QUICK")), reason="left out of a --quick run")


@dataclass(frozen=True)
class Engine:
    command: str
    compose: tuple[str, ...]
    image: str

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run([self.command, *arguments], capture_output=True, text=True, check=False)
        assert not check or ended.returncode == 0, f"{self.command} {' '.join(arguments)}\n{ended.stdout}{ended.stderr}"
        return ended

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        """Any: it is the engine's own description."""
        found: list[dict[str, Any]] = json.loads(self.run(kind, "inspect", name).stdout)
        return found[0]

    @contextlib.contextmanager
    def volume(self) -> Iterator[str]:
        name = f"test-{uuid4().hex[:12]}"
        self.run("volume", "create", name)
        try:
            yield name
        finally:
            self.run("volume", "rm", "--force", name)

    @contextlib.contextmanager
    def running(
        self, volume: str, *options: str, env: Mapping[str, str] | None = None, network: str | None = None
    ) -> Iterator["Container"]:
        """A server on `volume` that is ready; removed afterwards, the volume left."""
        name, port = f"test-{uuid4().hex[:12]}", free_port()
        settings = {"MEMORY_API_KEY": KEY, **(env or {})}
        reached = ("--network", network) if network else ("--publish", f"127.0.0.1:{port}:8420")
        variables = [part for each in settings.items() for part in ("--env", "=".join(each))]
        place = ("--volume", f"{volume}:/data")
        self.run("run", "--detach", "--name", name, *HARDENED, *reached, *place, *variables, *options, self.image)
        container = Container(engine=self, name=name, url=f"http://127.0.0.1:{port}")
        try:
            container.wait_until_ready()
            yield container
        finally:
            self.run("rm", "--force", "--time", "0", name) if self.command == "podman" else self.run("rm", "-f", name)


@dataclass(frozen=True)
class Container:
    engine: Engine
    name: str
    url: str

    def exec(self, *command: str, check: bool = True) -> str:
        """What the command said, on both channels where it failed and may."""
        ended = self.engine.run("exec", self.name, *command, check=check)
        return ended.stdout.strip() if check else ended.stdout + ended.stderr

    def wait_until_ready(self) -> None:
        """By the image's own health check."""
        until = time.monotonic() + READY_S
        while self.engine.run("exec", self.name, "memory-server", "healthcheck", check=False).returncode != 0:
            assert self.state()["Running"], f"it ended before it was ready:\n{self.logs()}"
            assert time.monotonic() < until, f"it is not ready after {READY_S} s:\n{self.logs()}"
            time.sleep(0.2)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"X-API-Key": KEY}, timeout=30)

    def state(self) -> dict[str, Any]:
        """Any: as `Engine.inspect`."""
        state: dict[str, Any] = self.engine.inspect("container", self.name)["State"]
        return state

    def logs(self) -> str:
        ended = self.engine.run("logs", self.name)
        return ended.stdout + ended.stderr

    def server_status(self) -> dict[str, str]:
        """/proc's status of the server's process, which is not process 1: that is the init."""
        pid = self.exec("sh", "-c", "grep -l '^Name:.memory-server' /proc/[0-9]*/status | cut -d / -f 3").split()[0]
        lines = self.exec("cat", f"/proc/{pid}/status").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def run_script(
    script: Path, *arguments: str, env: Mapping[str, str] | None = None, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """As a person types it, whose own settings do not matter."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MEMORY_")}
    return subprocess.run(
        ["bash", script, *arguments],
        env=clean | dict(env or {}),
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )
