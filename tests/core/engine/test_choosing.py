"""The service while one model follows another: what a search, the listing and the health say of it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from memory_core.engine.backlog import BATCH, Pause
from memory_core.engine.catalog import Catalog
from memory_core.engine.compose import FILES
from memory_core.engine.embedding import EmbeddingQueue, Pauses
from memory_core.engine.ports import Candidate, ModelChangedError, ModelIdentity, Probe, StoreOptions
from memory_core.engine.service import MemoryService
from memory_core.engine.stores.duckdb import DuckDBStore
from memory_core.errors import ModelUnavailableError
from memory_core.types import (
    EmbeddingState,
    Health,
    Memory,
    ModelChoice,
    ModelUse,
    NewMemory,
    Scope,
    SearchMode,
    SearchQuery,
    SearchResult,
)
from support.shelf import LONG_S, Gate, Shelf

NEVER = Pause(first_s=1e6, longest_s=1e6)
EVERYWHERE = Scope(global_search=True)


class ChangingStore(DuckDBStore):
    """Can be held up between a hand-over and the moment at which the queue knows of it; `refused` is set by a search
    whose vector was of another model."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "memories.duckdb", StoreOptions(data_dir=folder))
        self.after_use = Gate()
        self.refused = threading.Event()

    def use_model(self, model: ModelIdentity, *, spec: str | None = None) -> None:
        super().use_model(model, spec=spec)
        self.after_use.go_through()

    def candidates(self, probe: Probe, scope: Scope) -> list[Candidate]:
        try:
            return super().candidates(probe, scope)
        except ModelChangedError:
            self.refused.set()
            raise


def _content(memory: Memory) -> str:
    return memory.content


class Opened:
    def __init__(self, folder: Path, shelf: Shelf, embedder: str | None) -> None:
        self.store = ChangingStore(folder)
        queue = EmbeddingQueue(
            self.store, shelf, _content, embedder=embedder, pauses=Pauses(model=NEVER, store=NEVER, memory=NEVER)
        )
        catalog = Catalog(fixed=False, check=lambda _: None, installed=list)
        self.service = MemoryService(self.store, queue, FILES, catalog, version="1", patience_s=LONG_S)

    async def use(self, embedder: str) -> None:
        await self.service.use_model(ModelChoice(embedder=embedder))

    async def search(self, text: str = "memory number 7") -> SearchResult:
        return await self.service.search(SearchQuery(query=text))

    async def fill(self, count: int, *, begin: int = 0) -> None:
        for number in range(begin, begin + count):
            await self.service.add(NewMemory(content=f"memory number {number}"))

    async def until(self, condition: Callable[[Health], bool]) -> Health:
        async with asyncio.timeout(LONG_S):
            while True:
                health = await self.service.health()
                if condition(health):
                    return health
                await asyncio.sleep(0.01)

    async def serves(self, embedder: str) -> Health:
        return await self.until(
            lambda health: (
                health.embedding.embedder == embedder
                and health.embedding.state is EmbeddingState.READY
                and not health.embedding.pending
            )
        )

    async def uses(self) -> list[tuple[ModelUse, str | None]]:
        return [(model.use, model.embedder) for model in (await self.service.models()).models]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@asynccontextmanager
async def opened(folder: Path, shelf: Shelf, embedder: str | None = "a") -> AsyncIterator[Opened]:
    desk = Opened(folder, shelf, embedder)
    await desk.service.start()
    try:
        yield desk
    finally:
        desk.store.after_use.open()
        shelf.open_all()
        await desk.service.close()


async def test_a_search_that_meets_the_hand_over_is_answered_by_the_new_model(tmp_path: Path, shelf: Shelf) -> None:
    """The store compares with the new model already, and the queue still embeds by the one before."""
    async with opened(tmp_path, shelf) as desk:
        await desk.fill(10)
        await desk.serves("a")
        assert (await desk.search()).search_mode is SearchMode.HYBRID
        desk.store.after_use.hold()
        await desk.use("b")
        assert await asyncio.to_thread(desk.store.after_use.reached.wait, LONG_S)

        searching = asyncio.create_task(desk.search())
        assert await asyncio.to_thread(desk.store.refused.wait, LONG_S)
        desk.store.after_use.open()
        found = await searching

    assert (found.search_mode, found.notice) == (SearchMode.HYBRID, None)
    assert found.results[0].content == "memory number 7"
    assert found.results[0].semantic == pytest.approx(1, abs=0.01)


async def test_searches_by_meaning_go_on_all_the_while(tmp_path: Path, shelf: Shelf) -> None:
    async with opened(tmp_path, shelf) as desk:
        await desk.fill(5 * BATCH)
        await desk.serves("a")
        for held in (shelf["b"].may_load, shelf["b"].may_embed):
            held.hold()
        await desk.use("b")

        for held in (shelf["b"].may_load, shelf["b"].may_embed):
            assert await asyncio.to_thread(held.reached.wait, LONG_S)
            found = await desk.search()
            assert (found.search_mode, found.notice) == (SearchMode.HYBRID, None)
            assert found.results[0].semantic == pytest.approx(1, abs=0.01)
            assert await desk.uses() == [(ModelUse.CURRENT, "a"), (ModelUse.NEXT, "b")]
            assert (await desk.service.health()).status == "ok"
            held.open()

        await desk.serves("b")
        assert (await desk.search()).results[0].semantic == pytest.approx(1, abs=0.01)
        assert await desk.uses() == [(ModelUse.CURRENT, "b"), (ModelUse.KEPT, "a")]
        await desk.service.maintain()
        assert await desk.uses() == [(ModelUse.CURRENT, "b")]


