"""A real server that did what was asked, and whose answer was lost: what is sent again is done once."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memory_client.outbox import outbox_of, written
from memory_client.target import resolve_target
from support.bridges import bridge, machine, text_of
from support.machines import Machine
from support.servers import running_server
from support.sockets import listening, read_request

LOST = 2


def whole_answer(connection: socket.socket) -> bytes:
    answer = read_request(connection)
    while b"transfer-encoding: chunked" in answer.lower() and not answer.endswith(b"0\r\n\r\n"):
        answer += connection.recv(65536)
    return answer


@pytest.fixture
def lossy(tmp_path: Path) -> Iterator[str]:
    """The URL of a real server behind something that cuts the connection in place of two answers to writes."""
    left = [LOST]
    with running_server(tmp_path / "server") as server:

        def serve(connection: socket.socket) -> None:
            with socket.create_connection(("127.0.0.1", server.port)) as upstream:
                while request := read_request(connection):
                    upstream.sendall(request)
                    answer = whole_answer(upstream)
                    if left[0] and (b"memory_add" in request or request.startswith(b"POST /memories HTTP")):
                        left[0] -= 1
                        return
                    connection.sendall(answer)

        with listening(serve) as port:
            yield f"http://127.0.0.1:{port}"


def test_through_the_bridge(lossy: str, tmp_path: Path) -> None:
    with bridge(machine(tmp_path / "home", MEMORY_SERVER=lossy)) as client:
        client.initialize()
        assert "Kept on this machine" in text_of(client.call("memory_add", content="We deploy on Fridays"))
        client.wait_for_log(lambda log: any(": delivered 1 write" in line for line in log))
    assert Machine(tmp_path / "other", MEMORY_SERVER=lossy).run("list", "-g").out.count("We deploy on Fridays") == 1


def test_from_the_shell(lossy: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home", MEMORY_SERVER=lossy)
    assert "Kept on this machine" in machine.run("add", "We deploy on Fridays").err
    for _ in range(LOST):
        machine.run("outbox", "flush")
    assert machine.run("list", "-g").out.count("We deploy on Fridays") == 1


def test_a_memory_is_as_old_as_its_writing_and_not_as_its_delivery(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running_server(tmp_path / "server") as server:
        machine = Machine(home, MEMORY_SERVER=server.url)
        target = resolve_target({"MEMORY_SERVER": server.url, "HOME": str(home)})
        entry = written(
            "add", "POST", "/memories", {"Content-Type": "application/json"}, b'{"content": "said long ago"}'
        )
        entry.at -= 2 * 24 * 3600
        outbox_of(target).keep(entry)

        assert machine.run("outbox", "flush").code == 0

        (memory,) = machine.run("list", "-g", "--json").json["memories"]
    age = datetime.now(UTC) - datetime.fromisoformat(memory["created_at"])
    assert timedelta(days=2) <= age < timedelta(days=2, hours=1)
