"""Traces go to a collector if they are asked for, and hold names, numbers and states only."""

import subprocess
import sys
from pathlib import Path

import httpx

from support.collectors import attributes, running_collector
from support.rpc import ACCEPT
from support.servers import environment, running_server

KEY = "the key of these tests"
MARK = "Zq7xMARKx7qZ"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}


def test_a_request_its_tool_and_its_search_are_spans_of_the_callers_trace(tmp_path: Path) -> None:
    headers = {"X-API-Key": KEY, "X-Request-ID": "traced-request", "traceparent": f"00-{TRACE}-{PARENT}-01"}
    call = CALL | {"params": {"name": "memory_search", "arguments": {"query": "anything"}}}
    with running_collector() as collector:
        with running_server(tmp_path / "data", api_key=KEY, env={"MEMORY_TRACING": collector.url}) as server:
            httpx.post(f"{server.url}/mcp", json=call, headers=headers | ACCEPT, timeout=60).raise_for_status()
            httpx.get(f"{server.url}/health", timeout=60)
            httpx.get(f"{server.url}/metrics", headers=headers, timeout=60)
        spans = {span.name: span for span in collector.spans()}

    request = spans["POST /mcp"]
    parts = {f"search {stage}" for stage in ("embed", "candidates", "fuse")}
    assert set(spans) == {"POST /mcp", "tool memory_search", "search"} | parts
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    assert request.parent_span_id.hex() == PARENT
    assert {span.parent_span_id for span in spans.values() if span is not request} == {request.span_id}
    assert attributes(request) == {
        "http.request.method": "POST", "http.route": "/mcp", "http.response.status_code": 200,
        "memory.request_id": "traced-request",
    }  # fmt: skip
    assert attributes(spans["tool memory_search"]) == {"memory.tool": "memory_search", "memory.tool.outcome": "ok"}
    assert attributes(spans["search"]) == {"memory.search.mode": "keyword", "memory.search.asked": "hybrid"}
    assert collector.resource()["service.name"] == "memory-server"
    assert set(collector.paths) == {"/v1/traces"}


def test_no_span_holds_a_text_a_query_or_a_key(tmp_path: Path) -> None:
    with running_collector() as collector:
        with (
            running_server(tmp_path / "data", api_key=KEY + MARK, env={"MEMORY_TRACING": collector.url}) as server,
            httpx.Client(base_url=server.url, headers={"X-API-Key": KEY + MARK, "X-Reason": MARK}, timeout=60) as http,
        ):
            http.post("/memories", json={"content": MARK, "tags": [MARK]})
            http.post("/memories/search", json={"query": MARK})
            http.get("/context", params={"query": MARK, "baggage": MARK}, headers={"baggage": f"note={MARK}"})
            http.post("/memories", json={MARK: MARK})
            http.get(f"/{MARK}")
            http.request(MARK, "/stats")
            call = CALL | {"params": {"name": "memory_add", "arguments": {"content": MARK, "topic_key": MARK}}}
            http.post("/mcp", json=call, headers=ACCEPT)
            http.post("/mcp", json=CALL | {"params": {"name": MARK, "arguments": {}}}, headers=ACCEPT)
        spans = collector.spans()

    assert {"GET unknown", "other /stats", "POST /memories", "tool memory_add"} <= {span.name for span in spans}
    assert not any(MARK.encode() in body for body in collector.bodies)


def test_the_usual_variables_alone_send_nothing_anywhere(tmp_path: Path) -> None:
    """They may be set for all that runs on a machine; who wants this server's traces says so."""
    with running_collector() as collector:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "FASTAPI_OTEL_AUTO_CONFIGURE": "true"}
        with running_server(tmp_path / "silent", env=env) as server:
            httpx.get(f"{server.url}/stats", timeout=60).raise_for_status()
        assert collector.bodies == []
        named = env | {"MEMORY_TRACING": "on", "OTEL_SERVICE_NAME": "memories-at-home"}
        with running_server(tmp_path / "data", env=named) as server:
            httpx.get(f"{server.url}/stats", timeout=60).raise_for_status()

    assert [span.name for span in collector.spans()] == ["GET /stats"]
    assert collector.resource()["service.name"] == "memories-at-home"


def test_a_collector_that_is_away_holds_up_nobody(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", env={"MEMORY_TRACING": "http://127.0.0.1:9"}) as server:
        httpx.get(f"{server.url}/stats", timeout=60).raise_for_status()
        assert server.stop() == 0


def test_without_the_extra_the_sentence_names_the_line_that_installs_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['opentelemetry.sdk'] = None\n"  # as where it is not installed
        "from memory_server.main import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "--data-dir", str(tmp_path / "data"), "--port", "0", "--tracing", "on"]
    ended = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=90, check=False)

    assert ended.returncode == 2
    assert "pip install 'memory-server[otel]'" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_address_that_is_none_is_refused_in_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "memory_server", "--data-dir", str(tmp_path), "--port", "0", "--tracing", "jaeger"]
    ended = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=90, check=False)

    assert ended.returncode == 2
    assert "off, on, or an address such as http://127.0.0.1:4318" in ended.stderr
