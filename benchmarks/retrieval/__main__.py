"""How well search finds what was asked for, through a real server, beside grep, BM25, vectors and plain SQL.

    uv run python -m benchmarks.retrieval

Prints Markdown tables: recall at 1, 5 and 10 (R: the share of a question's right memories found, any: at least one,
all: each of them), nDCG@10 and MRR, as means over questions with bootstrap intervals. The sets are our own and
those of --data, which are no part of this repository. Embedding ten thousand memories takes a few minutes; --keep uses
a filled folder again, and whoever keeps one has to empty it when the text that is embedded has changed.
"""

import argparse
import contextlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.retrieval import datasets, gate, product, report
from benchmarks.retrieval.asking import METHODS, Asked, ask, methods

_LIBRARIES = ("duckdb", "onnxruntime", "numpy", "snowballstemmer")


def main() -> int:
    arguments = _arguments()
    if arguments.gate:
        return gate.run(arguments.data)
    sets = _sets(arguments)
    started = time.perf_counter()
    settings = {"MEMORY_EMBEDDER": arguments.embedder} if arguments.embedder else {}
    with _folder(arguments.keep) as folder, product.running(folder / "server", settings=settings) as server:
        _say(f"importing and embedding {sum(each.memories for each in sets):,} memories …")
        server.fill(sets, folder)
        _say(f"… took {time.perf_counter() - started:.0f} s")
        asked = _ask_all(sets, server, folder, arguments.methods)
        about = _about(server, time.perf_counter() - started)
    print(report.markdown(asked, about, datasets.SHARED_NAMES))
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(report.raw(asked, about))))
    if arguments.dump:
        answers = [a for by_method in asked.values() for each in by_method.values() for a in each.answers]
        arguments.dump.write_bytes(msgspec.json.Encoder().encode_lines(answers))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = (*datasets.SHARED_NAMES, datasets.OWN_NAME)
    parser.add_argument("--data", type=Path, default=datasets.SHARED, help="folder of the sets (default: %(default)s)")
    parser.add_argument("--sets", nargs="+", choices=names, default=names, metavar="SET", help=" ".join(names))
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="METHOD", help=" ".join(METHODS)
    )
    parser.add_argument(
        "--embedder", metavar="SPEC", help="another model, such as onnx:/a/folder (default: the server's)"
    )
    parser.add_argument("--limit-queries", type=int, metavar="N", help="N questions a set, evenly spread")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder to fill, or to use as it was left")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--dump", type=Path, metavar="FILE", help="write every question's hits here, a JSON line each")
    parser.add_argument("--gate", action="store_true", help="a small fixed part of --data against floors; 1 if below")
    return parser.parse_args()


def _sets(arguments: argparse.Namespace) -> list[datasets.QuestionSet]:
    paths = {
        name: datasets.OWN if name == datasets.OWN_NAME else datasets.shared_path(arguments.data, name)
        for name in arguments.sets
    }
    if missing := [name for name, path in paths.items() if not path.is_file()]:
        _say(f"{arguments.data} has no {', '.join(missing)}, so the rest is measured alone; --data names the folder")
    sets = [datasets.read(path, name) for name, path in paths.items() if path.is_file()]
    if arguments.limit_queries is not None:
        sets = [datasets.fewer(each, arguments.limit_queries) for each in sets]
    return sets


def _ask_all(
    sets: list[datasets.QuestionSet], server: product.Product, folder: Path, names: list[str]
) -> dict[str, dict[str, Asked]]:
    known = methods(server, folder)
    asked: dict[str, dict[str, Asked]] = {}
    for questions in sets:
        asked[questions.name] = {}
        for name in (name for name in METHODS if name in names):
            asked[questions.name][name] = each = ask(questions, name, known[name])
            _say(f"{questions.name}: {len(each.answers):,} questions by {name} took {each.seconds:.1f} s")
    return asked


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
    else:
        with tempfile.TemporaryDirectory(prefix="retrieval-") as folder:
            yield Path(folder)


def _about(server: product.Product, seconds: float) -> dict[str, Any]:
    health = server.health()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "memory-server": health.version,
        "model": f"{health.embedding.model}, as {health.embedding.embedder}",
        "libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
        "python": f"{platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores",
        "seconds": round(seconds),
        "methods": "; ".join(f"{name}: {meaning}" for name, meaning in METHODS.items()),
    }


def _commit() -> str:
    git = ["git", "-C", str(datasets.ROOT)]
    # Where there is no git, or no repository, the version has to do.
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "packages"], capture_output=True, check=False)
    return (head.stdout.strip() or "unknown") + (" with changes in packages/" if changed.returncode else "")


def _say(text: str) -> None:
    """To stderr: stdout is for the tables."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
