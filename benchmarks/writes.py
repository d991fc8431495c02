"""How fast memories are kept, against the founding implementation: one at a time, by the thousand, and embedded later.

    uv run benchmarks/writes.py

A real server process with the default model, over HTTP. The founding implementation embeds each text before it inserts
it, one commit each; it runs here in this process, on the same model and texts. Then the server works off what the
import without vectors left to embed: at which rate, and what searches take meanwhile, against the same searches later.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
from msgspec.structs import replace
from plain import PlainMemories
from synthetic import Corpus, corpus

from memory_core.engine.embedders.onnx import OnnxEmbedder, load_embedder
from memory_core.engine.parquet import write_parquet
from memory_core.engine.ports import EmbeddedEntry, EmbedderOptions
from memory_core.types import Memory

THREADS = 2
READY = re.compile(r"listening on (\S+)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--singles", type=int, default=200, help="how many memories are added one by one")
    parser.add_argument("--imported", type=int, default=10_000)
    arguments = parser.parse_args()
    data = corpus(arguments.imported + arguments.singles, questions=arguments.singles)
    singles, imported = data.memories[: arguments.singles], data.memories[arguments.singles :]
    print("| way | memories | ms each | founding / this |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        embedder = load_embedder(
            "all-MiniLM-L6-v2", EmbedderOptions(cache_dir=Path(folder) / "models", download=False, threads=THREADS)
        )
        founding = row("founding: embed, then insert, one commit each", founding_adds(folder, embedder, singles), None)
        with_vectors = entries(imported, data, embedder)
        raw = raw_rate(embedder, singles)
        embedder.close()
        without = [replace(entry, model=None, vectors=None) for entry in with_vectors]
        questions = [question.text for question in data.questions]
        with server(Path(folder) / "one", Path(folder) / "models") as http:
            row("POST /memories one by one, embedded later", adds(http, singles), founding)
            settle(http)
            row("POST /import, with vectors", import_ms(http, Path(folder), with_vectors), founding, len(imported))
            row("the same file again", import_ms(http, Path(folder), with_vectors), founding, len(imported))
            idle = searches(http, questions)
        with server(Path(folder) / "two", Path(folder) / "models") as http:
            row("POST /import, without vectors", import_ms(http, Path(folder), without), founding, len(imported))
            print(f"\n{while_embedding(http, questions, raw=raw, idle=idle)}")


def row(name: str, times_ms: list[float], founding: float | None, count: int | None = None) -> float:
    """One line of the table. A single time is that of all `count` memories."""
    count = count or len(times_ms)
    each = sum(times_ms) / count if len(times_ms) == 1 else statistics.median(times_ms)
    ratio = f"{founding / each:.1f}x" if founding else "1x"
    print(f"| {name} | {count:,} | {each:.2f} | {ratio} |", flush=True)
    return each


def founding_adds(folder: str, embedder: OnnxEmbedder, memories: Sequence[Memory]) -> list[float]:
    plain = PlainMemories(Path(folder) / "plain.duckdb", threads=THREADS)
    times = [
        elapsed_ms(lambda memory=memory: plain.insert([memory], embedder.embed([memory.content])))
        for memory in memories
    ]
    plain.close()
    return times


def raw_rate(embedder: OnnxEmbedder, memories: Sequence[Memory]) -> float:
    """Texts a second, with nothing else to do."""
    texts = sorted((memory.content for memory in memories), key=len)
    batches = [texts[start : start + 8] for start in range(0, len(texts), 8)]
    return 1000 * len(texts) / elapsed_ms(lambda: [embedder.embed(batch) for batch in batches])


def entries(memories: Sequence[Memory], data: Corpus, embedder: OnnxEmbedder) -> list[EmbeddedEntry]:
    return [
        EmbeddedEntry(memory=memory, model=embedder.model, vectors=vector[np.newaxis])
        for memory, vector in zip(memories, data.vectors[-len(memories) :], strict=True)
    ]


def adds(http: httpx.Client, memories: Sequence[Memory]) -> list[float]:
    bodies = [{"content": memory.content, "project_id": memory.project_id} for memory in memories]
    return [elapsed_ms(lambda body=body: http.post("/memories", json=body).raise_for_status()) for body in bodies]


def import_ms(http: httpx.Client, folder: Path, batch: list[EmbeddedEntry]) -> list[float]:
    path = folder / "import.parquet"
    write_parquet(path, iter([batch]))
    body = path.read_bytes()
    path.unlink()
    headers = {"Content-Type": "application/vnd.apache.parquet"}
    return [elapsed_ms(lambda: http.post("/import", content=body, headers=headers).raise_for_status())]


def while_embedding(http: httpx.Client, questions: Sequence[str], *, raw: float, idle: float) -> str:
    """What the backlog and searches, who share the model, cost each other."""
    started, before = time.perf_counter(), pending(http)
    busy = searches(http, questions)
    rate = (before - pending(http)) / (time.perf_counter() - started)
    return (
        f"Embedding in the background: {rate:.0f} texts a second while searches run, {raw:.0f} by the bare model.\n"
        f"A search meanwhile: p50 {busy:.0f} ms; with nothing to embed {idle:.0f} ms ({busy / idle:.1f}x)."
    )


def searches(http: httpx.Client, questions: Sequence[str]) -> float:
    """Milliseconds of one, the median."""
    return statistics.median(
        elapsed_ms(lambda text=question: http.post("/memories/search", json={"query": text}).raise_for_status())
        for question in questions
    )


def pending(http: httpx.Client) -> int:
    return int(http.get("/health").json()["embedding"]["pending"])


def settle(http: httpx.Client) -> None:
    while http.get("/health").json()["embedding"]["state"] == "loading" or pending(http):
        time.sleep(0.2)


def elapsed_ms(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


@contextmanager
def server(data_dir: Path, models: Path) -> Iterator[httpx.Client]:
    settings = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off", "MEMORY_MODEL_CACHE": str(models)}
    command = [sys.executable, "-m", "memory_server", "--port", "0", "--data-dir", str(data_dir)]
    process = subprocess.Popen(
        command, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        url = next(match for line in process.stdout if (match := READY.search(line)))[1]
        with httpx.Client(base_url=url, timeout=600) as http:
            while http.get("/health").json()["embedding"]["state"] == "loading":
                time.sleep(0.1)
            yield http
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
