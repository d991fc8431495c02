"""A stop in order: what is on its way is answered, nothing is lost, and it takes seconds."""

import json
import signal
import socket
from pathlib import Path

import httpx
import pytest

from support.platforms import STOP, STOPS
from support.rpc import ACCEPT
from support.servers import RunningServer, running_server

pytestmark = pytest.mark.slow


def send_half(server: RunningServer, path: str, body: bytes, headers: dict[str, str] | None = None) -> socket.socket:
    """A request of which the server has seen the head and half of the body."""
    lines = {
        "Host": "localhost",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **(headers or {}),
    }
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    connection = socket.create_connection(("127.0.0.1", server.port), 60)
    connection.sendall(head.encode() + body[: len(body) // 2])
    # An answer on a connection opened later proves that the server has taken this one.
    assert httpx.get(f"{server.url}/health").status_code == 200
    return connection


def rest_of_answer(connection: socket.socket) -> bytes:
    with connection, connection.makefile("rb") as answer:
        return answer.read()


@pytest.mark.parametrize("stop", STOPS)
def test_a_request_in_flight_is_answered_and_kept(tmp_path: Path, stop: signal.Signals) -> None:
    body = json.dumps({"content": "in flight " + "x" * 200}).encode()
    with running_server(tmp_path / "data") as server:
        connection = send_half(server, "/memories", body)
        server.process.send_signal(stop)
        connection.sendall(body[len(body) // 2 :])
        answer = rest_of_answer(connection)
        assert server.process.wait(60) == 0

    assert answer.startswith(b"HTTP/1.1 201 ")
    with running_server(tmp_path / "data") as again:
        found = httpx.post(f"{again.url}/memories/search", json={"query": "flight"}).json()
        assert found["count"] == 1


def test_a_tool_call_in_flight_is_answered(tmp_path: Path) -> None:
    call = {"name": "memory_add", "arguments": {"content": "through a tool, in flight"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).encode()
    with running_server(tmp_path / "data") as server:
        connection = send_half(server, "/mcp", body, ACCEPT)
        server.process.send_signal(STOP)
        connection.sendall(body[len(body) // 2 :])
        answer = rest_of_answer(connection)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Kept as [" in answer


def test_idle_connections_and_halves_of_requests_do_not_keep_it(tmp_path: Path) -> None:
    """A browser keeps connections open for minutes, and a caller may die in the middle of a request."""
    with running_server(tmp_path / "data") as server, httpx.Client(base_url=server.url) as client:
        client.post("/memories", json={"content": "on disk"})
        abandoned = send_half(server, "/memories", b"x" * 1000)
        assert server.stop(timeout_s=60) == 0
        abandoned.close()
    assert not (tmp_path / "data" / "memories.duckdb.wal").exists()


def test_a_stop_leaves_no_write_ahead_log(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        assert httpx.post(f"{server.url}/memories", json={"content": "on disk"}).status_code == 201
        assert server.stop() == 0

    assert (tmp_path / "data" / "memories.duckdb").exists()
    assert not (tmp_path / "data" / "memories.duckdb.wal").exists()


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        for number in range(20):
            assert httpx.post(f"{server.url}/memories", json={"content": f"note {number}"}).status_code == 201
        server.kill()

    with running_server(tmp_path / "data") as again:
        assert httpx.get(f"{again.url}/stats").json()["total_memories"] == 20
