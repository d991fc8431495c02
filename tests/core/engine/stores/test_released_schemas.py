"""A store of every released schema is brought to the newest, and loses nothing: rows, trash, vectors, what is found."""

import asyncio
import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from memory_core.engine import lexical
from memory_core.engine.compose import EngineOptions, open_engine
from memory_core.engine.ports import ModelIdentity, StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore, open_store
from memory_core.engine.stores.duckdb.migrations import MIGRATIONS
from memory_core.memories import Memories
from memory_core.types import EmbeddingState, ListQuery, Memory, MemoryPatch, Scope, SearchMode, SearchQuery
from support.entries import entry, probe
from support.released import released_schemas, released_store


@pytest.fixture(params=released_schemas())
def expected(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    return released_store(request.param, tmp_path / "memories.duckdb")


@pytest.fixture
def folder(expected: dict[str, Any], tmp_path: Path) -> Path:
    return tmp_path


def opened(folder: Path) -> contextlib.closing[DuckDBStore]:
    return contextlib.closing(open_store("", StoreOptions(data_dir=folder, threads=1, min_free_bytes=0)))


def fields(memory: Memory, names: dict[str, Any]) -> dict[str, Any]:
    plain = json.loads(msgspec.json.encode(memory))
    return {name: plain[name] for name in names if name != "vectors"}


def test_every_released_schema_has_a_fixture() -> None:
    """The newest may still be in the making."""
    assert released_schemas()[: len(MIGRATIONS) - 1] == [migration.version for migration in MIGRATIONS[:-1]]


def test_every_memory_and_every_vector_is_there_as_it_was(expected: dict[str, Any], folder: Path) -> None:
    with opened(folder) as store:
        found = {one.memory.id: one for batch in store.export() for one in batch}

    assert len(found) == len(expected["memories"])
    for known in expected["memories"]:
        one = found[known["id"]]
        assert fields(one.memory, known) == {name: value for name, value in known.items() if name != "vectors"}
        if known["vectors"] is None:
            assert one.vectors is None
        else:
            assert one.vectors is not None
            assert one.model == msgspec.convert(expected["model"], ModelIdentity)
            assert len(one.vectors) == known["vectors"]["count"]
            assert hashlib.sha256(one.vectors.tobytes()).hexdigest() == known["vectors"]["sha256"]


def test_both_models_and_the_queue_are_there_as_they_were(expected: dict[str, Any], folder: Path) -> None:
    with opened(folder) as store:
        kept = {one.model.name: one for one in store.models()}
        pending = [one.memory.id for one in store.pending(limit=100)]

    second = expected["second_model"]
    assert kept[second["name"]].memories == second["memories"]
    assert kept[expected["model"]["name"]].is_current
    assert pending == expected["pending"]


def test_the_index_finds_what_it_found(expected: dict[str, Any], folder: Path) -> None:
    with opened(folder) as store:
        for query, memory_id in expected["keyword_search"].items():
            found = store.candidates(probe(*lexical.terms(query)), Scope())
            assert max(found, key=lambda one: one.bm25).memory.id == memory_id, query


def test_each_vector_finds_its_memory(expected: dict[str, Any], folder: Path) -> None:
    model = msgspec.convert(expected["model"], ModelIdentity)
    with opened(folder) as store:
        for known in expected["memories"]:
            if known["vectors"] is not None and known["deleted_at"] is None:
                vectors = store.vectors_of(known["id"])
                assert vectors is not None
                nearest = store.candidates(probe(vector=vectors[0], model=model), Scope())
                assert max(nearest, key=lambda one: one.cosine or -1).memory.id == known["id"]


async def model_is_ready(memories: Memories) -> None:
    async with asyncio.timeout(120):
        while True:
            if (await memories.health()).embedding.state is EmbeddingState.READY:
                return
            await asyncio.sleep(0.02)


async def test_a_server_of_today_serves_it(
    expected: dict[str, Any], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    models = tmp_path_factory.getbasetemp() / "models"  # the graph is made once
    memories = open_engine(EngineOptions(data_dir=folder, embedder="onnx:all-MiniLM-L6-v2", model_cache=models))
    await memories.start()
    try:
        await model_is_ready(memories)
        for mode in (SearchMode.KEYWORD, SearchMode.HYBRID):
            for query, memory_id in expected["keyword_search"].items():
                result = await memories.search(SearchQuery(query=query, search_mode=mode))
                assert result.results[0].id == memory_id, query
        for query, memory_id in expected["semantic_search"].items():
            result = await memories.search(SearchQuery(query=query, search_mode=SearchMode.SEMANTIC))
            assert result.search_mode is SearchMode.SEMANTIC
            assert result.results[0].id == memory_id, query
        trash = await memories.list(ListQuery(trashed=True))
        in_trash = {known["id"] for known in expected["memories"] if known["deleted_at"]}
        assert {memory.id for memory in trash.memories} == in_trash
        back = await memories.restore(trash.memories[0].id)
        changed = await memories.update(back.id, MemoryPatch(content="It goes on with platypuses"))
        found = await memories.search(SearchQuery(query="platypuses", search_mode=SearchMode.KEYWORD))
        assert found.results[0].id == changed.id
    finally:
        await memories.close()


def test_it_goes_on_after_another_start_and_the_file_from_before_is_kept(
    expected: dict[str, Any], folder: Path
) -> None:
    before = (folder / "memories.duckdb").read_bytes()
    one = entry("written afterwards")
    with opened(folder) as store:
        store.insert([one])
    with opened(folder) as store:
        assert store.get(one.memory.id) == one.memory

    with duckdb.connect(folder / "memories.duckdb", read_only=True) as plain:
        versions = plain.execute("SELECT version FROM schema_migrations ORDER BY 1").fetchall()
    assert versions == [(migration.version,) for migration in MIGRATIONS]
    snapshots = list((folder / "snapshots").glob("*.duckdb")) if (folder / "snapshots").exists() else []
    assert [file.read_bytes() for file in snapshots] == [before] * (expected["schema"] < MIGRATIONS[-1].version)
