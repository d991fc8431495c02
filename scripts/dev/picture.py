#!/usr/bin/env python3
"""The picture in the README: what two machines and an agent print, run for real and drawn as SVG.

    uv run scripts/dev/picture.py           write docs/picture.svg
    uv run scripts/dev/picture.py FILE      write it there

A server and two machines with a clone of one project are made for it, and go afterwards. What differs between two
runs, ids and times, is written the same each time; a test compares the rest with what the programs print today.
The file needs no font, no script and nothing from elsewhere: a code host shows it as it is.
"""

import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import wrap

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "picture.svg"
PROGRAMS = Path(sys.executable).parent
KEPT = (
    'claude-memory add "We deploy on Fridays, only after lunch" --type decision',
    'claude-memory add "Import fails with E_CONN_4711 when the VPN is down" --type fact',
)
FOUND = 'claude-memory search "release schedule"'
OPENS = {"hook_event_name": "SessionStart", "session_id": "3f2a9c", "source": "startup"}

COLUMNS = 86
SIZE, ADVANCE, LINE, MARGIN, BAR = 14, 8.4, 21, 22, 34
INK = {"": "#d5dae1", "prompt": "#6fce8a", "dim": "#8b95a3", "cyan": "#62c3d6", "title": "#c3cad4"}
CODES = {"2": "dim", "36": "cyan"}  # as claude-memory colours a terminal
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

Line = list[tuple[str, str]]  # (what it is, text)


@dataclass(frozen=True)
class Pane:
    title: str
    lines: list[Line]


@dataclass(frozen=True)
class Machine:
    """A home of its own, in a clone of the one project."""

    name: str
    home: Path
    server: str
    key: str

    @property
    def environment(self) -> Mapping[str, str]:
        own = {"HOME": str(self.home), "PATH": f"{PROGRAMS}:/usr/bin:/bin", "LANG": "C.UTF-8", "COLUMNS": "100"}
        return own | {"MEMORY_SERVER": self.server, "MEMORY_API_KEY": self.key, "MEMORY_CLIENT_ID": self.name}

    def types(self, command: str, comment: str = "") -> list[Line]:
        """The prompt with the command, and what a terminal shows then."""
        screen, side = pty.openpty()
        with subprocess.Popen(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=side,
            stderr=side,
            cwd=self.clone,
            env=self.environment,
        ) as shell:
            os.close(side)
            printed = b"".join(_until_closed(screen)).decode()
        assert shell.returncode == 0, printed
        asked: Line = [("prompt", "$ "), ("", command), ("dim", comment)]
        return [asked, *(_coloured(line) for line in printed.splitlines() if line.strip())]

    def is_told(self, event: Mapping[str, str]) -> str:
        """What the hook gives to the agent."""
        given = json.dumps(event)
        ended = subprocess.run(
            ["memory-client", "hook"],
            input=given,
            cwd=self.clone,
            env=self.environment,
            text=True,
            check=True,
            stdout=-1,
        )
        told = json.loads(ended.stdout)["hookSpecificOutput"]["additionalContext"]
        assert isinstance(told, str)
        return told

    @property
    def clone(self) -> Path:
        return self.home / "shop"


def _until_closed(screen: int) -> Iterator[bytes]:
    with os.fdopen(screen, "rb", buffering=0) as file, suppress(OSError):  # EIO: the last writer is gone
        while chunk := file.read(65536):
            yield chunk


def _coloured(line: str) -> Line:
    kind, spans = "", []
    for code, text in re.findall(r"\x1b\[(\d+)m|([^\x1b]+)", line):
        kind = kind if text else CODES.get(code, "")
        spans += [(kind, text)] if text else []
    return spans


@contextmanager
def serving(folder: Path, key: str) -> Iterator[str]:
    """The address of a server with a model and no memories."""
    own = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "MEMORY_API_KEY": key, "MEMORY_MODEL_DOWNLOAD": "false"}
    command = [str(PROGRAMS / "memory-server"), "--port", "0", "--data-dir", str(folder / "data")]
    with subprocess.Popen(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


def machine(name: str, folder: Path, server: str, key: str) -> Machine:
    made = Machine(name, folder / name, server, key)
    made.clone.mkdir(parents=True)
    for command in (["init", "--quiet"], ["remote", "add", "origin", "git@github.com:ana/shop.git"]):
        subprocess.run(["git", *command], cwd=made.clone, check=True)
    return made


def wait_for_vectors(server: str) -> None:
    """Search goes by words alone until then."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{server}/health", timeout=10) as answer:
            embedding = json.load(answer)["embedding"]
        if embedding["state"] == "ready" and embedding["pending"] == 0:
            return
        time.sleep(0.1)
    raise TimeoutError(f"the model did not get ready: {embedding}")


def panes() -> list[Pane]:
    key = os.urandom(16).hex()
    with tempfile.TemporaryDirectory() as scratch, serving(Path(scratch), key) as server:
        laptop, desktop = (machine(name, Path(scratch), server, key) for name in ("laptop", "desktop"))
        kept = [line for command in KEPT for line in laptop.types(command)]
        wait_for_vectors(server)
        found = desktop.types(FOUND, "   # by meaning: no word in common")
        told = desktop.is_told(OPENS)
    opened: list[Line] = [[("", part)] for line in told.splitlines() for part in wrap(line, COLUMNS)]
    return [
        Pane("laptop", kept),
        Pane("desktop", found),
        Pane("desktop: what Claude Code is told when a session opens", opened),
    ]


def always_the_same(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\d(\s)\d\d:\d\d", r"2026-11-23\g<1>08:37", text)
    text = re.sub(r"(?<=memories-)[0-9a-f]{6}", "1a2b3c", text)
    names = dict.fromkeys(re.findall(r"\b[0-9a-f]{8}\b", text))
    for name, shown in zip(names, ("500875e0", "81be88cb"), strict=True):
        text = text.replace(name, shown)
    return text


def drawn(shown: list[Pane]) -> str:
    width = round(COLUMNS * ADVANCE + 2 * MARGIN)
    y, parts = 0, []
    for pane in shown:
        parts.append(
            f'<rect x="1" y="{y + 1}" width="{width - 2}" height="{BAR}" rx="{0 if y else 7}" fill="#1b222b"/>'
        )
        parts.append(_text(MARGIN, y + BAR - 11, "title", pane.title))
        y += BAR + LINE + 4
        for line in pane.lines:
            x = float(MARGIN)
            for kind, text in line:
                parts += [_text(x, y, kind, text)] if text.strip() else []
                x += len(text) * ADVANCE
            y += LINE
        y -= 6
    size = f'width="{width}" height="{y}" viewBox="0 0 {width} {y}"'
    title = "Said on the laptop, found on the desktop, told to Claude Code"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>{title}</title>",
            f'<rect x=".5" y=".5" width="{width - 1}" height="{y - 1}" rx="8" fill="#0d1117" stroke="#30363d"/>',
            f'<g font-family="{FONT}" font-size="{SIZE}">',
            *parts,
            "</g>",
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, kind: str, text: str) -> str:
    """As wide as its columns are in any font, and with all its spaces, of which a plain run would be drawn as one."""
    text, weight = text.rstrip().replace(" ", "\N{NO-BREAK SPACE}"), ' font-weight="bold"' if kind == "title" else ""
    length = f"{len(text) * ADVANCE:.1f}"
    return f'<text x="{x:.1f}" y="{y:g}" textLength="{length}" fill="{INK[kind]}"{weight}>{escape(text)}</text>'


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    target.write_text(always_the_same(drawn(panes())), encoding="utf-8")
