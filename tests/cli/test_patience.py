"""A search from a shell waits for what is about to be there, and for nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memory_cli.patience import WAITING, found_in_time
from memory_core.engine.ports import Embedder
from memory_core.errors import ModelUnavailableError
from memory_core.types import EmbeddingState, NewMemory, SearchMode, SearchQuery
from support.machines import Machine
from support.services import opened, until
from support.toys import ToyEmbedder

KEPT = NewMemory(content="We deploy on Fridays")
BY_MEANING = SearchQuery(query="deploy", search_mode=SearchMode.SEMANTIC)
AT_ONCE = {"patience_s": 0.0}  # so that the service waits for nothing, and whoever asks has to


class Notes(list[str]):
    """What was said beside the result; `then` happens when something is."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._then = then

    def __call__(self, text: str) -> None:
        self.append(text)
        self._then()


async def test_a_search_waits_for_a_model_that_is_loading(tmp_path: Path) -> None:
    embedder = ToyEmbedder()
    embedder.free.clear()

    def load() -> Embedder:
        embedder.free.wait()
        return embedder

    async with opened(tmp_path, load, **AT_ONCE) as service:
        await service.add(KEPT)
        notes = Notes(embedder.free.set)

        found = await found_in_time(service, BY_MEANING, note=notes)

        assert (found.search_mode, found.count) == (SearchMode.SEMANTIC, 1)
        assert notes == [WAITING], "one line, however often it asked"


async def test_a_search_waits_for_what_was_kept_a_moment_ago(tmp_path: Path) -> None:
    embedder = ToyEmbedder()
    async with opened(tmp_path, lambda: embedder, **AT_ONCE) as service:
        await until(service, EmbeddingState.READY)
        embedder.free.clear()
        await service.add(KEPT)
        notes = Notes(embedder.free.set)

        found = await found_in_time(service, BY_MEANING, note=notes)

        assert (found.count, notes) == (1, [WAITING])


async def test_a_search_by_keyword_waits_for_no_model(tmp_path: Path) -> None:
    embedder = ToyEmbedder()
    async with opened(tmp_path, lambda: embedder, **AT_ONCE) as service:
        await until(service, EmbeddingState.READY)
        embedder.free.clear()
        await service.add(KEPT)
        notes = Notes(embedder.free.set)

        found = await found_in_time(service, SearchQuery(query="deploy", search_mode=SearchMode.KEYWORD), note=notes)
        embedder.free.set()

        assert (found.count, notes) == (1, [])


async def test_a_model_that_cannot_be_had_is_not_waited_for(tmp_path: Path) -> None:
    def load() -> Embedder:
        raise ModelUnavailableError("there is none")

    async with opened(tmp_path, load, **AT_ONCE) as service:
        await service.add(KEPT)
        await until(service, EmbeddingState.UNAVAILABLE, pending=1)
        notes = Notes()

        found = await found_in_time(service, BY_MEANING, note=notes)

        assert (found.search_mode, notes) == (SearchMode.KEYWORD, [])
        assert found.notice is not None


async def test_memories_that_cannot_be_embedded_are_not_waited_for(tmp_path: Path) -> None:
    embedder = ToyEmbedder(poison="deploy")
    async with opened(tmp_path, lambda: embedder, **AT_ONCE) as service:
        await service.add(KEPT)
        await until(service, EmbeddingState.READY, pending=1, failed=1)
        notes = Notes()

        found = await found_in_time(service, BY_MEANING, note=notes)

        assert (found.count, notes) == (0, [])


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "home", MEMORY_EMBEDDER="onnx:all-MiniLM-L6-v2")
    yield machine
    assert machine.run("stop").code == 0


def test_the_first_search_on_a_new_machine_finds_the_first_memory_in_other_words(machine: Machine) -> None:
    machine.run("add", "We deploy on Fridays, only after lunch")

    found = machine.run("search", "release schedule")

    assert found.out.endswith("\tWe deploy on Fridays, only after lunch\n")
    assert found.err in ("", f"claude-memory: {WAITING}\n")
