"""The product by its own front door: a real server process, filled by an import, asked over HTTP.

Limits are off and a model is never downloaded; all else is as a user has it.
"""

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct

from benchmarks.retrieval.datasets import QuestionSet, as_memories, memory_id, project_of
from benchmarks.retrieval.metrics import DEPTH
from memory_core.engine.parquet import write_parquet
from memory_core.engine.ports import EmbeddedEntry
from memory_core.types import Context, EmbeddingState, Health, ImportReport, SearchMode, SearchResult

CONNECTIONS = 2
_READY = re.compile(r"listening on (https?://\S+)")
_START_S = 90.0
_STOP_S = 60.0
_REQUEST_S = 600.0
_POLL_S = 0.2
_BATCH = 500
_LOG_LINES = 30


class Hit(Struct, frozen=True):
    """`id` as the set has it; `lexical` and `semantic` are the parts of `score`, where a method has them."""

    id: str
    score: float
    lexical: float | None = None
    semantic: float | None = None


class Product:
    def __init__(self, url: str) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS)
        self._http = httpx.Client(base_url=url, timeout=_REQUEST_S, limits=limits, trust_env=False)

    def fill(self, sets: Sequence[QuestionSet], scratch: Path) -> ImportReport:
        """Import what is not there yet, and wait until all of it has its embedding."""
        path = scratch / f"import-{os.getpid()}.parquet"
        write_parquet(path, _batches(sets))
        try:
            headers = {"content-type": "application/vnd.apache.parquet"}
            answer = _accepted(self._http.post("/import", content=path.read_bytes(), headers=headers))
        finally:
            path.unlink()
        self._wait_for_embeddings()
        return msgspec.json.decode(answer, type=ImportReport)

    def health(self) -> Health:
        return msgspec.json.decode(_accepted(self._http.get("/health")), type=Health)

    def rankings(self, questions: QuestionSet, mode: SearchMode) -> Iterator[list[Hit]]:
        """One for each question, in their order."""
        asked = [
            (query.text, project_of(questions.name, group.group))
            for group in questions.groups
            for query in group.queries
        ]
        names = {
            memory_id(project_of(questions.name, group.group), item.id): item.id
            for group in questions.groups
            for item in group.memories
        }

        def ask(text_and_project: tuple[str, str]) -> list[Hit]:
            result = self.search(*text_and_project, mode)
            return [Hit(names[hit.id], hit.score, hit.lexical, hit.semantic) for hit in result.results]

        with ThreadPoolExecutor(CONNECTIONS) as threads:
            yield from threads.map(ask, asked)

    def search(self, text: str, project: str, mode: SearchMode) -> SearchResult:
        body = {"query": text, "project_id": project, "search_mode": mode, "limit": DEPTH}
        result = msgspec.json.decode(_accepted(self._http.post("/memories/search", json=body)), type=SearchResult)
        if result.search_mode is not mode:
            raise RuntimeError(f"{mode} search was asked for and {result.search_mode} was done: {result.notice}")
        return result

    def context(self, prompt: str, project: str, *, max_tokens: int) -> Context:
        asked: dict[str, str | int] = {"query": prompt, "project_id": project, "max_tokens": max_tokens}
        return msgspec.json.decode(_accepted(self._http.get("/context", params=asked)), type=Context)

    def close(self) -> None:
        self._http.close()

    def _wait_for_embeddings(self) -> None:
        while True:
            embedding = self.health().embedding
            if embedding.failed or embedding.state in (EmbeddingState.OFF, EmbeddingState.UNAVAILABLE):
                raise RuntimeError(f"the memories cannot be embedded: {embedding.detail or embedding.state}")
            if embedding.state is EmbeddingState.READY and not embedding.pending:
                return
            time.sleep(_POLL_S)  # /health is what a user has to go by, too


@contextlib.contextmanager
def running(data_dir: Path, *, settings: Mapping[str, str] | None = None) -> Iterator[Product]:
    """A server of its own on a free port, ended with the block. Its log lies beside the folder.

    `settings` are variables of its environment besides those that every run has.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MEMORY_", "CORS_"))}
    off = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off", "MEMORY_MODEL_DOWNLOAD": "false"}
    log = data_dir.with_name(f"{data_dir.name}.log")
    with log.open("a", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "memory_server", "--data-dir", str(data_dir), "--port", "0"],
            env=clean | off | dict(settings or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            encoding="utf-8",
        )
    try:
        product = Product(_url(process))
        try:
            yield product
        finally:
            product.close()
    except Exception as error:
        last = log.read_text(encoding="utf-8").splitlines()[-_LOG_LINES:]
        error.add_note("\n".join(["The last lines of memory-server's log:", *last]))
        raise
    finally:
        process.terminate()
        process.wait(_STOP_S)


def _url(process: subprocess.Popen[str]) -> str:
    # Reading blocks until the ready line or the end of the process; the timer makes sure that one of them comes.
    watchdog = threading.Timer(_START_S, process.kill)
    watchdog.start()
    assert process.stdout is not None
    with process.stdout:
        ready = next((found for line in process.stdout if (found := _READY.search(line))), None)
    watchdog.cancel()
    if ready is None:
        raise RuntimeError(f"memory-server ended with {process.wait()} before it was ready")
    return ready[1]


def _accepted(answer: httpx.Response) -> bytes:
    if answer.is_error:
        raise RuntimeError(f"{answer.request.url.path} was answered with {answer.status_code}: {answer.text}")
    return answer.content


def _batches(sets: Sequence[QuestionSet]) -> Iterator[list[EmbeddedEntry]]:
    for questions in sets:
        for group in questions.groups:
            entries = [EmbeddedEntry(memory=m, model=None, vectors=None) for m in as_memories(questions.name, group)]
            yield from (entries[start : start + _BATCH] for start in range(0, len(entries), _BATCH))
