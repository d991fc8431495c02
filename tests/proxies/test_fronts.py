"""The documented nginx and Caddy in front of the real server: what reaches it, what it believes, what comes back."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from support.bridges import bridge
from support.fronts import FRONTS, PATIENCE_S, Front, why_not
from support.rpc import ACCEPT, answer_of, tool_text
from support.servers import RunningServer, environment, running_server, start_server

KEY = "the key behind the proxy"
INITIALIZE = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
FORGED = "203.0.113.66"


@pytest.fixture(scope="module", params=FRONTS)
def kind(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if why := why_not(name):
        pytest.skip(why)
    return name


@pytest.fixture(scope="module")
def served(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Front, RunningServer]]:
    folder = tmp_path_factory.mktemp(kind)
    with (
        running_server(folder / "data", api_key=KEY, env={"MEMORY_LIMIT_LOGINS": "2/minute"}) as server,
        FRONTS[kind](folder, server.port) as front,
    ):
        yield front, server


@pytest.fixture
def front(served: tuple[Front, RunningServer]) -> Front:
    return served[0]


@pytest.fixture
def http(front: Front) -> Iterator[httpx.Client]:
    with front.client(x_api_key=KEY) as client:
        yield client


def rpc(http: httpx.Client, method: str, params: object) -> httpx.Response:
    return http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, headers=ACCEPT)


def test_rest_goes_through(http: httpx.Client) -> None:
    kept = http.post("/memories", json={"content": "We deploy on Fridays"})
    found = http.post("/memories/search", json={"query": "fridays", "search_mode": "keyword"})
    page = http.get("/docs")

    assert (kept.status_code, found.json()["results"][0]["content"]) == (201, "We deploy on Fridays")
    assert page.text.startswith("<!doctype html>")


def test_what_the_server_says_to_browsers_arrives_once_with_that_all_goes_by_tls(http: httpx.Client) -> None:
    answer = http.get("/memories")

    assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000"]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert answer.headers["ratelimit-policy"].startswith('"address"')


def test_what_comes_without_tls_is_sent_there_and_stays_a_post(front: Front) -> None:
    answer = httpx.post(f"{front.plain_url}/memories", json={"content": "x"})

    assert answer.status_code == 308
    assert answer.headers["location"].startswith("https://localhost")


def test_a_page_of_ours_is_known_as_such_behind_the_proxy(front: Front, http: httpx.Client) -> None:
    """Its Origin has the port; a Host that lost it on the way would be another origin."""
    assert http.get("/stats", headers={"Origin": front.url}).status_code == 200
    assert http.get("/stats", headers={"Origin": "https://evil.example"}).status_code == 403


def test_the_bridge_goes_through_tls_of_an_authority_it_is_told_of(front: Front) -> None:
    env = {"MEMORY_SERVER": front.url, "MEMORY_API_KEY": KEY, "SSL_CERT_FILE": str(front.authority)}

    with bridge(environment(env)) as client:
        client.initialize()
        kept = client.call("memory_add", content="Ana prefers tabs over spaces")
        found = client.call("memory_search", query="tabs")

    assert "Kept" in tool_text(kept)
    assert "Ana prefers tabs" in tool_text(found)


def test_mcp_goes_through_as_the_stream_that_it_is(http: httpx.Client) -> None:
    begun = rpc(http, "initialize", INITIALIZE)
    called = rpc(http, "tools/call", {"name": "memory_stats", "arguments": {}})

    assert answer_of(begun)["result"]["serverInfo"]["name"] == "memory"
    assert called.headers["content-type"].startswith("text/event-stream")
    assert not answer_of(called)["result"]["isError"]
    assert http.get("/mcp").status_code == 405


def test_wrong_keys_are_counted_by_the_address_they_come_from(front: Front) -> None:
    """One that is made up in X-Forwarded-For is no other address, and does not lock out whom it belongs to."""

    def ask(address: str, key: str, said: str) -> int:
        with front.client(address=address, x_api_key=key, x_forwarded_for=said, forwarded=f"for={said}") as client:
            return client.get("/memories").status_code

    guesses = [ask("127.0.0.9", f"guess {number}", f"203.0.113.{number}") for number in range(3)]

    assert guesses == [401, 401, 429]
    assert ask("127.0.0.9", KEY, FORGED) == 429
    assert ask("127.0.0.10", KEY, "127.0.0.9") == 200


def test_an_address_is_limited_as_a_whole_behind_the_proxy(kind: str, tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "data", api_key=KEY, env={"MEMORY_LIMIT_ADDRESS": "3/minute"}) as server,
        FRONTS[kind](tmp_path, server.port) as front,
    ):

        def ask(address: str, said: str) -> int:
            with front.client(address=address, x_api_key=KEY, x_forwarded_for=said) as client:
                return client.get("/memories").status_code

        asked = [ask("127.0.0.9", f"203.0.113.{number}") for number in range(4)]

        assert asked == [200, 200, 200, 429]
        assert ask("127.0.0.10", "127.0.0.9") == 200


@pytest.mark.parametrize("is_declared", [True, False])
@pytest.mark.parametrize("path", ["/memories", "/mcp"])
def test_a_body_that_is_too_large_goes_no_further(http: httpx.Client, path: str, is_declared: bool) -> None:
    piece = b" " * 65_536
    body = piece * 40 if is_declared else (piece for _ in range(40))

    answer = http.post(path, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 413


def test_an_import_may_be_larger_than_other_bodies(http: httpx.Client) -> None:
    kept = http.post("/memories", json={"content": "x" * 60_000}).json()["id"]
    line = http.get("/export", params={"format": "jsonl"}).text.splitlines()
    (memory,) = (each for each in line if kept in each)
    copies = [memory.replace(kept, f"{number:032x}") for number in range(40)]
    body = "\n".join([*(each for each in line if '"id"' not in each), *copies]) + "\n"
    assert len(body) > 2_000_000

    report = http.post("/import", content=body, headers={"Content-Type": "application/jsonl"})

    assert (report.status_code, report.json()["imported"]) == (200, 40), report.text


def test_metrics_are_not_for_those_outside(served: tuple[Front, RunningServer], http: httpx.Client) -> None:
    assert http.get("/metrics").status_code == 403
    assert "/metrics" not in served[1].log_text()


def test_what_was_searched_for_and_the_key_are_not_in_its_log(front: Front, http: httpx.Client) -> None:
    http.get("/context", params={"query": "a-most-private-matter"})
    http.get("/memories", params={"limit": "1"})  # what is logged in order has come so far

    logged = front.log.read_text()

    assert "/context" in logged
    assert "a-most-private-matter" not in logged
    assert KEY not in logged


def test_a_server_that_is_away_is_said_to_be_and_found_again_by_itself(kind: str, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running_server(tmp_path / "data", api_key=KEY))
        front = stack.enter_context(FRONTS[kind](tmp_path, server.port))
        http = stack.enter_context(front.client(x_api_key=KEY))
        kept = http.post("/memories", json={"content": "before"}).status_code
        server.stop()
        away = http.get("/memories").status_code

        again = start_server(tmp_path / "data", api_key=KEY, args=["--port", str(server.port)])
        stack.callback(again.stop)
        back = http.get("/memories")

    assert (kept, away, back.status_code) == (201, 502, 200)
    assert back.json()["memories"][0]["content"] == "before"


# What Caddy 2.6.2 logs when it closes a connection that it reads from: now and then, on a machine without a free core.
CLOSED_BY_CADDY = "use of closed network connection"


@contextlib.contextmanager
def one_event_at_a_time(may_go_on: threading.Semaphore, count: int) -> Iterator[int]:
    """A stand-in for a tool that takes long: it sends an event, and waits to hear that it arrived; its port."""

    class Slow(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")  # as uvicorn does
            self.end_headers()
            for number in range(count):
                self.send_chunk(f"data: {json.dumps(number)}\n\n".encode())
                if not may_go_on.acquire(timeout=PATIENCE_S):
                    return
            self.send_chunk(b"")

        def send_chunk(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_each_event_of_a_stream_goes_out_when_it_comes(kind: str, tmp_path: Path) -> None:
    """Held back by the proxy, none would arrive: the next is sent only when the one before was received."""
    for attempt in range(5):
        arrived, folder = threading.Semaphore(0), tmp_path / str(attempt)
        folder.mkdir()
        with one_event_at_a_time(arrived, 5) as port, FRONTS[kind](folder, port) as front, front.client() as http:
            received = list(events(http, arrived.release))
            said = (folder / "proxy.out").read_text(encoding="utf-8")
        if CLOSED_BY_CADDY not in said:
            break

    assert received == [0, 1, 2, 3, 4], said


def events(http: httpx.Client, each: Callable[[], None]) -> Iterator[int]:
    headers = ACCEPT | {"Accept-Encoding": "gzip"}
    with http.stream("POST", "/mcp", json={}, headers=headers) as answer:
        came = (answer.status_code, answer.headers.get("content-type"))
        assert came == (200, "text/event-stream"), f"{answer.http_version} {came} {answer.headers}"
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield int(line.removeprefix("data: "))
                each()
