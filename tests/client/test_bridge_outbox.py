"""What an agent writes through the bridge while the server is away: kept, told plainly, delivered once, in order."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memory_client import messages
from memory_client.offline import Answers
from memory_client.outbox import Outbox
from support.bridges import Bridge, bridge, machine, text_of
from support.ledger import Ledger, ledger, problem, tool_error
from support.servers import start_server
from support.sockets import free_port, listening, read_request


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def environ(tmp_path: Path, port: int) -> dict[str, str]:
    return machine(
        tmp_path / "home",
        MEMORY_SERVER=f"http://127.0.0.1:{port}",
        MEMORY_API_KEY="s3cret",
        MEMORY_CLIENT_ID="laptop",
        MEMORY_PROJECT="shop",
    )


@pytest.fixture
def outbox(environ: dict[str, str]) -> Outbox:
    return Outbox(environ["MEMORY_DATA_DIR"], environ["MEMORY_SERVER"])


@pytest.fixture
def away(environ: dict[str, str]) -> Iterator[Bridge]:
    with bridge(environ) as client:
        client.initialize()
        yield client


def assert_kept(result: dict[str, Any]) -> None:
    assert result["isError"] is False
    assert text_of(result).startswith("Kept on this machine (")
    assert "It will be delivered" in text_of(result)


def delivered(client: Bridge, server: Ledger, count: int) -> None:
    """Return once the bridge has said that so many are delivered."""
    client.wait_for_log(lambda log: sum(int(line.split()[2]) for line in log if ": delivered " in line) >= count)
    assert len(server.done) >= count


def test_a_write_is_kept_and_the_agent_is_told_so(away: Bridge, outbox: Outbox) -> None:
    result = away.call("memory_add", content="We deploy on Fridays")

    assert_kept(result)
    assert "connection refused" in text_of(result)
    (entry,) = outbox.waiting()
    assert entry.what == "memory_add: We deploy on Fridays"
    assert entry.id in text_of(result)
    assert "s3cret" not in Path(outbox.path).read_text()


def test_a_read_fails_as_before(away: Bridge, outbox: Outbox) -> None:
    assert away.call("memory_search", query="x")["isError"] is True
    assert outbox.empty()


def test_in_the_era_without_initialize_it_is_kept_too(away: Bridge, outbox: Outbox) -> None:
    result = away.call_modern("memory_add", content="x")["result"]

    assert_kept(result)
    assert result["resultType"] == "complete"
    assert outbox.waiting()[0].headers["Mcp-Name"] == "memory_add"


def test_a_tool_that_nobody_has_described_promises_nothing(away: Bridge, outbox: Outbox) -> None:
    assert away.call("memory_unheard_of", content="x")["isError"] is True
    assert outbox.empty()


def test_what_a_server_said_of_its_tools_is_what_counts(environ: dict[str, str], outbox: Outbox) -> None:
    """Also of a tool that this version has never heard of, and of one that says nothing of itself."""
    tools = [
        {"name": "later_writer", "annotations": {"readOnlyHint": False}},
        {"name": "later_reader", "annotations": {"readOnlyHint": True}},
        {"name": "says_nothing"},
    ]
    answers = Answers(str(Path(environ["XDG_CACHE_HOME"], "memory-client")), environ["MEMORY_SERVER"])
    answers.keep(messages.request("tools/list", None), {"tools": tools})
    with bridge(environ) as client:
        client.initialize()
        for tool in tools:
            client.call(tool["name"], text=tool["name"])

    assert [entry.verb for entry in outbox.waiting()] == ["later_writer", "says_nothing"]


def test_they_are_delivered_in_order_when_the_server_is_back_and_the_agent_learns_it(
    away: Bridge, port: int, outbox: Outbox
) -> None:
    for number in range(3):
        assert_kept(away.call("memory_add", content=f"m{number}"))
    with ledger(port, key="s3cret") as (server, _):
        delivered(away, server, 3)

        assert server.done == ["add: m0", "add: m1", "add: m2"]
        assert {(r["x-client-id"], r["x-project-id"]) for r in server.requests} == {("laptop", "shop")}
        assert outbox.empty()
        told = text_of(away.call("memory_search", query="x"))
        assert "Found nothing\nDelivered meanwhile, 3 writes kept on this machine:" in told
        assert "- memory_add: m0 → Done: add: m0" in told
        assert text_of(away.call("memory_search", query="x")) == "Found nothing"


def test_a_write_after_the_return_does_not_overtake_those_before(away: Bridge, port: int) -> None:
    away.call("memory_add", content="before")
    with ledger(port) as (server, _):
        result = away.call("memory_add", content="after")
        delivered(away, server, 1)
        if "Kept" in text_of(result):
            delivered(away, server, 2)

        assert server.done == ["add: before", "add: after"]


def test_what_an_earlier_session_left_is_delivered_by_the_next(environ: dict[str, str], port: int) -> None:
    with bridge(environ) as client:
        client.initialize()
        client.call("memory_delete", memory_id="1a2b3c4d")
        assert client.close() == 0

    with ledger(port) as (server, _), bridge(environ) as client:
        delivered(client, server, 1)
        assert server.done == ["delete: 1a2b3c4d"]


def test_an_answer_that_was_lost_does_not_keep_a_memory_twice(environ: dict[str, str], port: int) -> None:
    with ledger(port) as (server, _), bridge(environ) as client:
        client.initialize()
        client.request("tools/list")
        server.losing = 3
        assert_kept(client.call("memory_add", content="once"))
        delivered(client, server, 1)

        assert server.done == ["add: once"]
        assert server.replayed > 0


def test_a_proxy_whose_server_is_away_counts_as_away(environ: dict[str, str], port: int) -> None:
    with ledger(port) as (server, _), bridge(environ) as client:
        client.initialize()
        server.fault = lambda _: (502, {"Content-Type": "text/html"}, b"<html>Bad gateway</html>")
        assert_kept(client.call("memory_add", content="x"))
        server.fault = lambda _: None
        delivered(client, server, 1)


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (422, "invalid"), (507, "storage-full")])
def test_what_the_server_itself_refuses_is_an_error_at_once(
    environ: dict[str, str], port: int, outbox: Outbox, status: int, code: str
) -> None:
    with ledger(port) as (server, _), bridge(environ) as client:
        client.initialize()
        server.fault = lambda _: problem(status, code, "no")
        assert client.call("memory_add", content="x")["isError"] is True

    assert outbox.empty()


def test_a_refusal_is_told_once_and_holds_up_nobody(away: Bridge, port: int, outbox: Outbox) -> None:
    away.call("memory_update", memory_id="1a2b3c4d")
    away.call("memory_add", content="m1")
    body = outbox.waiting()[0].body.encode()
    with ledger(port) as (server, _):
        server.fault = lambda text: tool_error(body, "not-found", "No memory 1a2b3c4d.") if "1a2b" in text else None
        delivered(away, server, 1)

        assert server.done == ["add: m1"]
        told = text_of(away.call("memory_search", query="x"))
        assert "Refused by the server, and kept on this machine" in told
        assert "memory_update: 1a2b3c4d → No memory 1a2b3c4d." in told
        assert text_of(away.call("memory_search", query="x")) == "Found nothing"
    assert [entry.refusal for entry in outbox.entries()] == ["No memory 1a2b3c4d."]


def test_a_wrong_key_keeps_everything_and_says_so(away: Bridge, port: int, outbox: Outbox) -> None:
    away.call("memory_add", content="x")
    with ledger(port, key="another") as (server, _):
        away.wait_for_log(lambda log: any("cannot be delivered" in line and "the key" in line for line in log))
        assert server.done == []
        result = away.call("memory_add", content="y")

    assert_kept(result)
    assert "set MEMORY_API_KEY" in text_of(result)
    assert [entry.what for entry in outbox.waiting()] == ["memory_add: x", "memory_add: y"]


def test_when_it_cannot_be_kept_the_agent_is_told_that_it_is_lost(environ: dict[str, str]) -> None:
    data = Path(environ["MEMORY_DATA_DIR"])
    data.write_text("in the way")
    with bridge(environ) as client:
        client.initialize()
        result = client.call("memory_add", content="x")

    assert result["isError"] is True
    assert "could not be kept on this machine" in text_of(result)


def test_every_write_has_its_key_from_the_first_attempt_on(environ: dict[str, str], port: int) -> None:
    with ledger(port) as (server, _), bridge(environ) as client:
        client.initialize()
        for number in range(3):
            client.call("memory_add", content=f"m{number}")

    keys = [request["idempotency-key"] for request in server.requests if "idempotency-key" in request]
    assert len(server.done) == 3
    assert len(set(keys)) == len(keys)


def test_a_write_that_was_cancelled_is_not_kept(environ: dict[str, str], outbox: Outbox) -> None:
    heard = threading.Event()

    def hang(connection: socket.socket) -> None:
        if read_request(connection):
            heard.set()
            connection.recv(1)

    with listening(hang, port=int(environ["MEMORY_SERVER"].rpartition(":")[2])), bridge(environ) as client:
        asked = client.ask("tools/call", {"name": "memory_add", "arguments": {"content": "x"}})
        assert heard.wait(60)
        client.notify("notifications/cancelled", requestId=asked)
        assert client.close() == 0

    assert outbox.waiting() == []
    assert [message for message in client.stray if message.get("id") == asked] == []


def test_two_windows_deliver_each_write_once(environ: dict[str, str], port: int) -> None:
    with bridge(environ) as one, bridge(environ) as other:
        for client in (one, other):
            client.initialize()
        for number in range(6):
            assert_kept((one, other)[number % 2].call("memory_add", content=f"m{number}"))
        with ledger(port) as (server, _):
            while len(server.done) < 6:
                one.request("ping")
                assert (one.process.poll(), other.process.poll()) == (None, None)

            assert server.done == [f"add: m{number}" for number in range(6)]


def test_a_bridge_that_is_killed_has_kept_what_it_said_it_had(environ: dict[str, str], port: int) -> None:
    with bridge(environ) as client:
        client.initialize()
        for number in range(5):
            assert_kept(client.call("memory_add", content=f"m{number}"))
        client.process.kill()
        client.process.wait()

    with ledger(port) as (server, _), bridge(environ) as client:
        delivered(client, server, 5)
        assert server.done == [f"add: m{number}" for number in range(5)]


def test_a_local_server_that_cannot_start_loses_nothing(tmp_path: Path) -> None:
    """Nothing is installed, so to say: the store's place is taken by something else."""
    environ = machine(tmp_path / "home")
    data = Path(environ["MEMORY_DATA_DIR"])
    (data / "memories.duckdb").mkdir(parents=True)
    with bridge(environ) as client:
        client.initialize()
        result = client.call("memory_add", content="x")

    assert_kept(result)
    assert "the local memory server" in text_of(result)
    assert len(Outbox(str(data), "local").waiting()) == 1


def test_a_real_server_gets_what_was_kept(environ: dict[str, str], tmp_path: Path, port: int, away: Bridge) -> None:
    away.call("memory_add", content="We deploy on Fridays, after lunch")
    server = start_server(tmp_path / "server", api_key="s3cret", args=["--port", str(port)])
    try:
        away.wait_for_log(lambda log: any(": delivered 1 write" in line for line in log))
        found = text_of(away.call("memory_search", query="deploy"))
    finally:
        server.stop()

    assert "after lunch" in found
    assert "Kept as [" in found
