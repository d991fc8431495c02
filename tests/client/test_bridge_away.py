"""memory-client while its server is away, hangs, says odd things, or comes back: the client is never left alone."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memory_client import messages
from memory_client.offline import Answers
from support.bridges import MODERN, Bridge, bridge, machine, text_of
from support.servers import RunningServer, start_server
from support.sockets import free_port, listening, read_request, says

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "m", "version": "1"}}


def http(body: bytes, *, status: bytes = b"200 OK", kind: bytes = b"application/json") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (status, kind, len(body), body)


def speaking(results: dict[str, Any]) -> Any:
    """A server that answers each method with its result, or with these very bytes."""

    def serve(connection: socket.socket) -> None:
        while request := read_request(connection):
            message = json.loads(request.partition(b"\r\n\r\n")[2])
            result = results.get(message["method"], {})
            if isinstance(result, bytes):
                connection.sendall(result)
            elif "id" in message:
                connection.sendall(http(messages.line_of({"jsonrpc": "2.0", "id": message["id"], "result": result})))
            else:
                connection.sendall(http(b"", status=b"202 Accepted"))

    return serve


def environ_for(tmp_path: Path, port: int) -> dict[str, str]:
    return machine(tmp_path / "home", MEMORY_SERVER=f"http://127.0.0.1:{port}")


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Bridge]:
    with bridge(environ_for(tmp_path, free_port())) as client:
        yield client


def test_a_session_opens_although_the_server_is_away(away: Bridge) -> None:
    hello = away.initialize("2025-11-25")["result"]

    assert hello["protocolVersion"] == "2025-11-25"
    assert hello["capabilities"]["tools"]["listChanged"] is True
    assert hello["instructions"]
    assert "memory_search" in {tool["name"] for tool in away.request("tools/list")["result"]["tools"]}
    assert [one["name"] for one in away.request("prompts/list")["result"]["prompts"]] == ["remember", "recall"]
    assert [one["uri"] for one in away.request("resources/list")["result"]["resources"]] == ["memory://context"]
    assert "not available now" in away.request("prompts/get", {"name": "recall"})["error"]["message"]
    assert "not available now" in away.request("resources/read", {"uri": "memory://context"})["error"]["message"]
    assert away.request("ping")["result"] == {}


def test_a_version_nobody_knows_is_answered_with_the_newest_of_the_era(away: Bridge) -> None:
    assert away.initialize("2099-01-01")["result"]["protocolVersion"] == "2025-11-25"


def test_a_session_without_initialize_opens_too(away: Bridge) -> None:
    assert away.request("server/discover", {"_meta": MODERN})["result"]["supportedVersions"] == ["2026-07-28"]
    listed = away.request("tools/list", {"_meta": MODERN})["result"]

    assert listed["tools"]
    assert listed["ttlMs"] == 0  # ask again soon
    failed = away.call_modern("memory_search", query="x")["result"]
    assert (failed["isError"], failed["resultType"]) == (True, "complete")


def test_a_call_fails_in_a_sentence_that_the_model_reads(away: Bridge) -> None:
    away.initialize()
    result = away.call("memory_search", query="x")

    assert result["isError"] is True
    assert "Memory is not available now: http://127.0.0.1:" in text_of(result)
    assert "connection refused" in text_of(result)


def test_another_request_fails_as_an_error(away: Bridge) -> None:
    away.initialize()
    assert away.request("completion/complete")["error"]["code"] == -32000


def test_a_setting_that_cannot_be_meant_is_told_to_the_agent(tmp_path: Path) -> None:
    with bridge(machine(tmp_path / "home", MEMORY_SERVER="memory.lan:8420")) as client:
        client.initialize()
        assert "write http://memory.lan:8420" in text_of(client.call("memory_stats"))
        assert client.close() == 0
    assert len(client.log) <= 2


def test_what_the_server_said_last_is_told_while_it_is_away(tmp_path: Path) -> None:
    tools = [{"name": "only_here", "inputSchema": {"type": "object"}}]
    server = speaking({"initialize": {**HELLO, "instructions": "Ours."}, "tools/list": {"tools": tools}})
    with listening(server) as port, bridge(environ_for(tmp_path, port)) as client:
        client.initialize()
        client.request("tools/list")
        client.close()

    with bridge(environ_for(tmp_path, port)) as client:
        assert client.initialize()["result"]["instructions"] == "Ours."
        assert client.request("tools/list")["result"]["tools"] == tools


def test_a_cache_that_cannot_be_written_or_read_does_not_matter(tmp_path: Path) -> None:
    environ = environ_for(tmp_path, free_port())
    Path(environ["XDG_CACHE_HOME"]).write_text("a file in its place")

    with bridge(environ) as client:
        assert client.initialize()["result"]["instructions"]


def test_a_server_that_returns_with_other_tools_is_announced(tmp_path: Path) -> None:
    """The client has its tools from memory, and would not ask again by itself."""
    port = free_port()
    tools = [{"name": "new_tool", "inputSchema": {"type": "object"}}]
    with bridge(environ_for(tmp_path, port)) as client:
        client.initialize()
        assert client.request("tools/list")["result"]["tools"] != tools

        with listening(speaking({"tools/list": {"tools": tools}}), port=port):
            client.wait_for("notifications/tools/list_changed")
            assert client.request("tools/list")["result"]["tools"] == tools


def test_a_server_that_returns_with_the_same_tools_is_no_news(tmp_path: Path) -> None:
    port = free_port()
    environ = environ_for(tmp_path, port)
    tools = [{"name": "same", "inputSchema": {"type": "object"}}]
    answers = Answers(str(Path(environ["XDG_CACHE_HOME"], "memory-client")), environ["MEMORY_SERVER"])
    answers.keep(messages.request("tools/list", None), {"tools": tools})
    asked = threading.Event()

    def serve(connection: socket.socket) -> None:
        request = read_request(connection)
        if b'memory-client","method":"tools/list' in request.replace(b" ", b""):
            asked.set()
        reply = {"jsonrpc": "2.0", "id": "memory-client", "result": {"tools": tools}}
        connection.sendall(http(messages.line_of(reply)))

    with bridge(environ) as client:
        client.initialize()
        client.request("tools/list")
        with listening(serve, port=port):
            assert asked.wait(60)
            assert client.close() == 0

    assert [message for message in client.stray if "method" in message] == []


def test_a_server_that_hangs_does_not_hold_up_a_session(tmp_path: Path) -> None:
    hang = threading.Event()
    with listening(lambda _: hang.wait()) as port:
        with bridge(environ_for(tmp_path, port)) as client:
            assert client.initialize()["result"]["instructions"]
            assert client.request("tools/list")["result"]["tools"]
            client.process.kill()
        hang.set()


def restarted(server: RunningServer) -> RunningServer:
    return start_server(server.data_dir, args=["--port", str(server.port)])


def test_an_open_bridge_outlives_a_restart_of_its_server(tmp_path: Path) -> None:
    server = start_server(tmp_path / "data")
    try:
        with bridge(machine(tmp_path / "home", MEMORY_SERVER=server.url)) as client:
            client.initialize()
            client.call("memory_add", content="Kept before the restart")

            server.kill()
            assert client.call("memory_stats")["isError"] is True
            assert client.request("tools/list")["result"]["tools"]

            server = restarted(server)
            assert "before the restart" in text_of(client.call("memory_search", query="restart"))
            assert client.close() == 0
    finally:
        server.stop()


def one_call(tmp_path: Path, answer: bytes) -> dict[str, Any]:
    """The reply to a tool call whose HTTP answer is `answer`."""
    server = speaking({"initialize": HELLO, "tools/call": answer})
    with listening(server) as port, bridge(environ_for(tmp_path, port)) as client:
        client.initialize()
        return client.request("tools/call", {"name": "t", "arguments": {}})


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (http(b"<html>Bad gateway</html>", status=b"502 Bad Gateway", kind=b"text/html"), "answered with status 502"),
        (http(b'{"detail":"Out of paper."}', status=b"507 Full"), "answered with status 507: Out of paper."),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 12\r\nContent-Length: 0\r\n\r\n", "ask again in 12 s"),
        (http(b"{}"), "no MCP endpoint"),
        (http(b"", status=b"404 Not Found"), "check MEMORY_SERVER"),
        (http(b": ping\n\n", kind=b"text/event-stream"), "ended its answer before it was complete"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://a.lan/\r\nContent-Length: 0\r\n\r\n", "redirects to http://a.lan/"),
        (b"nonsense\r\n\r\n", "not HTTP"),
    ],
)
def test_what_is_no_answer_becomes_a_sentence(tmp_path: Path, answer: bytes, sentence: str) -> None:
    reply = one_call(tmp_path, answer)

    assert reply["result"]["isError"] is True
    assert sentence in text_of(reply["result"])


@pytest.mark.parametrize("status", [b"200 OK", b"404 Not Found"])
def test_an_error_that_lost_its_id_gets_it_back(tmp_path: Path, status: bytes) -> None:
    body = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}'

    assert one_call(tmp_path, http(body, status=status))["error"]["message"] == "Session not found"


def test_a_reply_over_several_lines_becomes_one(tmp_path: Path) -> None:
    body = b'{\n "jsonrpc": "2.0",\n "id": 2,\n "result": {"content": []}\n}'

    assert one_call(tmp_path, http(body))["result"] == {"content": []}


def test_progress_arrives_before_the_reply(tmp_path: Path) -> None:
    progress, reply = (
        b'{"jsonrpc":"2.0","method":"notifications/progress","params":{}}',
        b'{"jsonrpc":"2.0",\ndata: "id":2,"result":{"content":[]}}',
    )
    stream = b": hello\n\nevent: message\ndata: %s\n\nid: 1\ndata: %s\n\n" % (progress, reply)
    server = speaking({"initialize": HELLO, "tools/call": http(stream, kind=b"text/event-stream")})
    with listening(server) as port, bridge(environ_for(tmp_path, port)) as client:
        client.initialize()
        asked = client.ask("tools/call", {"name": "t"})
        assert client.receive()["method"] == "notifications/progress"
        assert client.receive() == {"jsonrpc": "2.0", "id": asked, "result": {"content": []}}


def test_a_cancelled_request_is_closed_and_gets_no_reply(tmp_path: Path) -> None:
    heard, closed = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        while request := read_request(connection):
            message = json.loads(request.partition(b"\r\n\r\n")[2])
            if message["method"] == "tools/call":
                heard.set()
                if not connection.recv(1):
                    closed.set()
                return
            reply = {"jsonrpc": "2.0", "id": message.get("id"), "result": HELLO}
            connection.sendall(http(messages.line_of(reply)))

    with listening(serve) as port, bridge(environ_for(tmp_path, port)) as client:
        client.initialize()
        asked = client.ask("tools/call", {"name": "slow"})
        assert heard.wait(60)
        client.notify("notifications/cancelled", requestId=asked)
        assert closed.wait(60)

        assert client.request("prompts/list")["result"] == HELLO
        assert client.close() == 0

    assert [message for message in client.stray if message.get("id") == asked] == []


def test_a_request_is_sent_with_a_key_of_its_own(tmp_path: Path) -> None:
    """What is sent twice, because a kept connection died, can be told from what was asked twice."""
    requests: list[bytes] = []
    ok = http(b'{"jsonrpc":"2.0","id":1,"result":{}}')
    with listening(says(*[ok] * 3, requests=requests)) as port, bridge(environ_for(tmp_path, port)) as client:
        for number in range(3):
            client.ask(f"m{number}")
            client.receive()

    keys = [line for request in requests for line in request.split(b"\r\n") if line.startswith(b"Idempotency-Key: ")]
    assert len(set(keys)) == 3
