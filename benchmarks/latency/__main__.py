"""How long a search takes, by the front door, from a thousand memories to a million; and what else a server costs.

    uv run --group bench python -m benchmarks.latency
    uv run --group bench python -m benchmarks.latency --quick
    uv run --group bench python -m benchmarks.latency --sizes 1000000 --keep /var/tmp/latency

Synthetic memories of 200 projects, the default model, a real server process asked over HTTP on loopback. Beside it, on
the same memories and taking turns question by question: one pass over all vectors in NumPy (the floor of an exact
scan), the founding document's SQL, and SQLite with sqlite-vec and FTS5. Prints Markdown tables; --keep uses filled
folders again. Filling takes a millisecond a memory. Imports are timed by benchmarks/writes.py. Linux only.
"""

import argparse
import contextlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.latency import asked, costs, report
from benchmarks.latency.filling import THREADS, filled
from memory_core.engine.embedders.onnx import load_embedder
from memory_core.engine.ports import EmbedderOptions

SIZES = [1_000, 10_000, 100_000, 1_000_000]
QUESTIONS = 400
LIBRARIES = ("duckdb", "numpy", "onnxruntime", "sqlite-vec", "apsw")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="how many memories (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="1,000 and 10,000 memories, a third of the questions")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder to fill, or to use as it was left")
    arguments = parser.parse_args()
    sizes = SIZES[:2] if arguments.quick else arguments.sizes
    print(_about(), flush=True)
    with _folder(arguments.keep) as folder:
        models = folder / "models"
        embedder = load_embedder("all-MiniLM-L6-v2", EmbedderOptions(cache_dir=models, download=False, threads=THREADS))
        share = 3 if arguments.quick else 1
        for size in sizes:
            _say(f"filling {size:,} …")
            data = filled(folder / str(size), size, questions=QUESTIONS, model=embedder.model)
            _say(f"… {data.seconds:.0f} s; measuring …")
            if size == sizes[0]:
                costs.start(data, models)  # the first start of a process reads its program from the disk
            report.costs(size, costs.measured(data, models, embedder, share=share))
            report.searches(size, asked.measured(data, models, embedder, share=share))


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="latency-") as folder:
        yield Path(folder)


def _about() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, {versions}\n"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
