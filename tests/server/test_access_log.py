"""One line a request: enough to see what happens, nothing that would hurt if the log were read."""

import hashlib
import json
import re
from pathlib import Path

import httpx

from support.servers import running_server

KEY = "correct horse battery staple"
LINE = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| memory_server\.access \| INFO \| (?P<method>\w+) (?P<path>\S+) "
    r"\| (?P<status>\d+) \| \d+\.\dms \| ip=(?P<ip>\S+) key=(?P<key>\S+)$"
)


def lines(text: str) -> list[dict[str, str]]:
    return [found.groupdict() for line in text.splitlines() if (found := LINE.match(line))]


def test_each_request_leaves_one_line_of_the_documented_shape(tmp_path: Path) -> None:
    hint = hashlib.sha256(KEY.encode()).hexdigest()[:8]
    with running_server(tmp_path / "data", api_key=KEY) as server:
        key = {"X-API-Key": KEY}
        httpx.get(f"{server.url}/health")
        httpx.post(f"{server.url}/memories", json={"content": "marked content"}, headers=key)
        httpx.get(f"{server.url}/memories", params={"tags": "marked-query"}, headers=key)
        httpx.post(f"{server.url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "marked"}, headers=key)
        httpx.get(f"{server.url}/stats", headers={"X-API-Key": "marked wrong key"})
        httpx.get(f"{server.url}/a%0A2025-01-01 00:00:00 | forged", headers=key)
        httpx.post(f"{server.url}/memories", content=b"{marked", headers=key)

    text = server.log_text()
    seen = [(line["method"], line["path"], line["status"], line["key"]) for line in lines(text)]
    assert seen == [
        ("GET", "/health", "200", "-"),
        ("POST", "/memories", "201", f"{hint}..."),
        ("GET", "/memories", "200", f"{hint}..."),
        ("POST", "/mcp", "200", f"{hint}..."),
        ("GET", "/stats", "401", "-"),
        ("GET", "/a%0A2025-01-01%2000:00:00%20%7C%20forged", "404", f"{hint}..."),
        ("POST", "/memories", "415", f"{hint}..."),
    ]
    assert len(text.splitlines()) == len(seen)
    assert "marked" not in text
    assert KEY[:8] not in text


def test_an_address_from_a_trusted_proxy_is_the_callers(tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    with running_server(tmp_path / "data") as server:
        httpx.get(f"{server.url}/health", headers=forwarded)
    with running_server(tmp_path / "other", env={"MEMORY_FORWARDED_ALLOW_IPS": "192.0.2.1"}) as other:
        httpx.get(f"{other.url}/health", headers=forwarded)

    assert [line["ip"] for line in lines(server.log_text())] == ["203.0.113.9"]
    assert [line["ip"] for line in lines(other.log_text())] == ["127.0.0.1"]


def test_machines_get_one_object_a_line(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", args=["--log-format", "json"]) as server:
        httpx.get(f"{server.url}/stats")

    (line,) = map(json.loads, server.log_text().splitlines())
    assert (line["method"], line["path"], line["status"], line["key"]) == ("GET", "/stats", 200, "-")
    assert line["logger"] == "memory_server.access"