async def test_a_choice_is_kept_for_the_next_start(tmp_path: Path, shelf: Shelf) -> None:
    async with opened(tmp_path, shelf) as desk:
        await desk.serves("a")
        await desk.use("b")
        assert desk.store.note("embedder") == "b"
        await desk.use("none")
        assert desk.store.note("embedder") == "none"


async def test_the_last_of_many_choices_made_at_once_is_the_one_that_is_kept_and_used(
    tmp_path: Path, shelf: Shelf
) -> None:
    async with opened(tmp_path, shelf) as desk:
        await desk.fill(3)
        await desk.serves("a")
        choices = ["b", "none", "c", "a", "none", "b", "c"]

        await asyncio.gather(*(desk.use(embedder) for embedder in choices))

        kept = desk.store.note("embedder")
        assert kept == "c"
        await desk.serves(kept)
        assert (await desk.service.health()).embedding.next is None


async def test_a_next_model_that_cannot_be_loaded_degrades_the_service_until_another_choice(
    tmp_path: Path, shelf: Shelf
) -> None:
    shelf["b"].failures = [ModelUnavailableError("There is no b here; get one")]
    async with opened(tmp_path, shelf) as desk:
        await desk.fill(3)
        await desk.serves("a")

        await desk.use("b")
        health = await desk.until(lambda health: health.status == "degraded")

        assert health.embedding.detail is None
        assert health.embedding.next is not None
        assert health.embedding.next.detail == "There is no b here; get one"
        assert (await desk.search("memory number 2")).notice is None
        assert (await desk.service.stats(EVERYWHERE)).embeddings_available
        assert await desk.uses() == [(ModelUse.CURRENT, "a"), (ModelUse.NEXT, "b")]
        await desk.use("a")
        assert (await desk.serves("a")).status == "ok"


async def test_started_anew_where_the_model_before_is_gone_a_search_says_that_it_goes_by_words(
    tmp_path: Path, shelf: Shelf
) -> None:
    async with opened(tmp_path, shelf) as desk:
        await desk.fill(5 * BATCH)
        await desk.serves("a")
    shelf["a"].failures = [ModelUnavailableError("a was removed")]
    shelf["b"].failures = [ModelUnavailableError("There is no b here")]

    async with opened(tmp_path, shelf, "b") as desk:
        health = await desk.until(lambda health: health.status == "degraded")
        assert (health.embedding.state, health.embedding.embedder) == (EmbeddingState.UNAVAILABLE, "b")
        found = await desk.search()
        assert (found.search_mode, found.notice) == (SearchMode.KEYWORD, "There is no b here; this is keyword search")
        assert await desk.uses() == [(ModelUse.CURRENT, "b"), (ModelUse.KEPT, "a")]

        shelf["b"].may_embed.hold()
        await desk.service.backfill()
        assert await asyncio.to_thread(shelf["b"].may_embed.reached.wait, LONG_S)
        await desk.fill(30, begin=5 * BATCH)  # together more than a search would wait for
        found = await desk.search()
        assert found.notice == f"{5 * BATCH + 30} memories have no embedding yet and can be found by keyword only"
        assert found.results[0].content == "memory number 7"
        shelf["b"].may_embed.open()
        await desk.serves("b")
        assert (await desk.search()).notice is None


async def test_a_model_that_was_given_up_and_is_chosen_again_is_listed_once(tmp_path: Path, shelf: Shelf) -> None:
    async with opened(tmp_path, shelf) as desk:
        await desk.fill(2 * BATCH)
        await desk.serves("a")
        shelf["b"].may_embed.hold()
        await desk.use("b")
        assert await asyncio.to_thread(shelf["b"].may_embed.reached.wait, LONG_S)
        await desk.use("a")
        shelf["b"].may_embed.open()
        assert await asyncio.to_thread(shelf["b"].loaded[0].closed.wait, LONG_S)
        shelf["b"].may_load.hold()

        await desk.use("b")

        assert await asyncio.to_thread(shelf["b"].may_load.reached.wait, LONG_S)
        assert await desk.uses() == [(ModelUse.CURRENT, "a"), (ModelUse.NEXT, "b")]


async def test_an_import_under_way_while_another_model_takes_over_brings_no_vector_of_the_one_before(
    tmp_path: Path, shelf: Shelf
) -> None:
    """Both have as many numbers; a mix-up would rank nonsense and never show."""
    file = tmp_path / "all.parquet"
    async with opened(tmp_path / "source", shelf) as desk:
        await desk.fill(5)
        await desk.serves("a")
        await desk.service.export_file(file)

    async with opened(tmp_path / "target", shelf) as desk:
        await desk.serves("a")
        desk.store.after_use.hold()
        await desk.use("b")
        assert await asyncio.to_thread(desk.store.after_use.reached.wait, LONG_S)

        assert (await desk.service.import_file(file)).imported == 5

        desk.store.after_use.open()
        await desk.serves("b")
        found = await desk.search("memory number 3")
        assert found.results[0].semantic == pytest.approx(1, abs=0.01)
        assert sum("memory number" in text for text in shelf["b"].embedded) == 5
