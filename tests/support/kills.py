"""A process that is killed at its n-th change of the file system: kill -9, at a point that a test can choose.

Python tells an audit hook of each file it is about to make, rename or remove. What libraries of other languages write
between two of those happens as it does for a user.
"""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from support.platforms import KILLED

_TESTS = Path(__file__).parents[1]
_PRELUDE = """
import os
import sys

point = int(sys.argv.pop(1))
changes = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"}
seen = None


def arm():
    global seen
    seen = 0


def watch(event, arguments):
    global seen
    if seen is None or not (event in changes or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR))):
        return
    seen += 1
    if seen == point:
        os.kill(os.getpid(), 9)


sys.addaudithook(watch)
"""


def killed_at(point: int, script: str, *arguments: str | Path) -> bool:
    """Run `script`, which calls `arm()` when it begins what is to be killed; false if it ended before that point."""
    command = [sys.executable, "-c", _PRELUDE + script, str(point), *map(str, arguments)]
    ended = subprocess.run(command, cwd=_TESTS, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode in (0, KILLED), ended.stderr
    return ended.returncode != 0


def kills(script: str, *arguments: str | Path) -> Iterator[int]:
    """Each point at which `script` was killed; the caller puts its files back to the beginning in between."""
    return itertools.takewhile(lambda point: killed_at(point, script, *arguments), itertools.count(1))
