"""What the setting does, and that nobody but the caller's own words ever holds the secret."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memory_core.changes import By, Decision, Outcome, Settlement
from memory_core.engine.ports import Vectors
from memory_core.errors import InvalidError
from memory_core.formats.jsonl import line_of
from memory_core.types import EmbeddingState, ListQuery, MemoryPatch, NewMemory, SecretPolicy
from support.kept import kept as a_memory
from support.leaks import leak
from support.services import opened, until
from support.toys import ToyEmbedder

KEY = leak("AK|IA<16 upper>")


async def test_a_server_that_refuses_says_where_and_what_kind_and_never_what(tmp_path: Path) -> None:
    async with opened(tmp_path, secrets=SecretPolicy.REFUSE) as service:
        kept = await service.add(NewMemory(content="plain"))
        refused = [
            service.add(NewMemory(content=f"uses {KEY.text}")),
            service.add(NewMemory(content="x", tags=("a", KEY.text))),
            service.add(NewMemory(content="x"), by=By(reason=KEY.text)),
            service.update(kept.id, MemoryPatch(source=KEY.text)),
            service.settle(Settlement(keep=kept.id, other=kept.id, decision=Decision.MERGE, content=KEY.text)),
            service.delete(kept.id, by=By(reason=KEY.text)),
        ]
        said = []
        for asked in refused:
            with pytest.raises(InvalidError) as error:
                await asked
            said.append(str(error.value))

        assert said[0].startswith("content holds what looks like a secret (aws-key at character 6);")
        assert [text.split()[0] for text in said] == ["content", "tags", "reason", "source", "content", "reason"]
        assert [text for text in said if KEY.remains(text)] == []
        assert [memory.content for memory in (await service.list(ListQuery())).memories] == ["plain"]


async def test_a_server_that_refuses_takes_nothing_of_a_file_with_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "memories.jsonl"
    file.write_bytes(line_of(a_memory("plain", id="1" * 32)) + line_of(a_memory(f"uses {KEY.text}")))

    async with opened(tmp_path / "data", secrets=SecretPolicy.REFUSE) as service:
        with pytest.raises(InvalidError, match="memory 3f2a0d1c: content holds what looks like a secret"):
            await service.import_file(file)
        assert (await service.list(ListQuery())).count == 0


async def test_turned_off_everything_is_kept_as_it_is(tmp_path: Path) -> None:
    async with opened(tmp_path, secrets=SecretPolicy.OFF) as service:
        kept = await service.add(NewMemory(content=f"uses {KEY.text}", tags=(KEY.text,), topic_key=KEY.text))

        assert (kept.content, kept.tags, kept.redacted) == (f"uses {KEY.text}", (KEY.text,), ())


async def test_an_import_of_what_was_kept_before_secrets_were_looked_for_finds_it_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "all.parquet"
    async with opened(tmp_path / "data", secrets=SecretPolicy.OFF) as careless:
        await careless.add(NewMemory(content=f"uses {KEY.text}"))
        await careless.export_file(file)

    async with opened(tmp_path / "data") as service:
        report = await service.import_file(file)

    assert (report.imported, report.unchanged, report.conflicts) == (0, 1, ())


class Listening(ToyEmbedder):
    """A model that remembers what it was given to read."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.heard += texts
        return super().embed(texts)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        self.heard.append(text)
        return super().embed_query(text)


async def test_no_model_reads_a_secret_and_no_vector_of_one_is_taken_from_a_file(tmp_path: Path) -> None:
    careless, careful = Listening(), Listening()
    file = tmp_path / "all.parquet"
    async with opened(tmp_path / "careless", lambda: careless, secrets=SecretPolicy.OFF) as service:
        await service.add(NewMemory(content=f"uses {KEY.text}"))
        await service.add(NewMemory(content="plain"))
        await until(service, EmbeddingState.READY)
        await service.export_file(file)

    async with opened(tmp_path / "careful", lambda: careful) as service:
        await until(service, EmbeddingState.READY)
        await service.import_file(file)
        await service.add(NewMemory(content=f"and wants {KEY.text}"))
        await until(service, EmbeddingState.READY)

    assert any(KEY.remains(text) for text in careless.heard)
    assert [text for text in careful.heard if KEY.remains(text)] == []
    assert any("uses [redacted:aws-key]" in text for text in careful.heard)
    assert not any("plain" in text for text in careful.heard)


async def test_what_is_kept_of_a_request_tells_nothing_of_the_secret(tmp_path: Path) -> None:
    """The print of a request would let whoever has the store try passwords: all the rest of the text is there."""
    async with opened(tmp_path) as service:
        for password in ("hunter22", "hunter23"):
            kept = await service.add(NewMemory(content=f"password={password}"), by=By(request="once"))

        assert (kept.outcome, kept.content) == (Outcome.CREATED, "password=[redacted:password]")
