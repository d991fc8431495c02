"""How the process starts: quick answers, one sentence for each refusal, and the file by which clients find it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from memory_core.engine.compose import EngineOptions, open_engine
from memory_server import __version__
from memory_server.settings import is_loopback
from support.platforms import closed_to_others, posix_only
from support.servers import ServerDidNotStartError, environment, running_server, start_server

pytestmark = pytest.mark.slow


def run(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "memory_server", *args]
    return subprocess.run(command, env=environment(env), capture_output=True, text=True, timeout=90, check=False)


def refused(*args: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code, and the one sentence that it left."""
    ended = run(*args, env=env)
    (line,) = ended.stderr.splitlines()
    return ended.returncode, line


def test_version_and_help_answer_without_the_heavy_parts() -> None:
    probe = "import sys, memory_server.main as m; m.parser().format_help(); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()

    assert run("--version").stdout == f"memory-server {__version__}\n"
    assert {"duckdb", "mcp", "uvicorn", "fastapi", "starlette", "numpy", "onnxruntime", "sqlite3"}.isdisjoint(loaded)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "memory.lan"])
def test_another_address_than_loopback_needs_a_key(tmp_path: Path, host: str) -> None:
    code, sentence = refused("--host", host, "--port", "0", "--data-dir", str(tmp_path / "data"))

    assert code == 2
    assert sentence == (
        f"memory-server: {host} can be reached by other machines, so a key is needed: set MEMORY_API_KEY, "
        "make one with `memory-server keys create NAME --scope admin`, or listen on 127.0.0.1"
    )
    assert not (tmp_path / "data").exists()


