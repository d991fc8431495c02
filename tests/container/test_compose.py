"""The compose files, brought up as docs/docker.md says: behind a key, behind TLS, and with the key from a file."""

import contextlib
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx

from support.containers import KEY, READY_S, Engine, thorough
from support.sockets import free_port

DOCKER = Path(__file__).resolve().parents[2] / "docker"
KEYED = {"X-API-Key": KEY}


@dataclass(frozen=True)
class Project:
    """The compose files in a folder of their own, under a name of their own."""

    engine: Engine
    folder: Path
    name: str
    files: tuple[str, ...]
    port: int

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        files = [part for name in self.files for part in ("--file", name)]
        env = {name: value for name, value in os.environ.items() if not name.startswith("MEMORY_")}
        env["COMPOSE_PROJECT_NAME"] = self.name
        command = [*self.engine.compose, *files, *arguments]
        ended = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert not check or ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout}{ended.stderr}"
        return ended

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def container(self) -> str:
        """The engine's name for the server's container."""
        labels = {"project": self.name, "service": "memory"}
        filters = [f"--filter=label=com.docker.compose.{label}={value}" for label, value in labels.items()]
        return self.engine.run("ps", "--quiet", *filters).stdout.strip()

    def wait_until_ready(self) -> None:
        until = time.monotonic() + READY_S
        while (asked := self.run("exec", "-T", "memory", "memory-server", "healthcheck", check=False)).returncode != 0:
            assert time.monotonic() < until, f"{asked.stderr}\n{self.run('logs', check=False).stdout}"
            time.sleep(0.2)


@contextlib.contextmanager
def project(engine: Engine, tmp_path: Path, *files: str, settings: dict[str, str]) -> Iterator[Project]:
    """Up and ready; gone afterwards, with its volumes."""
    folder, port = tmp_path / "docker", free_port()
    shutil.copytree(DOCKER, folder, ignore=shutil.ignore_patterns(".env", "api-key", "*.whl"))
    name = f"test-{uuid4().hex[:12]}"
    given = {
        "MEMORY_IMAGE": engine.image,
        "MEMORY_PUBLISH": f"127.0.0.1:{port}",
        "MEMORY_VOLUME": f"{name}-data",
        **settings,
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    made = Project(engine=engine, folder=folder, name=name, files=("compose.yaml", *files), port=port)
    try:
        made.run("up", "--detach")
        made.wait_until_ready()
        yield made
    finally:
        made.run("down", "--volumes", check=False)


def test_it_comes_up_behind_its_key_and_keeps_what_it_was_told(engine: Engine, tmp_path: Path) -> None:
    with project(engine, tmp_path, settings={"MEMORY_API_KEY": KEY, "MEMORY_LOG_FORMAT": "json"}) as memory:
        assert httpx.get(f"{memory.url}/stats").status_code == 401
        body = {"content": "kept by compose"}
        kept = httpx.post(f"{memory.url}/memories", json=body, headers=KEYED).raise_for_status().json()["id"]
        memory.run("down")
        memory.run("up", "--detach")
        memory.wait_until_ready()

        assert httpx.get(f"{memory.url}/memories/{kept}", headers=KEYED).json()["content"] == "kept by compose"
        logs = memory.run("logs", "memory")
        assert '"level":"INFO"' in logs.stdout + logs.stderr, "what is set in .env reaches the server"


@thorough
def test_it_has_no_rights_and_little_memory(engine: Engine, tmp_path: Path) -> None:
    with project(engine, tmp_path, settings={"MEMORY_API_KEY": KEY}) as memory:
        inside = "for f in $(grep -l memory-server /proc/[0-9]*/comm); do cat ${f%comm}status; done"
        status = memory.run("exec", "-T", "memory", "sh", "-c", inside).stdout
        written = memory.run("exec", "-T", "memory", "touch", "/opt/memory/x", check=False)
        host = engine.inspect("container", memory.container())["HostConfig"]

    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Read-only file system" in written.stdout + written.stderr
    assert (host["Memory"], host["PidsLimit"]) == (1 << 30, 256)


@thorough
def test_the_key_may_come_from_a_file(engine: Engine, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n")
    key.chmod(0o444)
    with project(engine, tmp_path, "compose.secret.yaml", settings={"MEMORY_KEY_FILE": str(key)}) as memory:
        assert httpx.get(f"{memory.url}/stats", headers=KEYED).status_code == 200
        assert httpx.get(f"{memory.url}/stats").status_code == 401

        assert KEY not in engine.run("container", "inspect", memory.container()).stdout


@thorough
def test_caddy_in_front_gives_it_tls_and_the_address_of_the_client(engine: Engine, tmp_path: Path) -> None:
    """The name localhost, for which Caddy has certificates of its own making."""
    secure = free_port()
    settings = {
        "MEMORY_API_KEY": KEY,
        "MEMORY_DOMAIN": "localhost",
        "MEMORY_HTTP_PORT": str(free_port()),
        "MEMORY_HTTPS_PORT": str(secure),
    }
    with project(engine, tmp_path, "compose.tls.yaml", settings=settings) as memory:
        with httpx.Client(base_url=f"https://localhost:{secure}", verify=_trusting(memory), headers=KEYED) as client:
            assert client.get("/stats", headers={"X-Forwarded-For": "6.6.6.6"}).status_code == 200
            assert client.get("/metrics").status_code == 404
            called = client.post(
                "/mcp",
                json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
                headers={"Accept": "application/json, text/event-stream"},
            )
            assert "memory_add" in called.text
        assert httpx.get(f"{memory.url}/health", headers={"Host": "other.example"}).status_code == 421
        ended = memory.run("logs", "memory")
        (line,) = [line for line in (ended.stdout + ended.stderr).splitlines() if "GET /stats" in line]

    assert "ip=6.6.6.6" not in line, "what a client says of its own address is not believed"
    assert "ip=172.31.84.14 " not in line, "Caddy is believed, so its own address is not the client's"


def _trusting(memory: Project) -> ssl.SSLContext:
    """Once Caddy has made its authority, which it does while it starts."""
    until = time.monotonic() + READY_S
    path = "/data/caddy/pki/authorities/local/root.crt"
    while (read := memory.run("exec", "-T", "caddy", "cat", path, check=False)).returncode != 0:
        assert time.monotonic() < until, memory.run("logs", "caddy", check=False).stdout
        time.sleep(0.2)
    return ssl.create_default_context(cadata=read.stdout)
