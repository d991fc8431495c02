"""A real server changes from one real model to another while it is searched, and goes on with that after a crash."""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np
import pytest

from memory_core.engine import lexical
from memory_core.engine.embedders import onnx
from memory_core.engine.embedders.agreement import Precision
from memory_core.engine.embedders.export import export
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import open_store
from memory_core.types import Memory, Scope
from support.embedders import MODEL, offline
from support.samples import a_memory
from support.servers import RunningServer, running_server, start_server

COUNT = 300
LONG_S = 120
THINGS = ("router", "garden", "invoice", "parser", "holiday", "database", "kettle", "compiler", "budget", "bicycle")
DEEDS = ("was repaired", "is late", "needs care", "was replaced", "costs too much", "works again", "is Ana's")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Another model of the same dimension: the real one with smaller numbers, and so with other vectors."""
    folder = tmp_path_factory.mktemp("exports") / "minilm-int8"
    export(MODEL, folder, precision=Precision.INT8, options=offline(cache))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Of a store with memories that nobody has embedded yet."""
    folder = tmp_path / "data"
    folder.mkdir()
    chance = random.Random(3)
    contents = [f"The {chance.choice(THINGS)} {chance.choice(DEEDS)}, note {number}" for number in range(COUNT)]
    with contextlib.closing(open_store("", StoreOptions(data_dir=folder))) as store:
        store.insert([lexical.entry(a_memory(text, id=f"{place:032x}")) for place, text in enumerate(contents)])
    return folder


class Asker:
    """Asks a server by meaning, again and again, until it is told to stop; keeps what was not as it should be."""

    def __init__(self, server: RunningServer) -> None:
        self.asked = 0
        self.wrong: list[object] = []
        self._url = server.url
        self._answered = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def ask_again(self, times: int) -> None:
        """Wait until so many more have been answered."""
        with self._answered:
            target = self.asked + times
            assert self._answered.wait_for(lambda: self.asked >= target or not self._thread.is_alive(), LONG_S)

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=LONG_S) as http:
            while not self._stop.is_set():
                # Half of the questions were asked before: their vectors are remembered.
                question = f"what is broken in the house, {self.asked // 2}"
                answer = http.post("/memories/search", json={"query": question, "global_search": True})
                found = answer.json()
                if answer.status_code != 200 or found["search_mode"] != "hybrid" or not found["results"]:
                    self.wrong.append((answer.status_code, found))
                elif "keyword" in (found["notice"] or ""):
                    self.wrong.append(found["notice"])
                with self._answered:
                    self.asked += 1
                    self._answered.notify_all()


def until(server: RunningServer, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What /health says of embedding once that is so."""
    deadline = threading.Event()
    timer = threading.Timer(LONG_S, deadline.set)
    timer.start()
    try:
        while not deadline.is_set():
            health = httpx.get(f"{server.url}/health").json()
            assert health["status"] == "ok", health
            if condition(health["embedding"]):
                return dict(health["embedding"])
            deadline.wait(0.02)
    finally:
        timer.cancel()
    raise AssertionError(f"it did not come to that: {health}")


def serves(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda embedding: (embedding["model"], embedding["pending"], embedding["next"]) == (name, 0, None)


def halfway(embedding: dict[str, Any]) -> bool:
    coming = embedding["next"]
    return coming is not None and coming["model"] is not None and 0 < coming["pending"] < COUNT


@pytest.fixture
def env(cache: Path) -> dict[str, str]:
    """No setting names the embedder, so that it may be chosen."""
    off = dict.fromkeys(("MEMORY_LIMIT_READS", "MEMORY_LIMIT_WRITES"), "off")
    return {"MEMORY_EMBEDDER": "", "MEMORY_MODEL_CACHE": str(cache), **off}


def use(server: RunningServer, embedder: str) -> dict[str, Any]:
    answer = httpx.post(f"{server.url}/models/use", json={"embedder": embedder}, timeout=LONG_S)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def kept(folder: Path) -> Iterator[tuple[Memory, np.ndarray]]:
    with contextlib.closing(open_store("", StoreOptions(data_dir=folder))) as store:
        for batch in store.export():
            for one in batch:
                assert one.vectors is not None
                yield one.memory, one.vectors
        assert store.counts(Scope(global_search=True)).with_vectors == COUNT


def assert_vectors_are_of(int8: Path, data: Path, cache: Path) -> None:
    """What int8 gives for a text depends a little on its batch; what the model before gives hardly does."""
    memories, vectors = zip(*kept(data), strict=True)
    texts = [lexical.indexed_text(memory) for memory in memories]
    together = np.concatenate(vectors)
    new, old = (
        (together * onnx.load_embedder(name, offline(cache)).embed(texts)).sum(axis=1) for name in (str(int8), MODEL)
    )
    assert new.min() > 0.95
    assert old.max() < 1 - 1e-4, "a vector is of the model before"


@pytest.mark.slow
def test_a_server_changes_its_model_while_every_search_goes_by_meaning(
    data: Path, env: dict[str, str], int8: Path, cache: Path
) -> None:
    with running_server(data, env=env) as server:
        until(server, serves("all-MiniLM-L6-v2"))
        with Asker(server) as asker:
            status = use(server, f"onnx:{int8}")
            assert status["model"] == "all-MiniLM-L6-v2"
            assert status["next"]["embedder"] == f"onnx:{int8}"
            until(server, halfway)
            asker.ask_again(3)
            status = until(server, serves(int8.name))
            asker.ask_again(3)
        assert not asker.wrong, asker.wrong[:3]
        assert status["embedder"] == f"onnx:{int8}"
        listed = httpx.get(f"{server.url}/models").json()["models"]
        assert (listed[0]["use"], listed[0]["embedder"], listed[0]["memories"]) == ("current", f"onnx:{int8}", COUNT)

    assert_vectors_are_of(int8, data, cache)


@pytest.mark.slow
def test_killed_halfway_a_server_goes_on_where_it_was(data: Path, env: dict[str, str], int8: Path, cache: Path) -> None:
    server = start_server(data, env=env)
    try:
        until(server, serves("all-MiniLM-L6-v2"))
        use(server, f"onnx:{int8}")
        before = until(server, halfway)
    finally:
        server.kill()

    with running_server(data, env=env) as server:
        first = until(server, lambda embedding: embedding["model"] is not None)
        if first["next"] is not None:  # unless it was done in no time
            assert first["model"] == "all-MiniLM-L6-v2"
            assert first["next"]["pending"] <= before["next"]["pending"] + 1
        with Asker(server) as asker:
            until(server, serves(int8.name))
            asker.ask_again(3)
        assert not asker.wrong, asker.wrong[:3]
        assert httpx.get(f"{server.url}/models").json()["fixed"] is False

    assert_vectors_are_of(int8, data, cache)