def test_with_a_key_it_listens_on_every_address(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", api_key="k", args=["--host", "0.0.0.0"]) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert httpx.get(f"{url}/stats").status_code == 401
        assert httpx.get(f"{url}/stats", headers={"X-API-Key": "k"}).status_code == 200


def test_the_key_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    with running_server(tmp_path / "data", env={"MEMORY_API_KEY_FILE": str(tmp_path / "key")}) as server:
        assert httpx.get(f"{server.url}/stats").status_code == 401
        assert httpx.get(f"{server.url}/stats", headers={"X-API-Key": "from a file"}).status_code == 200


@pytest.mark.parametrize(
    ("args", "env", "code", "part"),
    [
        (["--port", "x"], {}, 2, "--port is 'x'; it takes a whole number from 0 to 65535"),
        ([], {"MEMORY_PORT": "-1"}, 2, "MEMORY_PORT is '-1'; it takes a whole number from 0 to 65535"),
        (["--prot"], {}, 2, "unrecognized arguments: --prot; see memory-server --help"),
        (["serve"], {}, 2, "invalid choice: 'serve'"),
        pytest.param(
            *(["--data-dir", "~nobody-of-that-name"], {}, 2, "there is no such user; write the folder in full"),
            marks=posix_only("any name stands for a folder of a user there"),
        ),
        (["--log-format", "xml"], {}, 2, "--log-format is 'xml'; it takes one of human, json"),
        (["--port", "0", "--store", "sqlite"], {}, 2, "there is no store 'sqlite'; there are: duckdb"),
        (["--port", "0", "--limit-reads", "many"], {}, 2, "MEMORY_LIMIT_READS is 'many'"),
        ([], {"MEMORY_API_KEY": "schlüssel"}, 2, "MEMORY_API_KEY holds characters that no header can carry"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    tmp_path: Path, args: list[str], env: dict[str, str], code: int, part: str
) -> None:
    ended, sentence = refused("--data-dir", str(tmp_path / "data"), *args, env=env)

    assert ended == code
    assert part in sentence


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with running_server(tmp_path / "one") as server:
        code, sentence = refused("--port", str(server.port), "--data-dir", str(tmp_path / "two"))

    assert code == 2
    assert f"cannot listen on 127.0.0.1 port {server.port}" in sentence


def test_a_second_server_on_one_folder_leaves_with_3(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        for more in (["--port", "0"], ["--local"]):
            code, sentence = refused("--data-dir", str(server.data_dir), *more)
            assert code == 3
            assert sentence.endswith("is in use by another memory-server; stop that one, or talk to it")
        assert httpx.get(f"{server.url}/health").status_code == 200


async def test_a_store_that_another_program_holds_is_one_sentence(tmp_path: Path) -> None:
    holder = open_engine(EngineOptions(data_dir=tmp_path / "data", embedder="none"))

    with pytest.raises(ServerDidNotStartError) as failed:
        start_server(tmp_path / "data")

    assert failed.value.code == 1
    assert f"in use by process {os.getpid()}" in failed.value.said.splitlines()[-1]
    await holder.close()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    code, sentence = refused("--port", "0", "--data-dir", str(tmp_path / "file" / "data"))

    assert code == 1
    assert "make it a folder this user can write" in sentence


@posix_only("files have no modes there")
def test_what_a_server_writes_is_its_users_alone_whatever_the_folder_allows(tmp_path: Path) -> None:
    """DuckDB makes its write-ahead log anew after each checkpoint, as open as the process lets it."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    data_dir.chmod(0o755)
    before = os.umask(0o022)
    try:
        server = start_server(data_dir, args=["--local"])
    finally:
        os.umask(before)
    token = {"X-API-Key": json.loads((data_dir / "server.json").read_text())["token"]}
    for number in range(3):
        kept = httpx.post(f"{server.url}/memories", json={"content": f"note {number}"}, headers=token)
        assert kept.status_code == 201
    server.kill()  # leaves everything as it lay while it ran

    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in data_dir.rglob("*") if path.is_file()}
    assert {"memories.duckdb", "memories.duckdb.wal", "server.json", "server.lock"} <= set(modes)
    assert set(modes.values()) == {"0o600"}, modes


def test_a_local_server_announces_itself_to_its_user_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running_server(data_dir, args=["--local"]) as server:
        path = data_dir / "server.json"
        state = json.loads(path.read_text())
        health = httpx.get(f"{server.url}/health")

        assert closed_to_others(path)
        assert set(state) == {"pid", "port", "token", "version", "instance", "started_at"}
        assert (state["pid"], state["port"], state["version"]) == (server.process.pid, server.port, __version__)
        assert health.headers["x-memory-instance"] == state["instance"]
        assert httpx.get(f"{server.url}/stats").status_code == 401
        assert httpx.get(f"{server.url}/stats", headers={"X-API-Key": state["token"]}).status_code == 200

    assert not path.exists()
    assert state["token"] not in server.log_text()


def test_a_local_server_takes_nothing_from_the_settings_of_a_shared_one(tmp_path: Path) -> None:
    env = {"MEMORY_HOST": "0.0.0.0", "MEMORY_PORT": "1", "MEMORY_API_KEY": "shared", "MEMORY_LIMIT_READS": "1/minute"}
    with running_server(tmp_path / "data", args=["--local"], env=env) as server:
        token = json.loads((tmp_path / "data" / "server.json").read_text())["token"]
        answers = [httpx.get(f"{server.url}/stats", headers={"X-API-Key": token}).status_code for _ in range(3)]

        assert server.url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{server.url}/stats", headers={"X-API-Key": "shared"}).status_code == 401
        assert answers == [200] * 3


def test_a_local_server_stops_when_it_is_asked_to(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", args=["--local"]) as server:
        token = json.loads((tmp_path / "data" / "server.json").read_text())["token"]
        asked = httpx.post(f"{server.url}/admin/stop", headers={"X-API-Key": token})

        assert asked.status_code == 202
        assert server.process.wait(30) == 0
    assert not (tmp_path / "data" / "server.json").exists()


def test_a_shared_server_cannot_be_stopped_over_the_network(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", api_key="k") as server:
        assert httpx.post(f"{server.url}/admin/stop", headers={"X-API-Key": "k"}).status_code == 404
        assert "x-memory-instance" not in httpx.get(f"{server.url}/health").headers


def test_a_local_server_leaves_when_nobody_needs_it(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", args=["--local", "--idle-exit", "0.2"]) as server:
        assert server.process.wait(60) == 0
    assert not (tmp_path / "data" / "server.json").exists()


def test_a_server_that_leaves_spares_the_file_of_its_successor(tmp_path: Path) -> None:
    path = tmp_path / "data" / "server.json"
    with running_server(tmp_path / "data", args=["--local"]):
        state = json.loads(path.read_text())
        path.write_text(json.dumps(state | {"instance": "another"}))

    assert json.loads(path.read_text())["instance"] == "another"


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.8.9.1", True), ("[::1]", True), ("localhost", True), ("a", False)]
)
def test_what_counts_as_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
