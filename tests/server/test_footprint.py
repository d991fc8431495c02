"""How much memory a server with the real model takes, and that it gives back what it does not use."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from memory_server.footprint import Turns
from support.platforms import linux_only
from support.servers import RunningServer, running_server

pytestmark = [
    pytest.mark.slow,
    linux_only("nobody else says what a process takes"),
]

MODEL = {"MEMORY_EMBEDDER": "onnx:all-MiniLM-L6-v2"}

GIVING_BACK = """
import re, sys
from pathlib import Path
from memory_core.engine.embedders.onnx import load_embedder
from memory_core.engine.ports import EmbedderOptions
from memory_server.footprint import give_back

def resident_mb():
    return int(re.search(r"Rss: *([0-9]+)", Path("/proc/self/smaps_rollup").read_text())[1]) / 1024

embedder = load_embedder("all-MiniLM-L6-v2", EmbedderOptions(cache_dir=Path(sys.argv[1]), download=False, threads=2))
texts = ["lunch on Fridays", "parse_http_header fails", "a word of its own " * 200]
before = embedder.embed(texts).tobytes()
used = resident_mb()
give_back()
rest = resident_mb()
print(used, rest, embedder.embed(texts).tobytes() == before)
"""


def megabytes(server: RunningServer) -> tuple[float, float]:
    """All that is resident, and what of it is the process's own."""
    lines = Path(f"/proc/{server.process.pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
    return sizes["Rss"], sizes["Anonymous"]


def test_a_server_with_its_model_loaded_takes_no_more_than_a_small_machine_has(tmp_path: Path) -> None:
    """281 MB and 105 of its own when this was written; a copy of the model's matrices is 42 MB more of its own."""
    env = MODEL | {"MEMORY_MODEL_CACHE": str(tmp_path / "models")}
    with running_server(tmp_path / "data", env=env) as server:
        found_by_meaning(server)
    with running_server(tmp_path / "data", env=env) as server:  # the first one made the model's graph
        found_by_meaning(server)
        resident, own = megabytes(server)

    assert resident < 350
    assert own < 145


def found_by_meaning(server: RunningServer) -> None:
    httpx.post(f"{server.url}/memories", json={"content": "We deploy on Fridays"}).raise_for_status()
    while httpx.get(f"{server.url}/health").json()["embedding"]["state"] == "loading":
        pass
    found = httpx.post(f"{server.url}/memories/search", json={"query": "release schedule"}, timeout=30).json()
    assert found["results"]


def test_giving_back_halves_what_is_resident_and_changes_no_number(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", GIVING_BACK, str(tmp_path)], capture_output=True, text=True, check=True, timeout=120
    )
    used, rest, same = ended.stdout.split()

    assert same == "True"
    assert float(rest) < 0.7 * float(used), ended.stdout


def test_memory_is_given_back_when_it_is_quiet_after_work_and_once_more_after_the_upkeep() -> None:
    turns = Turns()
    busy, quiet = 5.0, 0.1  # seconds of processor time an interval
    used, due = 0.0, []
    for spent in (busy, busy, *[quiet] * 6, busy, quiet, busy, *[quiet] * 4):
        used += spent
        due.append(turns.due(used))

    assert [place for place, is_due in enumerate(due) if is_due] == [2, 4, 9, 11, 13]
