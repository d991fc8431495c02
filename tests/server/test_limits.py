"""How often one caller may do what, over REST and MCP alike."""

import contextlib

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_core.errors import InvalidError, RateLimitedError
from memory_server import limits as module
from memory_server.limits import Kind, Limits, counted_as, kind_of, parse_rate
from support.apps import MakeApp
from support.rpc import call_tool, tool_text

KEY = {"X-API-Key": "k"}


async def statuses(http: httpx.AsyncClient, count: int, method: str, path: str, **more: object) -> list[int]:
    return [(await http.request(method, path, **more)).status_code for _ in range(count)]  # type: ignore[arg-type]


async def test_reads_and_writes_are_counted_apart(make_app: MakeApp) -> None:
    http = await make_app(limit_writes="2/minute", limit_reads="3/minute")

    writes = await statuses(http, 3, "POST", "/memories", json={"content": "x"})
    searches = await statuses(http, 2, "POST", "/memories/search", json={"query": "x"})
    reads = await statuses(http, 2, "GET", "/stats")

    assert writes == [201, 200, 429], "the second is a repeat, and counted all the same"
    assert searches == [200, 200]
    assert reads == [200, 429]


async def test_a_refusal_says_when_to_come_back(make_app: MakeApp) -> None:
    http = await make_app(limit_reads="1/minute")
    first = await http.get("/stats")

    refused = await http.get("/stats")

    assert "retry-after" not in first.headers
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    problem = refused.json()
    assert (problem["status"], problem["code"]) == (429, "rate-limited")
    assert problem["detail"].startswith(f"rate limited, retry in {problem['retry_after_s']:.0f} s (at most 1 per 1 min")


async def test_unknown_routes_count_and_health_is_free(make_app: MakeApp) -> None:
    http = await make_app(limit_reads="2/minute")

    assert await statuses(http, 3, "GET", "/nowhere") == [404, 404, 429]
    assert await statuses(http, 5, "GET", "/health") == [200] * 5


async def test_bodies_that_are_refused_count_too(make_app: MakeApp) -> None:
    http = await make_app(limit_writes="2/minute")

    assert await statuses(http, 3, "POST", "/memories", content=b"{") == [415, 415, 429]


async def test_a_limited_tool_call_is_an_answer_that_a_model_can_read(make_app: MakeApp) -> None:
    http = await make_app(limit_writes="1/minute")
    await call_tool(http, "memory_add", {"content": "first"})

    refused = await call_tool(http, "memory_add", {"content": "second"})
    reading = await call_tool(http, "memory_search", {"query": "first"})

    assert refused["isError"]
    assert tool_text(refused).startswith("rate limited, retry in ")
    assert not reading["isError"]


async def test_rest_and_tools_share_one_count(make_app: MakeApp) -> None:
    http = await make_app(limit_writes="1/minute", api_key="k")
    await call_tool(http, "memory_add", {"content": "first"}, headers=KEY)

    assert (await http.post("/memories", json={"content": "second"}, headers=KEY)).status_code == 429


async def test_off_means_no_limit(make_app: MakeApp) -> None:
    http = await make_app(limit_reads="off")

    assert await statuses(http, 100, "GET", "/nowhere") == [404] * 100


def test_a_rate_that_is_none_is_refused_by_name() -> None:
    assert parse_rate("off", variable="X") is None
    with pytest.raises(InvalidError, match="MEMORY_LIMIT_READS is 'many'; it takes a rate such as 30/minute, or off"):
        Limits(reads="many", writes="off")


def test_invented_names_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NAMES", 50)
    limits = Limits(reads="1/minute", writes="off")

    for number in range(500):
        limits.spend(Kind.READ, f"name {number}")

    assert len(limits._seen) == 50
    assert len(vars(limits._counts.storage)["events"]) <= 50
    with pytest.raises(RateLimitedError):
        limits.spend(Kind.READ, "name 499")


def test_what_counts_once_counts_again_after_its_window() -> None:
    moments = iter([0.0, 1.0, 59.0, 60.0, 60.0])
    limits = Limits(reads="off", writes="off", logins="2/minute", clock=lambda: next(moments))

    for _ in range(3):
        limits.spend_once(Kind.FAILED_LOGIN, "here", b"old")
    limits.refuse_if_used_up(Kind.FAILED_LOGIN, "here")
    limits.spend_once(Kind.FAILED_LOGIN, "here", b"old")

    with pytest.raises(RateLimitedError):
        limits.refuse_if_used_up(Kind.FAILED_LOGIN, "here")
    limits.spend_once(Kind.FAILED_LOGIN, "elsewhere", b"old")


def test_invented_keys_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NAMES", 50)
    limits = Limits(reads="off", writes="off")

    for number in range(500):
        limits.spend_once(Kind.FAILED_LOGIN, f"address {number}", b"guess %d" % number)

    assert len(limits._once) == 50


@settings(max_examples=50, deadline=None)
@given(allowed=st.integers(1, 20), tried=st.integers(0, 40), names=st.integers(1, 3))
def test_in_one_window_each_name_gets_exactly_what_is_allowed(allowed: int, tried: int, names: int) -> None:
    limits = Limits(reads=f"{allowed}/hour", writes="off")
    passed = dict.fromkeys(range(names), 0)

    for _ in range(tried):
        for name in passed:
            with contextlib.suppress(RateLimitedError):
                limits.spend(Kind.READ, str(name))
                passed[name] += 1

    assert set(passed.values()) == {min(allowed, tried)}


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/memories", Kind.READ),
        ("HEAD", "/stats", Kind.READ),
        ("POST", "/memories/search", Kind.READ),
        ("POST", "/memories", Kind.WRITE),
        ("DELETE", "/memories/1234", Kind.WRITE),
        ("POST", "/mcp", Kind.PROTOCOL),
        ("POST", "/mcp/", Kind.PROTOCOL),
    ],
)
def test_what_a_request_is_counted_as(method: str, path: str, kind: Kind) -> None:
    assert kind_of(method, path) is kind


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("key 3f2a9c1b", "key 3f2a9c1b"),
        ("x" * 5000, "x" * 100),
    ],
)
def test_an_ipv6_site_is_one_caller(address: str, counted: str) -> None:
    """Who has one such address can come by 2^64 of them."""
    assert counted_as(address) == counted


@pytest.mark.parametrize(("reads", "is_limited"), [("60/minute", True), ("off", False)])
def test_where_keys_are_not_limited_addresses_are_not_unless_said(reads: str, is_limited: bool) -> None:
    def refused(limits: Limits) -> bool:
        with contextlib.suppress(RateLimitedError):
            for _ in range(1201):
                limits.spend(Kind.ADDRESS, "192.0.2.7")
            return False
        return True

    assert refused(Limits(reads=reads, writes="30/minute")) is is_limited
    assert refused(Limits(reads=reads, writes="30/minute", address="1200/minute"))
