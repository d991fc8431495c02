"""A server whose model runs behind an OpenAI-compatible endpoint: up, and searching, whatever the endpoint does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.embedding_api import EmbeddingApi, Refusal, running_embedding_api, unused_url
from support.servers import RunningServer, ServerDidNotStartError, running_server, start_server

pytestmark = pytest.mark.slow

KEY = "sk-s3cret"
UNLIMITED = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}


@pytest.fixture
def api() -> Iterator[EmbeddingApi]:
    with running_embedding_api() as running:
        running.wanted_key = KEY
        yield running


def settings(url: str, **others: str) -> dict[str, str]:
    return {**UNLIMITED, "MEMORY_EMBEDDER": "openai:toy", "MEMORY_EMBEDDER_URL": url, **others}


def embedding_when(server: RunningServer, holds: Callable[[Any], bool]) -> Any:
    """What /health says of the model as soon as that holds."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        while not holds(embedding := client.get("/health").json()["embedding"]):
            pass
    return embedding


def add(server: RunningServer, content: str) -> None:
    assert httpx.post(f"{server.url}/memories", json={"content": content}, timeout=60).status_code == 201


def search(server: RunningServer, query: str) -> Any:
    return httpx.post(f"{server.url}/memories/search", json={"query": query}, timeout=60).json()


def embedded(embedding: Any) -> bool:
    return (embedding["state"], embedding["pending"], embedding["detail"]) == ("ready", 0, None)


def test_memories_are_found_by_the_meaning_that_the_endpoint_gives_them(tmp_path: Path, api: EmbeddingApi) -> None:
    with running_server(tmp_path / "data", env=settings(api.url, MEMORY_EMBEDDER_KEY=KEY)) as server:
        for content in ("We deploy on Fridays", "The cat sleeps on the computer", "Invoices are sent as PDF"):
            add(server, content)
        embedding = embedding_when(server, embedded)
        found = search(server, "release schedule")

    assert (embedding["model"], embedding["dimension"]) == ("toy", 64)
    assert (found["search_mode"], found["results"][0]["content"]) == ("hybrid", "We deploy on Fridays")


def test_the_key_can_come_from_a_file(tmp_path: Path, api: EmbeddingApi) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    with running_server(
        tmp_path / "data", env=settings(api.url, MEMORY_EMBEDDER_KEY_FILE=str(tmp_path / "key"))
    ) as server:
        assert embedding_when(server, embedded)["model"] == "toy"


def test_a_wrong_key_is_said_and_shown_nowhere(tmp_path: Path, api: EmbeddingApi) -> None:
    """The endpoint of these tests repeats the key in its refusal, as some do."""
    with running_server(tmp_path / "data", env=settings(api.url, MEMORY_EMBEDDER_KEY="sk-wr0ng")) as server:
        add(server, "We deploy on Fridays")
        embedding = embedding_when(server, lambda embedding: embedding["state"] == "unavailable")
        health = httpx.get(f"{server.url}/health").text
        found = search(server, "deploy")

    assert embedding["detail"] == f"{api.url}/embeddings answered 401: it does not accept MEMORY_EMBEDDER_KEY"
    assert "does not accept MEMORY_EMBEDDER_KEY; this is keyword search" in found["notice"]
    assert api.keys == ["Bearer sk-wr0ng"]
    assert "sk-wr0ng" not in health + str(found) + server.log_text()


def test_without_its_endpoint_the_server_is_up_and_says_why_it_searches_by_keyword(tmp_path: Path) -> None:
    url = unused_url()
    with running_server(tmp_path / "data", env=settings(url)) as server:
        add(server, "We deploy on Fridays")
        embedding = embedding_when(server, lambda embedding: embedding["state"] == "unavailable")
        found = search(server, "deploy")

    assert f"{url}/embeddings cannot be reached" in embedding["detail"]
    assert (found["search_mode"], found["count"]) == ("keyword", 1)
    assert f"{url}/embeddings cannot be reached" in found["notice"]


def test_an_endpoint_that_leaves_and_comes_back_costs_no_memory_its_vector(tmp_path: Path, api: EmbeddingApi) -> None:
    with running_server(tmp_path / "data", env=settings(api.url, MEMORY_EMBEDDER_KEY=KEY)) as server:
        add(server, "We deploy on Fridays")
        embedding_when(server, embedded)

        api.refusals = [Refusal(503)] * 2
        add(server, "The cat sleeps on the computer")
        away = embedding_when(server, lambda embedding: embedding["detail"] is not None)
        back = embedding_when(server, embedded)

    assert (away["state"], away["failed"]) == ("ready", 0)
    assert "answered 503: it is not ready" in away["detail"]
    assert (back["failed"], back["detail"]) == (0, None)


def test_a_query_that_the_endpoint_does_not_answer_is_searched_by_keyword(tmp_path: Path, api: EmbeddingApi) -> None:
    with running_server(tmp_path / "data", env=settings(api.url, MEMORY_EMBEDDER_KEY=KEY)) as server:
        add(server, "We deploy on Fridays")
        embedding_when(server, embedded)
        api.free.clear()
        found = [search(server, f"deploy {word}") for word in ("first", "second")]
        asked = [texts for texts in api.inputs if texts[0].startswith("deploy")]

    for each in found:
        assert (each["search_mode"], each["count"]) == ("keyword", 1)
        assert "did not answer in time; this is keyword search" in each["notice"]
    assert asked == [["deploy first"]]
    assert "Traceback" not in server.log_text()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"http://ana:{KEY}@127.0.0.1/v1", "MEMORY_EMBEDDER_URL must hold no user or password"),
        ("127.0.0.1:11434", "MEMORY_EMBEDDER_URL must be a base address such as http://127.0.0.1:11434/v1"),
    ],
)
def test_a_wrong_address_stops_the_start_with_one_sentence(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(ServerDidNotStartError) as refused:
        start_server(tmp_path / "data", env=settings(url))

    (line,) = refused.value.said.splitlines()
    assert (refused.value.code, KEY in line) == (2, False)
    assert said in line
