"""What every answer says to browsers and to clients that keep to limits, be it a result, a refusal or a failure."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.apps import MakeApp
from support.rpc import ACCEPT, call_tool, post
from support.servers import RunningServer, running_server

KEY = {"X-API-Key": "k"}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ANSWERS = [
    ("GET", "/health", {}, 200),
    ("GET", "/memories", KEY, 200),
    ("GET", "/docs", KEY, 200),
    ("GET", "/openapi.json", KEY, 200),
    ("GET", "/export", KEY, 200),
    ("POST", "/mcp", KEY | ACCEPT, 200),
    ("GET", "/memories", {}, 401),
    ("GET", "/memories", KEY | {"Origin": "https://evil.example"}, 403),
    ("GET", "/nowhere", KEY, 404),
    ("GET", "/memories/ffffffff", KEY, 404),
    ("PUT", "/memories", KEY, 405),
    ("GET", "/mcp", KEY, 405),
    ("POST", "/memories", KEY | {"Content-Type": "text/plain"}, 415),
    ("GET", "/memories", KEY | {"Host": "evil.example"}, 421),
    ("POST", "/memories/search", KEY, 422),
    ("GET", "/memories?limit=0", KEY, 422),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("headers") / "data"
    with running_server(folder, api_key="k", env={"MEMORY_ALLOWED_HOSTS": "127.0.0.1"}) as running:
        yield running


@pytest.mark.parametrize(("method", "path", "headers", "status"), ANSWERS)
def test_no_answer_may_be_framed_stored_or_guessed_at(
    server: RunningServer, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = httpx.request(
        method, server.url + path, json=PING if method == "POST" else None, headers=headers, timeout=60
    )

    assert answer.status_code == status
    said = answer.headers
    assert said["x-content-type-options"] == "nosniff"
    assert said["referrer-policy"] == "same-origin"
    assert said["cross-origin-resource-policy"] == "same-origin"
    assert said["cache-control"].startswith("no-store")
    assert "frame-ancestors 'none'" in said["content-security-policy"]
    assert "unsafe" not in said["content-security-policy"]
    assert "server" not in said
    assert "strict-transport-security" not in said


def test_over_tls_browsers_are_told_to_stay_there(server: RunningServer) -> None:
    """The proxy in front says so; one that is not trusted is not heard, which `test_forwarded` holds."""
    answer = httpx.get(f"{server.url}/memories", headers={"X-Forwarded-Proto": "https"})

    assert (answer.status_code, answer.headers["strict-transport-security"]) == (401, "max-age=31536000")


async def test_a_failure_of_ours_says_so_too(make_app: MakeApp, tmp_path: Path) -> None:
    http = await make_app()
    (tmp_path / "app-0").rename(tmp_path / "away")  # the export has nowhere to be written

    failed = await http.get("/export")

    assert failed.status_code >= 500
    assert failed.headers["x-content-type-options"] == "nosniff"
    assert failed.headers["ratelimit-policy"].startswith('"')


async def test_the_page_of_the_routes_has_its_style_and_nothing_more(make_app: MakeApp) -> None:
    page = await (await make_app()).get("/docs")

    policy = page.headers["content-security-policy"]
    assert re.match(r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; base-uri 'none'; frame-ancestors", policy)
    assert "<script" not in page.text
    assert " style=" not in page.text


async def test_an_answer_says_what_is_left_of_each_limit(make_app: MakeApp) -> None:
    http = await make_app(limit_reads="3/minute", limit_address="20/minute")

    first, second = await http.get("/memories"), await http.get("/stats")

    assert first.headers["ratelimit-policy"] == '"address";q=20;w=60, "read";q=3;w=60'
    assert re.fullmatch(r'"address";r=19;t=(60|61), "read";r=2;t=(60|61)', first.headers["ratelimit"])
    older = [second.headers[f"ratelimit-{name}"] for name in ("limit", "remaining")]
    assert older == ["3", "1"], "of the one that is nearest to its end"
    assert 1 <= int(second.headers["ratelimit-reset"]) <= 61
    assert "retry-after" not in second.headers


async def test_a_refusal_says_which_limit_it_was(make_app: MakeApp) -> None:
    http = await make_app(limit_reads="1/minute")
    await http.get("/memories")

    refused = await http.get("/memories")

    assert refused.status_code == 429
    wait_s = refused.headers["retry-after"]
    assert refused.headers["ratelimit"].endswith(f'"read";r=0;t={wait_s}')
    assert (refused.headers["ratelimit-remaining"], refused.headers["ratelimit-reset"]) == ("0", wait_s)


async def test_a_tool_call_tells_of_the_message_and_of_what_it_does(make_app: MakeApp) -> None:
    http = await make_app(limit_writes="2/minute")
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}

    kept = await post(http, message | {"params": {"name": "memory_add", "arguments": {"content": "x"}}})
    assert kept.headers["content-type"].startswith("text/event-stream"), "whose beginning has to wait for the tool"
    assert kept.headers["x-accel-buffering"] == "no"
    listed = await post(http, message | {"method": "tools/list", "params": {}})

    assert kept.headers["ratelimit-policy"].endswith('"protocol";q=600;w=60, "write";q=2;w=60')
    assert '"write";r=1;' in kept.headers["ratelimit"]
    assert "write" not in listed.headers["ratelimit"]


async def test_a_wrong_key_says_how_many_are_left(make_app: MakeApp) -> None:
    http = await make_app(api_key="k", limit_logins="1/minute")

    wrong = await http.get("/memories", headers={"X-API-Key": "one"})
    refused = await http.get("/memories", headers={"X-API-Key": "two"})

    assert '"failed-login";r=0;' in wrong.headers["ratelimit"]
    assert (wrong.status_code, refused.status_code) == (401, 429)
    assert "retry-after" in refused.headers
    assert "retry-after" not in wrong.headers


async def test_without_limits_nothing_is_said_of_them(make_app: MakeApp) -> None:
    http = await make_app(limit_reads="off", limit_writes="off", limit_protocol="off")

    answers = [await http.get("/health"), await http.get("/memories"), await http.get("/nowhere")]
    await call_tool(http, "memory_stats", {})

    assert not [name for answer in answers for name in answer.headers if name.startswith("ratelimit")]


async def test_a_page_of_another_origin_may_read_what_is_left(make_app: MakeApp) -> None:
    http = await make_app(cors_origins=("https://app.example",))

    answer = await http.get("/memories", headers={"Origin": "https://app.example"})

    assert "ratelimit" in answer.headers["access-control-expose-headers"].split(", ")
