"""A machine as a person has it: a home of its own, no settings but those given, and the command `claude-memory`.

machine = Machine(tmp_path / "home")
assert machine.run("add", "We deploy on Fridays").code == 0
"""

import atexit
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.platforms import EXE, WINDOWS, home_of
from support.servers import environment

# Modules are compiled once for all commands of a run, whatever its own environment says about that.
COMPILED = tempfile.mkdtemp(prefix="compiled-")
atexit.register(shutil.rmtree, COMPILED, ignore_errors=True)

COMMAND = Path(sys.executable).with_name(f"claude-memory{EXE}")


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # Any: whatever the command printed
        assert self.code == 0, self.err
        return json.loads(self.out)


class Machine:
    """Commands run in `folder`, which lies in no git repository."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.folder = home / "work"
        self.folder.mkdir(parents=True)
        env = environment({**home_of(home), "TZ": "UTC", "PYTHONPYCACHEPREFIX": COMPILED})
        left_out = ("PYTHONDONTWRITEBYTECODE", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "CLAUDE_PROJECT_DIR")
        self.env = {name: value for name, value in env.items() if name not in left_out} | settings

    def run(
        self,
        *arguments: str | Path,
        stdin: str | bytes = b"",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 120,
    ) -> Ran:
        done = subprocess.run(
            [COMMAND, *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            cwd=cwd or self.folder,
            env={**self.env, **(env or {})},
            timeout=timeout_s,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def on_terminal(
        self,
        *arguments: str | Path,
        columns: int = 80,
        types: str = "",
        env: Mapping[str, str] | None = None,
        timeout_s: float = 120,
    ) -> Ran:
        """The same on a terminal of that width; `types` is typed as soon as the command has said something."""
        if WINDOWS:
            pytest.skip("not on Windows: it has a terminal")
        import pty

        ours, theirs = pty.openpty()
        settings = {**self.env, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "40", **(env or {})}
        process = subprocess.Popen(
            [COMMAND, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self.folder,
            env=settings,
            start_new_session=True,
        )
        os.close(theirs)
        shown = _until_closed(ours, types.encode(), time.monotonic() + timeout_s)
        os.close(ours)
        return Ran(process.wait(timeout_s), shown.decode().replace("\r\n", "\n"), "")

    def repository(self, name: str, remote: str | None = None) -> Path:
        """A git repository with `remote` as its origin."""
        folder = self.home / name
        subprocess.run(["git", "init", "-q", folder], check=True)
        if remote is not None:
            subprocess.run(["git", "-C", folder, "remote", "add", "origin", remote], check=True)
        return folder


def _until_closed(terminal: int, typed: bytes, deadline: float) -> bytes:
    shown = b""
    while True:
        assert select.select([terminal], [], [], max(deadline - time.monotonic(), 0))[0], f"no end after {shown!r}"
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux says so when the last program has closed the other end
            return shown
        if not piece:
            return shown
        shown += piece
        if typed:
            os.write(terminal, typed)
            typed = b""
