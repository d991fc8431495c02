"""The same memories in our store and in those we measure against, each filled by its own way for many at once."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.latency.sqlite import SqliteMemories
from benchmarks.plain import PlainMemories
from benchmarks.synthetic import Question, Vectors, parts
from memory_core.engine.lexical import entry
from memory_core.engine.ports import ModelIdentity, StoreOptions
from memory_core.engine.stores.duckdb import open_store
from memory_core.types import Memory

THREADS = 2
_BATCH = 2_500  # memories in a transaction
_BUILD_MEMORY = "2GB"


@dataclass(frozen=True)
class Filled:
    """`folder` holds data/ (ours), plain.duckdb and sqlite.db; rows of `vectors` in the order of writing."""

    size: int
    folder: Path
    vectors: Vectors
    questions: list[Question]
    seconds: float

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def file(self) -> Path:
        return self.data_dir / "memories.duckdb"


def filled(folder: Path, size: int, *, questions: int, model: ModelIdentity) -> Filled:
    """What `folder` does not hold yet from an earlier run is made now."""
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    missing = [name for name in _WAYS if not _mark(folder, name).exists()]
    if missing:
        _fill(folder, size, questions, [_WAYS[name](folder, model) for name in missing])
        for name in missing:
            _mark(folder, name).touch()
    kept = np.load(folder / "questions.npz")
    asked = [
        Question(text=str(text), vector=vector, target=str(target), project_id=str(project))
        for text, vector, target, project in zip(*(kept[name] for name in kept.files), strict=True)
    ]
    return Filled(size, folder, np.load(folder / "vectors.npy"), asked, time.perf_counter() - started)


def _fill(folder: Path, size: int, questions: int, stores: Sequence["_Filling"]) -> None:
    asked: list[Question] = []
    vectors: list[Vectors] = []
    for part in parts(size, questions=questions):
        for store in stores:
            store.insert(part.memories, part.vectors)
        asked += part.questions
        vectors.append(part.vectors)
    for store in stores:
        store.close()
    np.save(folder / "vectors.npy", np.concatenate(vectors))
    columns = {name: np.array([getattr(question, name) for question in asked]) for name in Question.__annotations__}
    np.savez(folder / "questions.npz", **columns)


def _mark(folder: Path, name: str) -> Path:
    return folder / f"{name}.filled"


class _Filling(Protocol):
    def insert(self, memories: list[Memory], vectors: Vectors) -> None: ...

    def close(self) -> None: ...


class _Ours:
    """By the same path as an import."""

    def __init__(self, folder: Path, model: ModelIdentity) -> None:
        shutil.rmtree(folder / "data", ignore_errors=True)
        self._store = open_store(
            "", StoreOptions(data_dir=folder / "data", threads=THREADS, memory_limit=_BUILD_MEMORY)
        )
        self._store.use_model(model)

    def insert(self, memories: list[Memory], vectors: Vectors) -> None:
        for start in range(0, len(memories), _BATCH):
            given = zip(memories[start : start + _BATCH], vectors[start : start + _BATCH], strict=True)
            self._store.import_entries([(entry(memory), vector[np.newaxis]) for memory, vector in given])

    def close(self) -> None:
        self._store.maintain()
        self._store.close()


def _plain(folder: Path, _: ModelIdentity) -> _Filling:
    (folder / "plain.duckdb").unlink(missing_ok=True)
    return PlainMemories(folder / "plain.duckdb", threads=THREADS)


def _sqlite(folder: Path, _: ModelIdentity) -> _Filling:
    (folder / "sqlite.db").unlink(missing_ok=True)
    return SqliteMemories(folder / "sqlite.db")


_WAYS: dict[str, Callable[[Path, ModelIdentity], _Filling]] = {"ours": _Ours, "plain": _plain, "sqlite": _sqlite}
