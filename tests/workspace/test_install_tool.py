"""The lines of the pages that install for good do what is said there: run as they stand, on wheels built here."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")

ROOT = Path(__file__).resolve().parents[2]


def line_of(page: str, opening: str) -> str:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return next(line.strip() for line in text.splitlines() if line.strip().startswith(opening))


def test_one_line_brings_the_programs_for_a_person_for_agents_and_the_server(tmp_path: Path) -> None:
    wheels, programs = tmp_path / "wheels", tmp_path / "programs"
    _run("uv", "build", "--quiet", "--wheel", "--all-packages", "--directory", str(ROOT), "--out-dir", str(wheels))
    environment = {
        "UV_FIND_LINKS": str(wheels),
        "UV_TOOL_DIR": str(tmp_path / "tools"),
        "UV_TOOL_BIN_DIR": str(programs),
    }

    _run(*shlex.split(line_of("quickstart.md", "uv tool install")), **environment)

    for name in ("claude-memory", "memory-client", "memory-server"):
        assert _run(str(programs / name), "--version").split()[0] == name


def test_a_laptop_of_a_server_is_set_up_without_a_script(tmp_path: Path) -> None:
    """As on Windows, where the script does not run. What the server needs stays away."""
    wheels, tools, programs = tmp_path / "wheels", tmp_path / "tools", tmp_path / "programs"
    build = line_of("platforms.md", "uv build").replace(" dist", f" {wheels.as_posix()}")
    install = line_of("platforms.md", "uv tool install").replace(" dist ", f" {wheels.as_posix()} ")

    _run(*shlex.split(build))
    _run(*shlex.split(install), UV_TOOL_DIR=str(tools), UV_TOOL_BIN_DIR=str(programs))

    for name in ("claude-memory", "memory-client"):
        assert _run(str(programs / name), "--version").split()[0] == name
    assert not list(tools.rglob("duckdb-*.dist-info"))


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
