"""A server with a reranker, and one whose reranker is not there: a real process, a model in a folder."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from support.cross_encoders import word_reader
from support.servers import RunningServer, ServerDidNotStartError, running_server, start_server

pytestmark = pytest.mark.slow

UNLIMITED = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}


def reranker(server: RunningServer) -> Any:
    """What /health says when it no longer loads."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        while (health := client.get("/health").json())["reranker"]["state"] == "loading":
            pass
    return health


def order(server: RunningServer, mode: str) -> list[str]:
    body = {"query": "when do we deploy", "search_mode": mode}
    found = httpx.post(f"{server.url}/memories/search", json=body, timeout=60).json()
    return [hit["content"] for hit in found["results"]]


def test_a_model_in_a_folder_reads_the_hits_again(tmp_path: Path) -> None:
    folder = word_reader(tmp_path / "reader", "lunch")
    near, right = "when do we deploy, and do we deploy at all", "we deploy after lunch"
    with running_server(tmp_path / "data", env={**UNLIMITED, "MEMORY_RERANKER": f"onnx:{folder}"}) as server:
        for content in (near, right):
            httpx.post(f"{server.url}/memories", json={"content": content}, timeout=60).raise_for_status()
        health = reranker(server)
        by_words, reread = order(server, "keyword"), order(server, "hybrid")

    assert (health["status"], health["reranker"]) == ("ok", {"state": "ready", "model": "reader", "detail": None})
    assert (by_words, reread) == ([near, right], [right, near])


def test_a_model_that_is_not_there_degrades_health_and_no_search(tmp_path: Path) -> None:
    env = {**UNLIMITED, "MEMORY_RERANKER": "onnx:cross-encoder/ms-marco-MiniLM-L6-v2"}
    with running_server(tmp_path / "data", env=env) as server:
        httpx.post(f"{server.url}/memories", json={"content": "we deploy after lunch"}, timeout=60).raise_for_status()
        health = reranker(server)
        found = order(server, "hybrid")

    assert (health["status"], health["reranker"]["state"]) == ("degraded", "unavailable")
    assert "cross-encoder/ms-marco-MiniLM-L6-v2 is neither in" in health["reranker"]["detail"]
    assert found == ["we deploy after lunch"]
    assert server.log_text().count("is neither in") == 1


def test_a_word_that_names_no_reranker_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ServerDidNotStartError, match="there is no reranker 'onx'; there are: none, onnx"):
        start_server(tmp_path / "data", env={"MEMORY_RERANKER": "onx:model"})
