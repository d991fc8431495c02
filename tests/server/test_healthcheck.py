"""`memory-server healthcheck` says by its exit code whether the server is ready, and why where it is not."""

import subprocess
import sys
from pathlib import Path

import pytest

from memory_server.healthcheck import reachable
from support.servers import RunningServer, environment, running_server
from support.sockets import free_port, listening, says

STARTING = b'{"ready":false,"missing":["the server is starting or stopping"]}'


def healthcheck(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "memory_server", "healthcheck", *args]
    return subprocess.run(command, env=environment(env), capture_output=True, text=True, timeout=90, check=False)


def test_a_server_that_is_ready(server: RunningServer) -> None:
    """It has a key, which a health check must not need."""
    ended = healthcheck(env={"MEMORY_PORT": str(server.port)})

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ready\n", "")


def test_a_server_on_all_addresses_is_asked_on_loopback(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", api_key="k", args=("--host", "0.0.0.0")) as server:
        ended = healthcheck("--host", "0.0.0.0", "--port", str(server.port))

    assert ended.returncode == 0, ended.stderr


def test_a_server_that_is_starting_says_so() -> None:
    answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n%s" % (len(STARTING), STARTING)
    with listening(says(answer)) as port:
        ended = healthcheck("--port", str(port))

    assert ended.returncode == 1
    assert f"not ready: 503 {STARTING.decode()}" in ended.stderr


def test_nothing_there_is_a_sentence() -> None:
    port = free_port()
    ended = healthcheck("--port", str(port))

    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"memory-server: nothing answers on 127.0.0.1 port {port}")
    assert line.endswith("the server is down, or still starting")


def test_what_is_no_server_of_this_kind_is_not_ready() -> None:
    with listening(says(b"SSH-2.0-OpenSSH_9.2\r\n")) as port:
        assert healthcheck("--port", str(port)).returncode == 1


def test_a_port_that_is_not_known_yet_cannot_be_asked() -> None:
    ended = healthcheck("--port", "0")

    assert ended.returncode == 2
    assert "say which it became, with --port" in ended.stderr


@pytest.mark.parametrize(
    ("host", "address"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("[::]", "::1"), ("[fd00::5]", "fd00::5"), ("memory.lan", "memory.lan")],
)
def test_the_address_that_is_asked(host: str, address: str) -> None:
    assert reachable(host) == address


def test_it_loads_nothing_heavy() -> None:
    """A container runs it twice a minute."""
    probe = "import sys, memory_server.healthcheck, memory_server.main; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()

    assert {"duckdb", "mcp", "uvicorn", "fastapi", "httpx", "numpy", "onnxruntime"}.isdisjoint(loaded)
