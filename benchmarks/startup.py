"""How long a start takes: the bridge to its first reply, a CLI command to its end, against Python doing nothing.

    uv run benchmarks/startup.py

The rows take turns, round by round: what else the machine does slows all of them, and the ratio of their medians stays.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from memory_client import __version__, local

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "benchmark", "version": "1"}}
INITIALIZE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}).encode() + b"\n"
SCRIPTS = Path(sys.executable).parent

Measure = Callable[[], float]


def first_reply(environ: Mapping[str, str]) -> Measure:
    """Milliseconds from spawning a bridge to its reply to `initialize`."""

    def measure() -> float:
        started = time.perf_counter()
        with subprocess.Popen(
            [SCRIPTS / "memory-client"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
        ) as bridge:
            assert bridge.stdin is not None
            assert bridge.stdout is not None
            bridge.stdin.write(INITIALIZE)
            bridge.stdin.flush()
            reply = bridge.stdout.readline()
            took = time.perf_counter() - started
            bridge.stdin.close()
        assert "result" in json.loads(reply), reply
        return took * 1000

    return measure


def whole_run(command: list[str], environ: Mapping[str, str]) -> Measure:
    """Milliseconds from spawning a command to its end."""

    def measure() -> float:
        started = time.perf_counter()
        subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True)
        return (time.perf_counter() - started) * 1000

    return measure


def rows(home: Path, url: str, key: str) -> dict[str, Measure]:
    # An installed program has its byte code beside it; without, each start would compile all of it.
    left_out = ("MEMORY_", "PYTHONDONTWRITEBYTECODE")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environ |= {"HOME": str(home), "XDG_CACHE_HOME": str(home), "MEMORY_DATA_DIR": str(home), "MEMORY_PROJECT": "b"}
    remote = environ | {"MEMORY_SERVER": url, "MEMORY_API_KEY": key}
    away = environ | {"MEMORY_SERVER": "http://127.0.0.1:9"}  # the discard port: nobody listens
    cli = str(SCRIPTS / "claude-memory")
    return {
        "python -c pass": whole_run([sys.executable, "-c", "pass"], environ),
        "bridge, server elsewhere": first_reply(remote),
        "bridge, local server running": first_reply(environ),
        "bridge, server away": first_reply(away),
        "memory-client --version": whole_run([str(SCRIPTS / "memory-client"), "--version"], environ),
        "claude-memory --version": whole_run([cli, "--version"], environ),
        "claude-memory stats": whole_run([cli, "stats"], environ),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=20)
    rounds = arguments.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MEMORY_EMBEDDER"] = "none"
        server = local.connect(folder, version=__version__)
        try:
            measures = rows(Path(folder), server.url, server.key)
            for measure in measures.values():
                measure()  # the files are in the page cache, the server has loaded everything
            times: dict[str, list[float]] = {name: [] for name in measures}
            for _ in range(rounds):
                for name, measure in measures.items():
                    times[name].append(measure())
        finally:
            local.stop(folder)
    print_table(times)


def print_table(times: dict[str, list[float]]) -> None:
    floor = statistics.median(next(iter(times.values())))
    print(f"{'':30} {'min ms':>8} {'median ms':>10} {'× python':>9}")
    for name, values in times.items():
        print(
            f"{name:30} {min(values):8.1f} {statistics.median(values):10.1f} {statistics.median(values) / floor:9.1f}"
        )


if __name__ == "__main__":
    main()
