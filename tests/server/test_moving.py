"""Exports and imports over REST: media types, dry runs, and searches that go on meanwhile."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from memory_core.formats.jsonl import line_of
from support.apps import MakeApp
from support.kept import kept
from support.servers import RunningServer

PARQUET, LINES = "application/vnd.apache.parquet", "application/jsonl"


def lines(count: int, *, word: str = "needle") -> bytes:
    numbered = (kept(f"{word} number {n}", id=f"{n:032x}", project_id="p") for n in range(count))
    return b"".join(map(line_of, numbered))


@pytest.mark.parametrize(
    ("query", "media", "begins"),
    [({}, PARQUET, b"PAR1"), ({"format": "parquet"}, PARQUET, b"PAR1"), ({"format": "jsonl"}, LINES, b'{"id":"')],
)
async def test_an_export_has_the_format_that_was_asked_for(
    make_app: MakeApp, query: dict[str, str], media: str, begins: bytes
) -> None:
    http = await make_app()
    await http.post("/memories", json={"content": "to be exported"})

    answer = await http.get("/export", params=query)

    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media
    assert answer.headers["x-memory-count"] == "1"
    assert answer.content.startswith(begins)


@pytest.mark.parametrize("media", [LINES, "application/x-ndjson", "application/octet-stream"])
async def test_lines_are_taken_under_each_of_their_names(make_app: MakeApp, media: str) -> None:
    http = await make_app()

    answer = await http.post("/import", content=lines(3), headers={"content-type": media})

    assert answer.json()["imported"] == 3


@pytest.mark.parametrize("query", [{"format": "csv"}, {"formt": "jsonl"}, {"bare": "perhaps"}])
async def test_an_export_of_no_such_kind_is_refused(make_app: MakeApp, query: dict[str, str]) -> None:
    http = await make_app()

    assert (await http.get("/export", params=query)).status_code == 422


@pytest.mark.parametrize("query", [{"dry_run": "perhaps"}, {"dryrun": "true"}, {"project_id": "a\tb"}])
async def test_an_import_that_is_asked_wrongly_takes_nothing(make_app: MakeApp, query: dict[str, str]) -> None:
    http = await make_app()

    answer = await http.post("/import", params=query, content=lines(1), headers={"content-type": LINES})

    assert answer.status_code == 422
    assert (await http.get("/stats", params={"global_search": "true"})).json()["total_memories"] == 0


async def test_a_bad_line_is_named_and_nothing_is_taken(make_app: MakeApp) -> None:
    http = await make_app()
    surrogate = line_of(kept()).replace(b"We deploy", b"We \\udc00 deploy")

    answer = await http.post("/import", content=lines(2) + surrogate, headers={"content-type": LINES})

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("line 3 of the file cannot be taken")
    assert (await http.get("/stats", params={"global_search": "true"})).json()["total_memories"] == 0


def test_searches_are_answered_while_thousands_of_memories_come_in(http: httpx.Client, server: RunningServer) -> None:
    asked = {"query": "needle", "search_mode": "keyword", "project_id": "p", "limit": 5}
    seen: list[int] = []
    with ThreadPoolExecutor(1) as threads:
        importing = threads.submit(http.post, "/import", content=lines(5000), headers={"content-type": LINES})
        for _ in itertools.takewhile(lambda _: not importing.done(), itertools.count()):
            stats = http.get("/stats", params={"project_id": "p"})
            found = http.post("/memories/search", json=asked)
            assert (stats.status_code, found.status_code) == (200, 200)
            seen.append(stats.json()["total_memories"])

    assert importing.result().json()["imported"] == 5000
    assert len(http.post("/memories/search", json=asked).json()["results"]) == 5
    assert any(0 < count < 5000 for count in seen), "they were answered in its middle"
    assert list(server.data_dir.glob(".transfer-*")) == []
