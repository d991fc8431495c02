"""The memory of a real server process with the default model, at the moments that matter to a small machine.

    uv run benchmarks/memory.py

"own" is memory that the system cannot take back without swap; "files" are pages of mapped files (the model's weights,
program code), which it takes when it needs them. The last rows are what must not grow: memories far longer than the
model reads at once, and many searches. Takes about seven minutes; Linux only.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import httpx

READY = re.compile(r"listening on (\S+)")
MCP = {"Accept": "application/json, text/event-stream"}
INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}
REST_S = 160  # in which a quiet server has given back what it does not use, the second time after its store's upkeep


class Server:
    """A process, and what it takes. Enter it; it is ready to listen then."""

    def __init__(self, data_dir: Path) -> None:
        limits = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off", "MEMORY_MODEL_DOWNLOAD": "false"}
        command = [sys.executable, "-m", "memory_server", "--port", "0", "--data-dir", str(data_dir)]
        self.process = subprocess.Popen(
            command, env=os.environ | limits, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        found = next(match for line in self.process.stdout if (match := READY.search(line)))
        self.http = httpx.Client(base_url=found[1], timeout=120)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.process.terminate()
        self.process.wait()

    def megabytes(self) -> dict[str, float]:
        lines = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()[1:]
        return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}

    def show(self, moment: str) -> float:
        now = self.megabytes()
        print(
            f"| {moment} | {now['Rss']:.0f} | {now['Anonymous']:.0f} | {now['Rss'] - now['Anonymous']:.0f} |",
            flush=True,
        )
        return now["Rss"]

    def post(self, path: str, body: object, **headers: str) -> Any:  # Any: JSON
        return self.http.post(path, json=body, headers=headers).raise_for_status()

    def settle(self) -> None:
        """Until the model is there and everything has its embedding."""
        while True:
            embedding = self.http.get("/health").json()["embedding"]
            if embedding["state"] == "ready" and not embedding["pending"]:
                return
            time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", type=int, default=8, help="how many memories of 60 kB; each takes about 3 s")
    parser.add_argument("--searches", type=int, default=1000)
    arguments = parser.parse_args()
    print("| moment | RSS MB | own MB | files MB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        with Server(Path(folder) / "data") as server:
            server.show("listening, model not loaded yet")
            server.settle()
            server.show("model ready the first time (its graph was just made)")
        with Server(Path(folder) / "data") as server:
            server.settle()
            server.show("model ready")
            use(server)
            rest(server)
            grow(server, arguments.long, arguments.searches)
            rest(server)


def use(server: Server) -> None:
    for number in range(200):
        server.post("/memories", {"content": sentence(number)})
        server.post("/memories/search", {"query": f"which tool builds component {number * 7}"})
    server.settle()
    server.show("after 200 adds and 200 searches")
    for method, params in (("initialize", INITIALIZE), ("tools/list", {})):
        server.post("/mcp", {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, **MCP)
    server.show("after a client of MCP")


def rest(server: Server) -> None:
    """Until the process has given back what it does not use, which it does once it is quiet."""
    time.sleep(REST_S)
    server.show("at rest")
    first, second = (elapsed_ms(server, text) for text in ("what was decided about lunch", "who builds on Fridays"))
    print(f"| … a search then takes {first:.0f} ms, the next one {second:.0f} ms | | | |", flush=True)


def elapsed_ms(server: Server, text: str) -> float:
    started = time.perf_counter()
    server.post("/memories/search", {"query": text})
    return 1000 * (time.perf_counter() - started)


def grow(server: Server, long: int, searches: int) -> None:
    for half in (1, 2):
        for number in range(long // 2):
            text = " ".join(sentence(1000 * number + place) for place in range(700))
            server.post("/memories", {"content": text[:60_000]})
        server.settle()
        server.show(f"after {half * (long // 2)} memories of 60 kB")
    for half in (1, 2):
        for number in range(searches // 2):
            server.post("/memories/search", {"query": f"component {number} of half {half}"})
        server.show(f"after {half * (searches // 2):,} more searches, each another")


def sentence(number: int) -> str:
    return f"Note {number}: we decided that component {number * 7} is built with tool {number * 13} on Fridays."


if __name__ == "__main__":
    main()
