"""Searches: against the contenders, by mode and filter, by many clients, again, and while others write."""

import functools
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.latency.filling import THREADS, Filled
from benchmarks.latency.floor import Floor
from benchmarks.latency.server import Client, Server, running
from benchmarks.latency.sqlite import SqliteMemories
from benchmarks.latency.times import Times, search, together
from benchmarks.plain import PlainMemories
from benchmarks.synthetic import Question
from memory_core.engine.embedders.onnx import OnnxEmbedder

LIMIT = 10
OURS, EMBEDDING = "hybrid, over HTTP", "embedding of the query"
MODES = ("hybrid", "keyword", "semantic")
_EVERYTHING = {"global_search": True}
FILTERS: dict[str, Callable[[Question], dict[str, Any]]] = {  # Any: JSON
    "none": lambda _: _EVERYTHING,
    "its project (0.1 to 10 %)": lambda question: {"project_id": question.project_id, "include_global": False},
    "type (17 %)": lambda _: {"memory_type": "decision", **_EVERYTHING},
}
CLIENTS = (1, 8, 32)
WARM_UP = 10
_PATH = "/memories/search"
_AT_MOST_S = 20.0  # for one contender, or one kind of search, that is slow


@dataclass(frozen=True)
class Searches:
    contenders: dict[str, Times]
    filters: dict[tuple[str, str], Times]  # by mode and filter
    clients: dict[tuple[str, int], Times]  # by mode and number of clients
    repeated: Times
    beside_writer: dict[str, Times]  # by mode


def measured(data: Filled, models: Path, embedder: OnnxEmbedder, *, share: int) -> Searches:
    """Every question is a new one to the server, unless said; `share` leaves out all but one in so many."""
    warm_up, rest = data.questions[:WARM_UP], data.questions[WARM_UP:][::share]
    third = len(rest) // 3
    with running(data.data_dir, models) as server, server.connected() as client:
        server.settle()
        for question in warm_up:
            for mode, scope in itertools.product(MODES, FILTERS.values()):
                search(client, _body(question.text, mode, scope(question)))
        contenders = _contenders(data, server, client, embedder, rest[:third])
        again = Times()
        for question in _in_time(rest[:third]):
            again.timed(lambda question=question: search(client, _body(question.text)), server.cpu_s)
        filters = _by_filter(server, client, rest[third : third + third // 2])
        clients = _by_clients(server, rest[2 * third :])
        with _writer(server):
            beside = {mode: Times() for mode in MODES}
            for question in _in_time(rest[third : 2 * third]):
                for mode, times in beside.items():
                    body = _body(f"{question.text} {mode}", mode)
                    times.timed(lambda body=body: search(client, body))
    return Searches(contenders, filters, clients, again, beside)


def _contenders(
    data: Filled, server: Server, client: Client, embedder: OnnxEmbedder, questions: list[Question]
) -> dict[str, Times]:
    with ExitStack() as stack:
        floor = Floor(data.vectors)
        plain = PlainMemories(data.folder / "plain.duckdb", threads=THREADS)
        sqlite = SqliteMemories(data.folder / "sqlite.db")
        for each in (floor, plain, sqlite):
            stack.callback(each.close)
        ways: dict[str, Callable[[Question], object]] = {
            OURS: lambda q: search(client, _body(q.text)),
            "scan, 1 thread": lambda q: floor.one_thread(q.vector),
            "scan, 2 threads": lambda q: floor.two_threads(q.vector),
            EMBEDDING: lambda q: embedder.embed_query(q.text),
            "sqlite-vec + FTS5": lambda q: sqlite.search(q.text, q.vector, limit=LIMIT),
            "founding document's SQL": lambda q: plain.search(q.text, q.vector, limit=LIMIT),
        }
        times = {name: Times() for name in ways}
        for question in questions:
            for name, way in ways.items():
                if times[name].wall_s < _AT_MOST_S:
                    cpu = server.cpu_s if name == OURS else time.process_time
                    times[name].timed(functools.partial(way, question), cpu)
    return times


def _by_filter(server: Server, client: Client, questions: list[Question]) -> dict[tuple[str, str], Times]:
    times = {case: Times() for case in itertools.product(MODES, FILTERS)}
    for question in _in_time(questions, 3 * _AT_MOST_S):
        # Its words in another order: the same to find, and a new query to embed. Words alone embed nothing.
        wordings = itertools.cycle(" ".join(words) for words in itertools.permutations(question.text.split()))
        for (mode, name), each in times.items():
            body = _body(next(wordings) if mode != "keyword" else question.text, mode, FILTERS[name](question))
            each.timed(lambda body=body: search(client, body), server.cpu_s)
    return times


def _by_clients(server: Server, questions: list[Question]) -> dict[tuple[str, int], Times]:
    times = {}
    for place, (mode, clients) in enumerate(itertools.product(MODES, CLIENTS)):
        bodies = [_body(f"{question.text} {place}", mode) for question in questions]
        times[mode, clients] = together(server, _PATH, bodies, clients=clients)
    return times


def _in_time(questions: list[Question], at_most_s: float = _AT_MOST_S) -> Iterator[Question]:
    started = time.perf_counter()
    for question in questions:
        yield question
        if time.perf_counter() - started > at_most_s:
            return


@contextmanager
def _writer(server: Server) -> Iterator[None]:
    """Another client that adds one memory after the other."""
    stop = threading.Event()

    def write() -> None:
        with server.connected() as client:
            for number in itertools.count():
                if stop.is_set():
                    return
                client.post("/memories", {"content": f"written meanwhile, number {number}", "project_id": "written"})

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _body(text: str, mode: str = "hybrid", scope: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"query": text, "search_mode": mode, "limit": LIMIT, **(_EVERYTHING if scope is None else scope)}
