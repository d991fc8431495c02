"""Hybrid search against the plain approach of the founding document, on the same memories in the same run.

    uv run benchmarks/search.py

Prints times of whole calls: ours through the service as a server calls it, the plain one as bare SQL. Vectors are
synthetic and given to both, so that no model's time is in them. The two take turns, question by question: what else
the machine does slows both. "found" is the share of questions whose memory is among the first ten.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plain import PlainMemories
from synthetic import DIMENSION, Corpus, corpus

from memory_core.engine.embedding import EmbeddingQueue
from memory_core.engine.lexical import entry, indexed_text
from memory_core.engine.parquet import read_parquet, write_parquet
from memory_core.engine.ports import ModelIdentity, Store, StoreOptions, Vectors
from memory_core.engine.service import MemoryService
from memory_core.engine.stores.duckdb import open_store
from memory_core.engine.transfer import Parquet
from memory_core.types import EmbeddingState, SearchQuery

THREADS = 2
LIMIT = 10
BATCH = 500
WARM_UP = 5


class Lookup:
    """An embedder that knows the questions by heart; the memories come with their vectors."""

    model = ModelIdentity(name="synthetic", revision="1", dimension=DIMENSION)

    def __init__(self, known: dict[str, NDArray[np.float32]]) -> None:
        self._known = known

    def pieces(self, text: str) -> list[str]:
        return [text]

    def embed(self, texts: Sequence[str]) -> Vectors:
        raise AssertionError(f"{len(texts)} memories have no vector")

    def embed_query(self, text: str) -> NDArray[np.float32]:
        return self._known[text]

    def close(self) -> None:
        pass


@dataclass
class Times:
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    found: int = 0

    def add(self, wall_s: float, cpu_s: float, *, found: bool) -> None:
        self.wall_ms.append(1000 * wall_s)
        self.cpu_ms.append(1000 * cpu_s)
        self.found += found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000], help="how many memories")
    parser.add_argument("--questions", type=int, default=100)
    arguments = parser.parse_args()
    print("| memories | search | p50 ms | p95 ms | CPU p50 ms | found | plain / hybrid (p50, p95, CPU) |")
    print("|---|---|---|---|---|---|---|")
    for size in arguments.sizes:
        ours, plain = asyncio.run(compare(corpus(size, questions=arguments.questions + WARM_UP)))
        ratios = [theirs / own for theirs, own in zip(figures(plain), figures(ours), strict=True)]
        print(row(size, "hybrid", ours, " · ".join(f"{ratio:.1f}x" for ratio in ratios)))
        print(row(size, "plain", plain, "1x"))


async def compare(data: Corpus) -> tuple[Times, Times]:
    with tempfile.TemporaryDirectory() as folder:
        plain = PlainMemories(Path(folder) / "plain.duckdb", threads=THREADS)
        store = open_store("", StoreOptions(data_dir=Path(folder), threads=THREADS))
        fill(store, plain, data)
        known = {question.text: question.vector for question in data.questions}
        queue = EmbeddingQueue(store, lambda: Lookup(known), indexed_text)
        service = MemoryService(store, queue, Parquet(write_parquet, read_parquet), version="benchmark")
        await service.start()
        try:
            return await ask(service, plain, data)
        finally:
            await service.close()
            plain.close()


def fill(store: Store, plain: PlainMemories, data: Corpus) -> None:
    store.use_model(Lookup.model)
    by_id = {memory.id: vector for memory, vector in zip(data.memories, data.vectors, strict=True)}
    for start in range(0, len(data.memories), BATCH):
        batch = data.memories[start : start + BATCH]
        store.insert([entry(memory) for memory in batch])
        store.set_vectors({p.doc: by_id[p.memory.id][np.newaxis] for p in store.pending(limit=BATCH)})
        plain.insert(batch, data.vectors[start : start + BATCH])
    store.maintain()
    plain.checkpoint()


async def ask(service: MemoryService, plain: PlainMemories, data: Corpus) -> tuple[Times, Times]:
    ours, theirs = Times(), Times()
    while (await service.health()).embedding.state is not EmbeddingState.READY:  # noqa: ASYNC110  it has no event
        await asyncio.sleep(0.01)
    for place, question in enumerate(data.questions):
        wall, cpu = time.perf_counter(), time.process_time()
        result = await service.search(SearchQuery(query=question.text, limit=LIMIT))
        own = time.perf_counter() - wall, time.process_time() - cpu
        wall, cpu = time.perf_counter(), time.process_time()
        ids = plain.search(question.text, question.vector, limit=LIMIT)
        other = time.perf_counter() - wall, time.process_time() - cpu
        if place >= WARM_UP:
            ours.add(*own, found=question.target in {hit.id for hit in result.results})
            theirs.add(*other, found=question.target in ids)
    return ours, theirs


def figures(times: Times) -> tuple[float, float, float]:
    return (
        float(np.percentile(times.wall_ms, 50)),
        float(np.percentile(times.wall_ms, 95)),
        float(np.percentile(times.cpu_ms, 50)),
    )


def row(size: int, name: str, times: Times, ratios: str) -> str:
    p50, p95, cpu = figures(times)
    found = 100 * times.found / len(times.wall_ms)
    return f"| {size:,} | {name} | {p50:.1f} | {p95:.1f} | {cpu:.1f} | {found:.0f} % | {ratios} |"


if __name__ == "__main__":
    main()
