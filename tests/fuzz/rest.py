"""Every route of the document, with what schemathesis thinks of, against a real server: no 5xx, and answers that fit.

Which routes there are it reads from the server itself: a new one is tried without a word here.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx

from support.servers import RunningServer

# The routes that a setting brings, too; and no limits.
EVERYTHING_ON = {
    "MEMORY_LIMIT_READS": "off",
    "MEMORY_LIMIT_WRITES": "off",
    "MEMORY_PUBLIC_URL": "https://memory.example.org",
}
HERE = Path(__file__).parent
_PROGRAM = Path(sys.executable).with_name("schemathesis")
_COUNT = re.compile(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)")
_CASES = re.compile(r"(\d+) generated")


class Result:
    """`said` is the program's whole report, with a command for each failure that makes it again."""

    def __init__(self, code: int, said: str) -> None:
        self.said = said
        count, cases = _COUNT.search(said), _CASES.search(said)
        self.operations = 0 if count is None else int(count[3])
        self.cases = 0 if cases is None else int(cases[1])
        self.passed = code == 0 and count is not None and len(set(count.groups())) == 1


def fuzz(server: RunningServer, key: str, *, examples: int, seed: int, folder: Path) -> Result:
    """`examples` of every operation in the phase that invents values; the others have as many as they find."""
    config = folder / "schemathesis.toml"
    config.write_text(_settings(_some_memories(server, key)), encoding="utf-8")
    ended = subprocess.run(
        [
            _PROGRAM, "--config-file", config, "run", f"{server.url}/openapi.json", "--header", f"X-API-Key: {key}",
            "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(examples), "--seed", str(seed),
        ],
        cwd=folder,  # where it leaves what it remembers
        env=os.environ | {"PYTHONPATH": str(HERE.parent), "PYTHONUTF8": "1", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )  # fmt: skip
    return Result(ended.returncode, ended.stdout)


def _some_memories(server: RunningServer, key: str) -> list[str]:
    """Ids: of one as it was kept, one with a past, and one in the trash."""
    with httpx.Client(base_url=server.url, headers={"X-API-Key": key}, timeout=60) as http:
        ids = [str(http.post("/memories", json={"content": f"memory {number}"}).json()["id"]) for number in range(3)]
        http.patch(f"/memories/{ids[1]}", json={"content": "changed", "tags": ["x"]}).raise_for_status()
        http.delete(f"/memories/{ids[2]}").raise_for_status()
    return ids


def _settings(ids: list[str]) -> str:
    values = ", ".join(f'"{memory_id}"' for memory_id in (*ids, "search", "0123"))
    return f"{(HERE / 'schemathesis.toml').read_text(encoding='utf-8')}\n[dictionaries.ids]\nvalues = [{values}]\n"
