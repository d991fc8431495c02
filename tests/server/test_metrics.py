"""A scrape tells what happened, in text that Prometheus takes, with labels from short lists."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from memory_core.engine.compose import EngineOptions, open_engine
from memory_server import __version__
from memory_server.app import create_app
from memory_server.meters import Counter, Histogram
from memory_server.settings import ServerSettings
from support.apps import MakeApp
from support.rpc import call_tool
from support.servers import RunningServer, running_server

KEY = "the key of these tests"
MODEL = {"MEMORY_EMBEDDER": "onnx:all-MiniLM-L6-v2"}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def scrape(server: RunningServer) -> Samples:
    return samples(httpx.get(f"{server.url}/metrics", headers={"X-API-Key": KEY}, timeout=60).text)


@contextmanager
def watched(tmp_path: Path, **env: str) -> Iterator[tuple[RunningServer, httpx.Client]]:
    with (
        running_server(tmp_path / "data", api_key=KEY, env=env) as server,
        httpx.Client(base_url=server.url, headers={"X-API-Key": KEY}, timeout=60) as http,
    ):
        yield server, http


def test_requests_are_counted_by_route_and_never_by_path(tmp_path: Path) -> None:
    with watched(tmp_path) as (server, http):
        kept = http.post("/memories", json={"content": "one"}).json()["id"]
        http.get(f"/memories/{kept}")
        http.get("/memories/00000000")
        http.get("/nowhere/at/all")
        http.request("BREW", "/memories")
        found = scrape(server)

    name = "memory_http_requests_total"
    assert value(found, name, method="POST", route="/memories", status="201") == 1
    assert value(found, name, method="GET", route="/memories/{memory_id}", status="200") == 1
    assert value(found, name, method="GET", route="/memories/{memory_id}", status="404") == 1
    assert value(found, name, method="GET", route="unknown", status="404") == 1
    assert value(found, name, method="other", route="/memories", status="405") == 1
    assert value(found, "memory_http_request_duration_seconds_count", method="POST", route="/memories") == 1
    assert not any(kept in str(labels) or "nowhere" in str(labels) for _, labels in found)


def test_labels_stay_few_whatever_is_asked_for(tmp_path: Path) -> None:
    with watched(tmp_path, MEMORY_LIMIT_READS="off", MEMORY_LIMIT_WRITES="off") as (server, http):
        before = len(scrape(server))
        for number in range(300):
            http.request(f"M{number}", f"/path/{number}", headers={"X-Client-ID": f"c{number}"})
            http.get(f"/memories/{number:08x}", headers={"X-Request-ID": f"request-{number}"})
        after = len(scrape(server))

    assert after - before < 60


async def test_tool_calls_are_counted_by_tool_and_outcome(make_app: MakeApp) -> None:
    http = await make_app(limit_reads="off", limit_writes="off")

    await call_tool(http, "memory_add", {"content": "by a tool"})
    await call_tool(http, "memory_delete", {"memory_id": "00000000"})
    found = samples((await http.get("/metrics")).text)

    assert value(found, "memory_tool_calls_total", tool="memory_add", outcome="ok") == 1
    assert value(found, "memory_tool_calls_total", tool="memory_delete", outcome="not-found") == 1
    assert value(found, "memory_tool_call_duration_seconds_count", tool="memory_add") == 1
    assert value(found, "memory_http_requests_total", method="POST", route="/mcp", status="200") == 2


def test_who_is_not_let_in_and_what_limits_refuse_is_counted(tmp_path: Path) -> None:
    with watched(tmp_path, MEMORY_LIMIT_READS="2/hour") as (server, http):
        httpx.get(f"{server.url}/stats", timeout=60)
        httpx.get(f"{server.url}/stats", headers={"X-API-Key": "wrong"}, timeout=60)
        httpx.get(f"{server.url}/stats", headers={"Origin": "https://elsewhere.example", "X-API-Key": KEY}, timeout=60)
        for _ in range(5):
            http.get("/stats")
        found = scrape(server)

    refused = {reason: value(found, "memory_auth_failures_total", reason=reason) for reason in ("missing", "wrong")}
    assert refused == {"missing": 1, "wrong": 1}
    assert value(found, "memory_auth_failures_total", reason="forbidden") == 1
    assert value(found, "memory_rate_limited_total", kind="read") == 3
    assert value(found, "memory_rate_limited_total", kind="write") == 0


def test_memories_are_counted_by_type_and_state(tmp_path: Path) -> None:
    with watched(tmp_path) as (server, http):
        one, two, three = (
            http.post("/memories", json={"content": f"fact {n}", "memory_type": "fact"}).json()["id"] for n in range(3)
        )
        http.post("/memories", json={"content": "instead of one", "memory_type": "fact", "supersedes": one})
        http.delete(f"/memories/{two}")
        found = scrape(server)

    assert three
    states = {"live": 2, "superseded": 1, "trash": 1}
    assert {state: value(found, "memory_memories", type="fact", state=state) for state in states} == states
    assert value(found, "memory_store_up") == 1
    whole, log, free, floor = (
        value(found, f"memory_store_{name}_bytes") or 0 for name in ("size", "log", "disk_free", "disk_floor")
    )
    assert whole > log >= 0
    assert free > floor > 0
    assert value(found, "memory_build_info", version=__version__) == 1


def test_searches_are_timed_by_mode_and_stage(tmp_path: Path) -> None:
    with watched(tmp_path, **MODEL) as (server, http):
        http.post("/memories", json={"content": "We deploy on Fridays, only after lunch"})
        while http.get("/health").json()["embedding"]["state"] == "loading":
            pass
        for mode in ("keyword", "semantic", "hybrid"):
            http.post("/memories/search", json={"query": "release schedule", "search_mode": mode}).raise_for_status()
        found = scrape(server)

    for mode in ("keyword", "semantic", "hybrid"):
        assert value(found, "memory_search_duration_seconds_count", mode=mode) == 1
        for stage in ("candidates", "fuse"):
            assert value(found, "memory_search_stage_duration_seconds_count", mode=mode, stage=stage) == 1
        embedded = value(found, "memory_search_stage_duration_seconds_count", mode=mode, stage="embed")
        assert embedded == (None if mode == "keyword" else 1)
    assert value(found, "memory_search_fallbacks_total") == 0
    assert (value(found, "memory_embedding_batch_duration_seconds_count") or 0) >= 1
    assert value(found, "memory_embedding_pending") == 0
    assert value(found, "memory_embedding_model_state", state="ready") == 1
    assert value(found, "memory_embedding_model_info", model="all-MiniLM-L6-v2", dimension="384") == 1


def test_a_search_by_meaning_that_is_answered_by_words_is_counted(tmp_path: Path) -> None:
    with watched(tmp_path) as (server, http):
        http.post("/memories/search", json={"query": "anything"}).raise_for_status()
        found = scrape(server)

    assert value(found, "memory_search_fallbacks_total") == 1
    assert value(found, "memory_search_duration_seconds_count", mode="keyword") == 1
    assert value(found, "memory_embedding_model_state", state="off") == 1


def test_the_last_backup_is_shown_also_after_a_restart(tmp_path: Path) -> None:
    with watched(tmp_path) as (server, http):
        made = http.post("/admin/backup").json()
        found = scrape(server)
    with watched(tmp_path) as (server, _):
        again = scrape(server)

    assert value(found, "memory_backups_total", outcome="made") == 1
    assert value(found, "memory_backup_duration_seconds_count") == 1
    for each in (found, again):
        assert value(each, "memory_backup_last_size_bytes") == made["bytes"]
        assert (value(each, "memory_backup_last_success_timestamp_seconds") or 0) > 1_700_000_000
    assert value(again, "memory_backups_total", outcome="made") == 0


def test_a_scrape_needs_the_key_and_is_free(tmp_path: Path) -> None:
    with watched(tmp_path, MEMORY_LIMIT_READS="1/hour") as (server, http):
        assert httpx.get(f"{server.url}/metrics", timeout=60).status_code == 401
        assert {http.get("/metrics").status_code for _ in range(20)} == {200}


def test_whoever_asks_for_openmetrics_gets_it(server: RunningServer, http: httpx.Client) -> None:
    answer = http.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert {"memory_http_requests", "memory_memories", "process_resident_memory_bytes"} <= {
        family.name for family in openmetrics_families(answer.text)
    }


async def test_without_a_store_the_rest_is_shown_and_says_so(tmp_path: Path) -> None:
    service = open_engine(EngineOptions(data_dir=tmp_path, embedder="none", threads=1))
    app = create_app(service, ServerSettings(data_dir=tmp_path))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost:8420") as http,
    ):
        await service.close()
        answer = await http.get("/metrics")

    assert answer.status_code == 200
    found = samples(answer.text)
    assert value(found, "memory_store_up") == 0
    assert value(found, "memory_rate_limited_total", kind="write") == 0


async def test_many_scrapes_at_once_read_the_store_once(tmp_path: Path) -> None:
    reads = 0
    service = open_engine(EngineOptions(data_dir=tmp_path, embedder="none", threads=1))

    class Counting:
        async def gauges(self) -> object:
            nonlocal reads
            reads += 1
            return await service.watch.gauges()

        readiness = service.watch.readiness

    class Watched:
        watch = Counting()

        def __getattr__(self, name: str) -> object:
            return getattr(service, name)

    app = create_app(Watched(), ServerSettings(data_dir=tmp_path))  # type: ignore[arg-type]
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost:8420") as http,
    ):
        answers = await asyncio.gather(*(http.get("/metrics") for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert reads == 1


def test_a_histogram_counts_what_is_not_larger_than_each_bound() -> None:
    histogram = Histogram("seconds", "", ("route",), bounds=(1.0, 2.0))
    for seconds in (0.5, 1.0, 1.5, 3.0):
        histogram.observe("/", value=seconds)

    assert histogram.values() == {("/",): ([("1.0", 2.0), ("2.0", 3.0), ("+Inf", 4.0)], 6.0)}


@pytest.mark.parametrize("counter", [Counter("all", ""), Counter("some", "", ("kind",), known=("a",))])
def test_what_has_not_happened_yet_is_0_and_not_absent(counter: Counter) -> None:
    assert set(counter.values().values()) == {0.0}
