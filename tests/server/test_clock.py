"""A clock that is set back by days while the server runs, or between two runs: nothing is lost, hidden or refused."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from memory_core.engine.compose import EngineOptions, open_engine
from memory_core.errors import RateLimitedError
from memory_server.app import create_app
from memory_server.limits import Kind, Limits
from memory_server.settings import ServerSettings

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BACK = timedelta(days=-3)


class Clock:
    now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@asynccontextmanager
async def served(folder: Path, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    service = open_engine(EngineOptions(data_dir=folder, embedder="none", threads=1), clock=clock)
    app = create_app(service, ServerSettings(data_dir=folder, limit_reads="off", limit_writes="off"))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost:8420") as http,
    ):
        yield http


async def add(http: httpx.AsyncClient, content: str) -> dict[str, Any]:
    return dict((await http.post("/memories", json={"content": content})).raise_for_status().json())


async def change(http: httpx.AsyncClient, memory: dict[str, Any], content: str) -> dict[str, Any]:
    answer = await http.patch(f"/memories/{memory['id']}", json={"content": content})
    return dict(answer.raise_for_status().json())


async def contents(http: httpx.AsyncClient, *, between: str | None = None) -> list[str]:
    """Page by page, two at a time; `between` is kept after the first page has been read."""
    found: list[str] = []
    params = {"limit": "2"}
    while True:
        page = (await http.get("/memories", params=params)).json()
        found += [memory["content"] for memory in page["memories"]]
        if between is not None:
            await add(http, between)
            between = None
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


def moment(memory: dict[str, Any], field: str) -> datetime:
    return datetime.fromisoformat(memory[field])


async def test_set_back_while_the_server_runs_everything_is_kept_found_and_in_order(tmp_path: Path) -> None:
    clock = Clock()
    async with served(tmp_path, clock) as http:
        before = [await add(http, f"before {number}") for number in range(3)]
        changed = await change(http, before[0], "before 0, changed")
        clock.now += BACK

        again = await change(http, before[0], "before 0, changed again")
        after = [await add(http, f"after {number}") for number in range(3)]

        assert moment(after[0], "created_at") < moment(before[0], "created_at"), "a memory has the time it was told"
        assert moment(again, "updated_at") >= moment(changed, "updated_at"), "but no change is older than the last"
        newest_first = ["before 2", "before 1", "before 0, changed again", "after 2", "after 1", "after 0"]
        assert await contents(http) == newest_first
        shown = await contents(http, between="meanwhile")
        assert [content for content in shown if content != "meanwhile"] == newest_first, "each once, by its cursor"
        found = (await http.post("/memories/search", json={"query": "after", "search_mode": "keyword"})).json()
        assert found["count"] == 3
        summary = (await http.get("/context")).json()["summary"]
        assert "after 2" in summary
        assert "before 0, changed again" in summary
        assert (await http.delete(f"/memories/{before[1]['id']}")).status_code == 200
        restored = (await http.post(f"/memories/{before[1]['id']}/restore")).json()
        assert restored["content"] == "before 1"


async def test_set_back_between_two_runs_the_server_starts_with_everything(tmp_path: Path) -> None:
    clock = Clock()
    async with served(tmp_path, clock) as http:
        kept = await add(http, "before")
    clock.now += BACK
    async with served(tmp_path, clock) as http:
        changed = await change(http, kept, "changed")
        await add(http, "after")

        assert moment(changed, "updated_at") >= moment(kept, "updated_at")
        assert await contents(http) == ["changed", "after"]


def test_set_back_the_clock_does_not_lock_writers_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their last writes are in the future then, and would count as recent until it has come."""
    limits = Limits(reads="off", writes="5/minute")
    for _ in range(5):
        limits.spend(Kind.WRITE, "laptop")
    with pytest.raises(RateLimitedError):
        limits.spend(Kind.WRITE, "laptop")

    true = time.time
    with monkeypatch.context() as set_back:  # the library that counts asks for the time itself
        set_back.setattr(time, "time", lambda: true() + BACK.total_seconds())
        for _ in range(5):
            limits.spend(Kind.WRITE, "laptop")
        with pytest.raises(RateLimitedError):
            limits.spend(Kind.WRITE, "laptop")
