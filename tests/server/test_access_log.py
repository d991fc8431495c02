"""One line a request: enough to see what happens, nothing that would hurt if the log were read."""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.apps import MakeApp
from support.embedding_api import Refusal, running_embedding_api
from support.rpc import ACCEPT
from support.servers import RunningServer, running_server

KEY = "correct horse battery staple"
UNLIMITED = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}
LINE = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| memory_server\.access \| INFO \| (?P<method>\w+) (?P<path>\S+) "
    r"\| (?P<status>\d+) \| \d+\.\dms \| ip=(?P<ip>\S+) key=(?P<key>\S+) "
    r"request=(?P<request>[0-9a-f]{16})$"
)


def lines(text: str) -> list[dict[str, str]]:
    return [found.groupdict() for line in text.splitlines() if (found := LINE.match(line))]


def test_each_request_leaves_one_line_of_the_documented_shape(tmp_path: Path) -> None:
    hint = hashlib.sha256(KEY.encode()).hexdigest()[:8]
    with (
        running_server(tmp_path / "data", api_key=KEY) as server,
        httpx.Client(base_url=server.url, timeout=60) as http,
    ):
        key = {"X-API-Key": KEY}
        http.get("/health")
        http.post("/memories", json={"content": "marked content"}, headers=key)
        http.get("/memories", params={"tags": "marked-query"}, headers=key)
        http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "marked"}, headers=key)
        http.get("/stats", headers={"X-API-Key": "marked wrong key"})
        http.get("/a%0A2025-01-01 00:00:00 | forged", headers=key)
        http.post("/memories", content=b"{marked", headers=key)

    text = server.log_text()
    seen = [(line["method"], line["path"], line["status"], line["key"]) for line in lines(text)]
    # In no order: a line is written after the answer, when the next request may be under way.
    assert Counter(seen) == Counter(
        [
            ("GET", "/health", "200", "-"),
            ("POST", "/memories", "201", f"{hint}..."),
            ("GET", "/memories", "200", f"{hint}..."),
            ("POST", "/mcp", "200", f"{hint}..."),
            ("GET", "/stats", "401", "-"),
            ("GET", "/a%0A2025-01-01%2000:00:00%20%7C%20forged", "404", f"{hint}..."),
            ("POST", "/memories", "415", f"{hint}..."),
        ]
    )
    assert len(text.splitlines()) == len(seen)
    assert "marked" not in text
    assert KEY[:8] not in text


def test_an_address_from_a_trusted_proxy_is_the_callers(tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    with running_server(tmp_path / "data") as server:
        httpx.get(f"{server.url}/health", headers=forwarded, timeout=60)
    with running_server(tmp_path / "other", env={"MEMORY_FORWARDED_ALLOW_IPS": "192.0.2.1"}) as other:
        httpx.get(f"{other.url}/health", headers=forwarded)

    assert [line["ip"] for line in lines(server.log_text())] == ["203.0.113.9"]
    assert [line["ip"] for line in lines(other.log_text())] == ["127.0.0.1"]


def objects(server: RunningServer) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log_text().splitlines()]


