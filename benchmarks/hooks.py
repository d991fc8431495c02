"""How long a hook takes, from its process being started to its end, beside Python doing nothing and beside curl.

    uv run python -m benchmarks.hooks

A real local server with the default model, half of its synthetic memories in one project, every hook with the JSON that
Claude Code sends. The rows take turns, round by round: what else the machine does slows all of them. Each round is a
session of its own. CPU is of the hook's own process, without the server's. With --uvx also through `uvx`, from wheels
that are built first.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from benchmarks.synthetic import Question, parts
from memory_client import __version__, local
from memory_client.local import Endpoint
from memory_client.transport import Transport
from memory_core.engine.embedders.onnx import load_embedder
from memory_core.engine.lexical import entry
from memory_core.engine.ports import EmbedderOptions, ModelIdentity, StoreOptions
from memory_core.engine.stores.duckdb import open_store

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = Path(sys.executable).parent
SIZES = [1_000, 10_000]
PROJECT = "shop"
BUDGET_MS = 150
# The founding document's own hook, as it is printed there.
FOUNDING = r"""claude-memory context --json 2>/dev/null | jq -r '"[Memory Context for " + .project_id + "]\n" + \
(.memories | map("- [" + .memory_type + "] " + .content) | join("\n"))' 2>/dev/null || echo ''"""

Row = Callable[[int], None]  # run it in that round
Took = tuple[float, float]  # ms by the clock, and of the processor for the hook's own process


class Runs:
    """The rows of one server. `environ` has it as the local one."""

    def __init__(self, environ: Mapping[str, str], server: Endpoint, questions: list[Question]) -> None:
        self._environ = {**environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
        self._server = server
        self._questions = questions
        away = {**environ, "MEMORY_SERVER": "http://127.0.0.1:9"}  # the discard port: nobody listens
        elsewhere = {**environ, "MEMORY_SERVER": server.url, "MEMORY_API_KEY": server.key}
        self.rows: dict[str, Row] = {
            "python -c pass": lambda _: self._run([sys.executable, "-c", "pass"], b"", self._environ),
            "curl, the request of SessionStart": self._curl,
            "SessionStart": self._hook("SessionStart", source="startup"),
            "UserPromptSubmit": self._hook("UserPromptSubmit"),
            "SubagentStart": self._hook("SubagentStart", agent_id="a1", agent_type="Explore"),
            "PostCompact": self._hook("PostCompact", trigger="auto", compact_summary="We chose DuckDB. " * 200),
            "Stop": self._hook("Stop", last_assistant_message="The tests are green. " * 40),
            "SessionEnd": self._hook("SessionEnd", reason="other"),
            "UserPromptSubmit, a command: nothing is asked": self._hook("UserPromptSubmit", prompt="/compact"),
            "UserPromptSubmit, server named by URL": self._hook("UserPromptSubmit", environ=elsewhere),
            "UserPromptSubmit, server away": self._hook("UserPromptSubmit", environ=away),
            "UserPromptSubmit, the founding document's": self._hook("UserPromptSubmit", command=["sh", "-c", FOUNDING]),
            "MEMORY_HOOKS=off": self._hook("Stop", environ={**environ, "MEMORY_HOOKS": "off"}),
        }

    def through_uvx(self, wheels: Path) -> None:
        uvx = [shutil.which("uvx") or "uvx", "--offline", "--find-links", str(wheels), "memory-client", "hook"]
        self.rows["SessionStart, by uvx"] = self._hook("SessionStart", source="startup", command=uvx)

    def _hook(
        self,
        name: str,
        *,
        environ: Mapping[str, str] | None = None,
        command: list[str] | None = None,
        **fields: object,
    ) -> Row:
        def run(number: int) -> None:
            event = {"session_id": _session(number), "hook_event_name": name, "cwd": str(ROOT), **fields}
            if name == "UserPromptSubmit":
                event.setdefault("prompt", f"What did we say about {self._question(number)}?")
            said = json.dumps(event).encode()
            self._run(command or [str(SCRIPTS / "memory-client"), "hook"], said, environ or self._environ)

        return run

    def _curl(self, number: int) -> None:
        body = json.dumps({"occasion": "start", "directory": str(ROOT), "agent": "curl"})
        headers = [f"X-API-Key: {self._server.key}", f"X-Project-ID: {PROJECT}", "Content-Type: application/json"]
        url = f"{self._server.url}/sessions/curl-{number}/context"
        self._run(["curl", "-sf", *(f"-H{line}" for line in headers), "-d", body, url], b"", self._environ)

    def _question(self, number: int) -> str:
        return self._questions[number % len(self._questions)].text

    @staticmethod
    def _run(command: list[str], said: bytes, environ: Mapping[str, str]) -> None:
        subprocess.run(command, input=said, env=environ, stdout=subprocess.DEVNULL, check=True)


def _session(number: int) -> str:
    return f"benchmark-{number}"


def fill(data_dir: Path, size: int, model: ModelIdentity) -> list[Question]:
    """By the same path as an import."""
    questions: list[Question] = []
    data_dir.mkdir(parents=True)
    store = open_store("", StoreOptions(data_dir=data_dir, threads=2, memory_limit="1GB"))
    store.use_model(model)
    for part in parts(size, questions=100):
        memories = [
            replace(memory, project_id=PROJECT) if place % 2 else memory for place, memory in enumerate(part.memories)
        ]
        given = zip(memories, part.vectors, strict=True)
        store.import_entries([(entry(memory), vector[np.newaxis]) for memory, vector in given])
        questions += part.questions
    store.maintain()
    store.close()
    return questions


@contextmanager
def serving(data_dir: Path) -> Iterator[Endpoint]:
    """The local server, its model ready."""
    server = local.connect(str(data_dir), version=__version__)
    transport = Transport(server.url, headers={"X-API-Key": server.key})
    try:
        while True:
            with transport.request("GET", "/health") as answer:
                embedding = json.loads(answer.read())["embedding"]
            if embedding["state"] == "ready" and not embedding["pending"]:
                break
            time.sleep(0.1)
        yield server
    finally:
        transport.close()
        local.stop(str(data_dir))


def measured(rows: Mapping[str, Row], rounds: int) -> dict[str, list[Took]]:
    for row in rows.values():
        row(-1)  # the files are in the page cache, the server has loaded everything
    times: dict[str, list[Took]] = {name: [] for name in rows}
    for number in range(rounds):
        for name, row in rows.items():
            cpu_ms, started = _cpu_ms(), time.perf_counter()
            row(number)
            times[name].append(((time.perf_counter() - started) * 1000, _cpu_ms() - cpu_ms))
    return times


def _cpu_ms() -> float:
    """Of the processes that have ended, which are the hooks; the server goes on."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000


