"""The quickstart's line that installs for good does what the page says: run as it stands, on wheels built here."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "quickstart.md").read_text()
LINE = next(line for line in PAGE.splitlines() if line.startswith("uv tool install"))


def test_one_line_brings_the_programs_for_a_person_for_agents_and_the_server(tmp_path: Path) -> None:
    wheels, programs = tmp_path / "wheels", tmp_path / "programs"
    _run("uv", "build", "--quiet", "--wheel", "--all-packages", "--directory", str(ROOT), "--out-dir", str(wheels))
    environment = {
        "UV_FIND_LINKS": str(wheels),
        "UV_TOOL_DIR": str(tmp_path / "tools"),
        "UV_TOOL_BIN_DIR": str(programs),
    }

    _run(*shlex.split(LINE), **environment)

    for name in ("claude-memory", "memory-client", "memory-server"):
        assert _run(str(programs / name), "--version").split()[0] == name


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
