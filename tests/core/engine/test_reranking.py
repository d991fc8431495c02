"""A reranker changes the order where it is there, says so, and is never waited for."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memory_core.engine.backlog import Pause
from memory_core.engine.catalog import Catalog
from memory_core.engine.compose import FILES
from memory_core.engine.embedding import EmbeddingQueue
from memory_core.engine.fusion import Question, Ranking
from memory_core.engine.lexical import indexed_text
from memory_core.engine.ports import Candidate, Reranker, StoreOptions
from memory_core.engine.ranking import READ, Ranked, fuse
from memory_core.engine.reranking import Reranking
from memory_core.engine.service import MemoryService
from memory_core.engine.stores.duckdb import open_store
from memory_core.errors import ModelUnavailableError
from memory_core.types import (
    ContextQuery,
    Explanation,
    Fusion,
    Health,
    Memory,
    NewMemory,
    RerankerState,
    SearchHit,
    SearchMode,
    SearchQuery,
)
from support.samples import AT, a_memory
from support.toys import ToyEmbedder, ToyReranker

# ── The order: pure ──


def candidate(name: str, cosine: float) -> Candidate:
    return Candidate(memory=a_memory(name, id=name), bm25=0.0, coverage=0.0, cosine=cosine)


def reread(
    found: Sequence[Candidate], likely: Callable[[Memory], float], *, limit: int = 50, **asked: Any
) -> list[SearchHit]:
    question = Question(mode=SearchMode.SEMANTIC, limit=limit, explain=True, **asked)
    flat = Ranking(trust_weight=0)
    return fuse(found, question, flat, lambda memories: [likely(memory) for memory in memories]).hits


def of(probabilities: dict[str, float]) -> Callable[[Memory], float]:
    return lambda memory: probabilities[memory.id]


def boosts(hit: SearchHit) -> dict[str, float]:
    assert isinstance(hit.why, Explanation)
    return hit.why.boosts


def test_half_of_a_score_is_the_probability_that_the_reranker_gives() -> None:
    hits = reread([candidate("near", 0.8), candidate("right", 0.6)], of({"near": 0.1, "right": 0.9}))

    assert {hit.id: hit.score for hit in hits} == pytest.approx({"right": 0.75, "near": 0.45})
    assert [hit.id for hit in hits] == ["right", "near"]
    assert boosts(hits[0]) == {"reranker": pytest.approx(0.15)}


def test_what_it_did_not_read_passes_nothing_that_it_read() -> None:
    """Else the best of the unread would be above all that the reranker finds wrong."""
    found = [candidate(f"{number:02}", 0.9 - number / 100) for number in range(READ + 5)]

    hits = reread(found, lambda _: 0.0)

    assert [hit.id for hit in hits] == [each.memory.id for each in found]
    assert set(boosts(hits[READ - 1])) == {"reranker"}
    assert set(boosts(hits[READ])) == {"not read by the reranker"}


def test_a_short_list_profits_from_what_stood_below_its_end() -> None:
    found = [candidate(f"{number:02}", 0.9 - number / 100) for number in range(READ)]

    hits = reread(found, lambda memory: float(memory.id == "19"), limit=1)

    assert [hit.id for hit in hits] == ["19"]


def test_what_contains_the_quoted_phrase_stays_first() -> None:
    found = [candidate("with the words", 0.1), candidate("another", 0.9)]

    hits = reread(found, of({"with the words": 0.0, "another": 1.0}), phrases=("the words",))

    assert [hit.id for hit in hits] == ["with the words", "another"]


def test_the_least_score_asked_for_is_one_that_the_reranker_has_seen() -> None:
    hits = reread([candidate("a", 0.8), candidate("b", 0.7)], of({"a": 0.0, "b": 1.0}), min_score=0.5)

    assert [hit.id for hit in hits] == ["b"]


def test_no_relation_stays_no_hit_and_is_not_read() -> None:
    assert [hit.id for hit in reread([candidate("a", 0.5), candidate("none", 0.0)], of({"a": 0.0}))] == ["a"]


def test_without_an_answer_of_the_reranker_all_is_as_without_it() -> None:
    found = [candidate("a", 0.5), candidate("b", 0.4)]
    question = Question(mode=SearchMode.SEMANTIC, limit=5, explain=True)

    assert fuse(found, question, None, lambda _: None) == fuse(found, question)


several = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 40), st.floats(0, 1)), max_size=40).map(
    lambda rows: [
        (replace(candidate(f"m{number:02}", cosine), bm25=bm25, coverage=0.5 if bm25 else 0.0), probability)
        for number, (cosine, bm25, probability) in enumerate(rows)
    ]
)


@given(several, st.sampled_from(Fusion), st.sampled_from([(), ("m1",)]))
def test_scores_fall_lie_between_0_and_1_and_are_the_sum_of_their_explanation(
    rows: list[tuple[Candidate, float]], fusion: Fusion, phrases: tuple[str, ...]
) -> None:
    likely = {found.memory.id: probability for found, probability in rows}
    question = Question(mode=SearchMode.HYBRID, limit=50, phrases=phrases, explain=True)

    def ranked(found: list[Candidate]) -> Ranked:
        return fuse(found, question, Ranking(fusion=fusion), lambda memories: [likely[each.id] for each in memories])

    hits, evidence = ranked([found for found, _ in rows])

    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    for hit in hits:
        assert isinstance(hit.why, Explanation)
        parts = hit.why.lexical_weight * (hit.lexical or 0) + hit.why.semantic_weight * (hit.semantic or 0)
        assert hit.score == pytest.approx(min(1, max(0, parts + sum(hit.why.boosts.values()))), abs=1e-5)
    assert ranked([found for found, _ in reversed(rows)]) == (hits, evidence)


# ── The service ──

SOON = Pause(first_s=0.01, longest_s=0.01)
NEAR, RIGHT = "when is the release of the release notes", "the release is on Friday"


@asynccontextmanager
async def opened(folder: Path, load: Callable[[], Reranker] | None) -> AsyncIterator[MemoryService]:
    store = open_store("", StoreOptions(data_dir=folder))
    queue = EmbeddingQueue(store, lambda _: ToyEmbedder(), indexed_text, embedder="toy")
    catalog = Catalog(fixed=False, check=lambda _: None, installed=list)
    reranking = None if load is None else Reranking(load, pause=SOON)
    service = MemoryService(store, queue, FILES, catalog, version="1", clock=lambda: AT, reranking=reranking)
    await service.start()
    try:
        for content in (NEAR, RIGHT):
            await service.add(NewMemory(content=content))
        yield service
    finally:
        await service.close()


async def until(service: MemoryService, state: RerankerState) -> Health:
    async with asyncio.timeout(30):
        while True:
            health = await service.health()
            if health.reranker is not None and health.reranker.state is state:
                return health
            await asyncio.sleep(0.01)


async def found(service: MemoryService, mode: SearchMode = SearchMode.HYBRID) -> list[str]:
    query = SearchQuery(query="when is the release", search_mode=mode, global_search=True)
    return [hit.content for hit in (await service.search(query)).results]


async def test_a_reranker_changes_the_order_of_hybrid_search_and_not_of_keyword_search(tmp_path: Path) -> None:
    async with opened(tmp_path, lambda: ToyReranker("Friday")) as service:
        health = await until(service, RerankerState.READY)

        assert health.reranker is not None
        assert (health.status, health.reranker.model) == ("ok", "toy")
        assert await found(service) == [RIGHT, NEAR]
        assert await found(service, SearchMode.SEMANTIC) == [RIGHT, NEAR]
        assert await found(service, SearchMode.KEYWORD) == [NEAR, RIGHT]


async def test_a_prompt_does_not_wait_for_it(tmp_path: Path) -> None:
    """Reading twenty texts takes longer than a prompt may be held up."""
    query = ContextQuery(query="when is the release", global_search=True)
    async with opened(tmp_path, None) as service:
        await service.search(SearchQuery(query="waits until both have vectors", global_search=True))
        before = [memory.content for memory in (await service.context(query)).memories]
    async with opened(tmp_path / "again", lambda: ToyReranker("Friday")) as service:
        await until(service, RerankerState.READY)
        await service.search(SearchQuery(query="waits until both have vectors", global_search=True))
        after = [memory.content for memory in (await service.context(query)).memories]

    assert before == after == [NEAR]


async def test_search_goes_on_while_it_loads(tmp_path: Path) -> None:
    free = threading.Event()

    def load() -> Reranker:
        free.wait()
        return ToyReranker("Friday")

    async with opened(tmp_path, load) as service:
        assert (await until(service, RerankerState.LOADING)).status == "ok"
        assert await found(service) == [NEAR, RIGHT]
        free.set()
        await until(service, RerankerState.READY)
        assert await found(service) == [RIGHT, NEAR]


async def test_one_that_cannot_be_loaded_is_said_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    free, tried_again = threading.Event(), threading.Event()
    tries = iter([None, None, tried_again])

    def load() -> Reranker:
        if (third := next(tries, None)) is not None:
            third.set()
        if not free.is_set():
            raise ModelUnavailableError("the model is nowhere; put it there")
        return ToyReranker("Friday")

    async with opened(tmp_path, load) as service:
        health = await until(service, RerankerState.UNAVAILABLE)
        assert health.reranker is not None
        assert (health.status, health.reranker.detail) == ("degraded", "the model is nowhere; put it there")
        assert await found(service) == [NEAR, RIGHT]
        assert await asyncio.to_thread(tried_again.wait, 30)
        free.set()
        assert (await until(service, RerankerState.READY)).status == "ok"
        assert await found(service) == [RIGHT, NEAR]

    assert [record.levelno for record in caplog.records if "nowhere" in record.message] == [logging.WARNING]


@pytest.mark.parametrize("answer", [[0.5], [0.5, float("nan")], [0.5, 1.5], None])
async def test_one_that_fails_is_said_in_health_and_search_goes_on(
    tmp_path: Path, answer: list[float] | None, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(ToyReranker):
        fails = True

        def scores(self, query: str, texts: Sequence[str]) -> list[float]:
            if not self.fails:
                return super().scores(query, texts)
            if answer is None:
                raise ValueError("out of memory")
            return answer

    toy = Failing("Friday")
    async with opened(tmp_path, lambda: toy) as service:
        await until(service, RerankerState.READY)
        assert [await found(service), await found(service)] == [[NEAR, RIGHT]] * 2
        health = await service.health()
        toy.fails = False
        assert await found(service) == [RIGHT, NEAR]
        after = await service.health()

    assert health.reranker is not None
    assert (health.status, health.reranker.state) == ("degraded", RerankerState.UNAVAILABLE)
    assert "reranker" in (health.reranker.detail or "")
    assert after.status == "ok"
    assert len([record for record in caplog.records if "reranker" in record.message.lower()]) == 1
    assert toy.closed


async def test_without_a_reranker_health_names_none(tmp_path: Path) -> None:
    async with opened(tmp_path, None) as service:
        assert (await service.health()).reranker is None
        assert await found(service) == [NEAR, RIGHT]