def built_wheels(folder: Path) -> Path:
    for package in ("memory-core", "memory-client"):
        command = ["uv", "build", "--quiet", "--wheel", "--offline", "--package", package, "--out-dir", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True)
    return folder


def table(size: int, times: Mapping[str, list[Took]]) -> Iterator[str]:
    floor = statistics.median(wall for wall, _ in times["python -c pass"])
    yield f"| {size:,} memories | p50 ms | p95 ms | × python | CPU ms |"
    yield "|---|---|---|---|---|"
    for name, took in times.items():
        walls, cpus = zip(*took, strict=True)
        p50 = statistics.median(walls)
        yield f"| {name} | {p50:.0f} | {_p95(walls):.0f} | {p50 / floor:.1f} | {statistics.median(cpus):.0f} |"


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--uvx", action="store_true", help="also through uvx, without the network")
    arguments = parser.parse_args()
    slow: set[str] = set()
    with tempfile.TemporaryDirectory() as models:
        options = EmbedderOptions(cache_dir=Path(models), download=False, threads=2)
        model = load_embedder("all-MiniLM-L6-v2", options).model
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            data_dir = Path(folder) / "data"
            questions = fill(data_dir, size, model)
            # An installed program has its byte code beside it; without, each start would compile all of it.
            left_out = ("MEMORY_", "PYTHONDONTWRITEBYTECODE", "CLAUDE_")
            environ = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
            environ |= {"MEMORY_DATA_DIR": str(data_dir), "MEMORY_PROJECT": PROJECT}
            # As on anybody's machine, but that a benchmark asks more often than a person.
            os.environ |= {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off", "MEMORY_MODEL_DOWNLOAD": "false"}
            with serving(data_dir) as server:
                runs = Runs(environ, server, questions)
                if arguments.uvx:
                    runs.through_uvx(built_wheels(Path(folder) / "wheels"))
                times = measured(runs.rows, arguments.rounds)
        print("\n".join(table(size, times)), end="\n\n", flush=True)
        slow |= {name for name, took in times.items() if _p95([wall for wall, _ in took]) > BUDGET_MS}
    print(f"More than {BUDGET_MS} ms at p95: {', '.join(sorted(slow)) or 'none'}.")


if __name__ == "__main__":
    main()
