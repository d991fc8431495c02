"""What a server costs beside the time of a search: start, memory, disk, recall; and how fast it takes memories in."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.latency.asked import LIMIT, WARM_UP
from benchmarks.latency.filling import THREADS, Filled
from benchmarks.latency.floor import Floor
from benchmarks.latency.server import Server, drop_from_page_cache, running
from benchmarks.latency.times import Times, search, together
from benchmarks.synthetic import parts
from memory_core.engine import ranking
from memory_core.engine.embedders.onnx import OnnxEmbedder
from memory_core.engine.ports import Probe, QueryVector, StoreOptions
from memory_core.engine.stores.duckdb import open_store
from memory_core.types import Scope

RECALL_QUESTIONS = 100
ADDS = 200


@dataclass(frozen=True)
class Start:
    """Seconds after the process was started."""

    listening_s: float
    first_answer_s: float  # of a hybrid search, the model included
    second_ms: float


@dataclass(frozen=True)
class Costs:
    cold: Start
    warm: Start
    rest_mb: float
    loaded_mb: float
    peak_mb: float
    disk_mb: float
    recall: float
    adds: dict[int, Times]  # by clients


def measured(data: Filled, models: Path, embedder: OnnxEmbedder, *, share: int) -> Costs:
    warm = start(data, models)
    drop_from_page_cache(data.file)
    cold = start(data, models)
    with running(data.data_dir, models) as server, server.connected() as client:
        server.settle()
        rest = server.rss_mb()
        for question in data.questions[WARM_UP::share]:
            search(client, {"query": question.text, "global_search": True})
        loaded, peak = server.rss_mb(), server.rss_mb("VmHWM")
    with _copy(data) as copied, running(copied, models) as server:
        server.settle()
        adds = {clients: _add(server, clients, ADDS // share) for clients in (1, 8)}
    return Costs(
        cold=cold,
        warm=warm,
        rest_mb=rest,
        loaded_mb=loaded,
        peak_mb=peak,
        disk_mb=data.file.stat().st_size / 1e6,
        recall=_recall(data, embedder),
        adds=adds,
    )


def start(data: Filled, models: Path) -> Start:
    started = time.perf_counter()
    with running(data.data_dir, models) as server, server.connected() as client:
        found = search(client, {"query": data.questions[0].text, "global_search": True})
        first = time.perf_counter() - started
        second = Times()
        second.timed(lambda: search(client, {"query": data.questions[1].text, "global_search": True}))
        if not found:
            raise RuntimeError("the first search found nothing")
        return Start(server.listening_s, first, second.p50)


def _recall(data: Filled, embedder: OnnxEmbedder) -> float:
    """Of the ten nearest by exact comparison, the share that the store brings as the ten nearest."""
    floor, shares = Floor(data.vectors), []
    ids = [memory.id for part in parts(data.size, questions=0) for memory in part.memories]
    store = open_store("", StoreOptions(data_dir=data.data_dir, threads=THREADS))
    try:
        for question in data.questions[:RECALL_QUESTIONS]:
            found = store.candidates(
                Probe(
                    terms=(),
                    vector=QueryVector(numbers=question.vector, model=embedder.model),
                    pool=ranking.pool(LIMIT),
                    coarse_pool=ranking.coarse_pool(LIMIT),
                    k1=ranking.K1,
                    b=ranking.B,
                    coverage_prior=ranking.COVERAGE_PRIOR,
                    piece_penalty=ranking.PIECE_PENALTY,
                ),
                Scope(),
            )
            nearest = sorted(found, key=lambda each: -(each.cosine or 0.0))[:LIMIT]
            best = {ids[row] for row in floor.best(question.vector, LIMIT)}
            shares.append(len(best & {each.memory.id for each in nearest}) / LIMIT)
    finally:
        store.close()
        floor.close()
    return float(np.mean(shares))


def _add(server: Server, clients: int, count: int) -> Times:
    bodies = [
        {"content": f"note {number} by {clients}: the build of component {number * 7} needs tool {number * 13}"}
        for number in range(count)
    ]
    times = together(server, "/memories", bodies, clients=clients)
    server.settle()
    return times


@contextmanager
def _copy(data: Filled) -> Iterator[Path]:
    """Where memories are added, so that what was filled stays as it is."""
    folder = data.folder / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        shutil.copy(data.file, folder)
        yield folder
    finally:
        shutil.rmtree(folder)