def test_machines_get_one_object_a_line(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", args=["--log-format", "json"]) as server:
        laptop = {"X-Client-ID": "laptop%20one"}
        httpx.get(f"{server.url}/memories/0123456789ab?marked=query", headers=laptop, timeout=60)

    (line,) = objects(server)
    fields = {name: line[name] for name in ("method", "path", "route", "status", "ip", "key", "client", "logger")}
    assert fields == {
        "method": "GET", "path": "/memories/0123456789ab", "route": "/memories/{memory_id}", "status": 404,
        "ip": "127.0.0.1", "key": "-", "client": "laptop one", "logger": "memory_server.access",
    }  # fmt: skip
    assert line["ms"] > 0
    assert "marked" not in server.log_text()


def test_a_requests_name_is_in_its_answer_and_its_line(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", args=["--log-format", "json"]) as server:
        named = httpx.get(f"{server.url}/stats", headers={"X-Request-ID": "proxy-0815:42"}, timeout=60)
        made = httpx.get(f"{server.url}/stats", timeout=60)
        refused = httpx.get(f"{server.url}/memories/0123456789ab", headers={"X-Request-ID": "refused-01"}, timeout=60)

    assert named.headers["x-request-id"] == "proxy-0815:42"
    assert re.fullmatch("[0-9a-f]{16}", made.headers["x-request-id"])
    assert refused.json()["request_id"] == refused.headers["x-request-id"] == "refused-01"
    names = [answer.headers["x-request-id"] for answer in (named, made, refused)]
    assert [line["request_id"] for line in objects(server)] == names


@pytest.mark.parametrize("sent", ["short", "x" * 65, "with blank", "semi;colon", 'quote"quote', "ümlaut-ümlaut"])
async def test_a_name_that_could_do_harm_is_not_taken(make_app: MakeApp, sent: str) -> None:
    http = await make_app()

    answer = await http.get("/health", headers={"X-Request-ID": sent.encode()})

    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


def test_what_the_engine_says_because_of_a_request_carries_its_name(tmp_path: Path) -> None:
    """The engine knows no requests: the name follows the call into its threads, also from a tool."""
    with running_embedding_api() as api:
        env = {"MEMORY_EMBEDDER": "openai:toy", "MEMORY_EMBEDDER_URL": api.url}
        with running_server(tmp_path / "data", args=["--log-format", "json"], env=env) as server:
            while httpx.get(f"{server.url}/health", timeout=60).json()["embedding"]["state"] != "ready":
                pass
            api.refusals.extend([Refusal(400)] * 10)
            call = CALL | {"params": {"name": "memory_search", "arguments": {"query": "anything"}}}
            headers = ACCEPT | {"X-Request-ID": "search-by-a-tool"}
            httpx.post(f"{server.url}/mcp", json=call, headers=headers, timeout=60)
            httpx.post(f"{server.url}/admin/backup", headers={"X-Request-ID": "backup-by-hand"}, timeout=60)

    said = {(line.get("request_id"), line["logger"]) for line in objects(server)}
    assert ("search-by-a-tool", "memory_core.engine.embedding") in said
    assert ("backup-by-hand", "memory_core.engine.backups.keeping") in said


MARK = "Zq7xMARKx7qZ"
TEXT = st.text(st.characters(codec="utf-8"), max_size=30).map(lambda text: f"{text}{MARK}{text[:5]}")
HEADER = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30).map(lambda text: f"{MARK}{text}")
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
ADD = {"name": "memory_add"}
BODY = st.one_of(
    st.builds(lambda text: json.dumps({"content": text, "query": text, "tags": [text]}).encode(), TEXT),
    st.builds(lambda text: json.dumps({"content_contains": text, text: text}).encode(), TEXT),
    st.builds(lambda text: b'{"content": "' + text.encode(), TEXT),
    st.builds(lambda text: json.dumps(CALL | {"params": {"name": text, "arguments": {}}}).encode(), TEXT),
    st.builds(lambda text: json.dumps(CALL | {"params": ADD | {"arguments": {"content": text}}}).encode(), TEXT),
)
PATHS = ("/memories", "/memories/search", "/memories/purge", "/undo", "/import", "/context", "/mcp", "/admin/backup/x")


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_neither_key_nor_query_nor_content_is_ever_in_the_log(tmp_path: Path, log_format: str) -> None:
    with (
        running_server(tmp_path / "data", api_key=KEY, args=["--log-format", log_format], env=UNLIMITED) as server,
        httpx.Client(base_url=server.url, timeout=60) as http,
    ):

        @settings(max_examples=120, suppress_health_check=list(HealthCheck))
        @given(
            method=st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
            path=st.sampled_from(PATHS),
            query=TEXT,
            body=BODY,
            key=st.one_of(st.just(KEY), HEADER),
            media=st.sampled_from(["application/json", "application/jsonl", "text/plain", MARK]),
            extra=st.dictionaries(st.sampled_from(["X-Reason", "Cookie", "Referer", "Origin"]), HEADER),
        )
        def send(method: str, path: str, query: str, body: bytes, key: str, media: str, extra: dict[str, str]) -> None:
            headers = {"X-API-Key": key, "Content-Type": media, "Accept": "application/json, text/event-stream"}
            http.request(method, path, params={"query": query, MARK: "1"}, content=body, headers=headers | extra)

        send()

    assert len(server.log_text().splitlines()) >= 120
    assert MARK not in server.log_text()
