"""Run the console sessions of a Markdown file, and compare what is printed with what the file says.

A fence marked `console` holds commands after `$ `, their further lines after `> `, and what they print. The sessions
under one heading of level two run in one shell. What differs between two runs (ids, dates, ports, scores, durations) is
compared by its kind; a line `…` stands for any lines. A fence with a comment `<!-- not run: why -->` on the line above
is left out, and listed by `left_out` so that a test can hold the reasons.
"""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from memory_cli.patience import WAITING

_FENCE = re.compile(
    r"(?:<!-- not run: (?P<why>[^>]+) -->\n)?```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE
)
_DONE = "--done-3f1c--"
COLUMNS = 100
TIMEOUT_S = 150
_KINDS = (
    (re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+\d\d:\d\d)?)?"), "DATE"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=localhost:)\d+|(?<=pid )\d+"), "NUMBER"),
    (re.compile(r"\b[01]\.\d+\b"), "SCORE"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|s|kB|MB)\b"), "SIZE"),
    (re.compile(r"[ \t]+|─+"), " "),
)


@dataclass(frozen=True)
class Step:
    command: str
    expected: str


@dataclass(frozen=True)
class Session:
    heading: str
    steps: tuple[Step, ...]


def sessions(markdown: str) -> list[Session]:
    found = []
    for section in re.split(r"^(?=## )", markdown, flags=re.MULTILINE):
        bodies = [
            fence["body"] for fence in _FENCE.finditer(section) if fence["kind"] == "console" and not fence["why"]
        ]
        steps = tuple(step for body in bodies for step in _steps(body))
        if steps:
            found.append(Session(section.splitlines()[0].removeprefix("## "), steps))
    return found


def left_to(program: str, markdown: str) -> Session:
    """The fences whose reason says that another program runs them, such as one that has a container engine."""
    fences = [fence for fence in _FENCE.finditer(markdown) if program in (fence["why"] or "") and "$ " in fence["body"]]
    return Session(program, tuple(step for fence in fences for step in _steps(fence["body"])))


def left_out(markdown: str) -> list[tuple[str, str]]:
    """(first line, reason) of each fence of commands that is not run."""
    fences = _FENCE.finditer(markdown)
    return [(fence["body"].splitlines()[0], fence["why"]) for fence in fences if fence["why"]]


def unmarked(markdown: str) -> list[str]:
    """First lines of fences that show commands, are not run, and give no reason."""
    fences = _FENCE.finditer(markdown)
    return [f["body"].splitlines()[0] for f in fences if f["kind"] in {"bash", "sh", "shell"} and not f["why"]]


def _steps(body: str) -> Iterator[Step]:
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        length = next((n for n, line in enumerate(lines) if not line.endswith("\\")), 0) + 1
        further = list(takewhile(lambda line: line.startswith(">"), lines[length:]))
        command = [*lines[:length], *(line.removeprefix(">").removeprefix(" ") for line in further)]
        yield Step("\n".join(command), "\n".join(lines[length + len(further) :]))


def run(session: Session, *, folder: Path, environment: Mapping[str, str], script: Path) -> list[tuple[Step, str]]:
    """Each step with what it printed on a terminal, errors included. A step that fails is an AssertionError."""
    script.write_text("".join(f'{step.command}\necho "{_DONE} $?"\n' for step in session.steps), encoding="utf-8")
    terminal, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    with subprocess.Popen(
        ["bash", "--norc", script],
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=side,
        cwd=folder,
        env=dict(environment),
        start_new_session=True,
    ) as shell:
        os.close(side)
        ending = threading.Timer(TIMEOUT_S, os.killpg, [shell.pid, signal.SIGKILL])
        ending.start()
        try:
            printed = _plain(_read_all(terminal))
        finally:
            ending.cancel()
            with contextlib.suppress(ProcessLookupError):  # what a broken session left running
                os.killpg(shell.pid, signal.SIGKILL)
    printed = printed.replace(f"claude-memory: {WAITING}\n", "")  # what a search says where the model is still loading
    parts = re.split(rf"{_DONE} (\d+)\n", printed)
    results = list(zip(session.steps, parts[0::2], parts[1::2], strict=False))
    for step, text, code in results:
        assert code == "0", f"$ {step.command}\n{text}\nended with {code}"
    assert len(results) == len(session.steps), printed
    return [(step, text) for step, text, _ in results]


def _read_all(terminal: int) -> str:
    chunks = []
    with os.fdopen(terminal, "rb", buffering=0) as file, contextlib.suppress(OSError):  # EIO: the last writer is gone
        while chunk := file.read(65536):
            chunks.append(chunk)
    return b"".join(chunks).decode()


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).replace("\r\n", "\n")


def alike(expected: str, printed: str) -> bool:
    pattern = ".*".join(re.escape(_kinds(part)) for part in re.split(r"^…\n?|…", expected.strip(), flags=re.MULTILINE))
    return re.fullmatch(pattern, _kinds(printed.strip()), re.DOTALL) is not None


def _kinds(text: str) -> str:
    for kind, name in _KINDS:
        text = kind.sub(name, text)
    return "\n".join(line.strip() for line in text.strip().splitlines())
