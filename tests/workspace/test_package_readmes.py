"""The README of each package stands alone on a package index, and what it shows works."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("termios", reason="the commands are for a shell on a terminal")

from support.consoles import Session, alike, run, sessions, unmarked
from support.servers import running_server
from support.sockets import free_port

PACKAGES = Path(__file__).resolve().parents[2] / "packages"
PORT = str(free_port())  # 8420 may be in use here
READMES = {file.parent.name: file.read_text("utf-8").replace("8420", PORT) for file in PACKAGES.glob("*/README.md")}
SESSIONS = [pytest.param(each, id=name) for name, text in READMES.items() for each in sessions(text)]
PROGRAMS = {
    name: found for name, text in READMES.items() for found in re.findall(r"```python\n(.+?)```", text, re.DOTALL)
}


@pytest.mark.parametrize("name", READMES)
def test_it_is_short_and_points_at_nothing_that_an_index_does_not_have(name: str) -> None:
    text = READMES[name]

    assert 30 <= len(text.splitlines()) <= 65
    assert re.findall(r"\]\((?!https://)", text) == []
    assert unmarked(text) == []


@pytest.mark.parametrize("session", SESSIONS)
def test_the_commands_run_and_print_what_it_shows(session: Session, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MEMORY_", "XDG_"))}
    environment |= {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    # The first time, a model is made ready for some seconds, and search goes by words alone; memory-cli's says so.
    subprocess.run(
        ["claude-memory", "backfill-embeddings"],
        cwd=home,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=90,
    )
    for step, printed in run(session, folder=home, environment=environment, script=tmp_path / "script"):
        assert alike(step.expected, printed), f"$ {step.command}\nprinted:\n{printed}\nexpected:\n{step.expected}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_prints_what_was_kept(name: str, tmp_path: Path) -> None:
    with running_server(tmp_path / "server", api_key="THE-KEY") as server:
        program = PROGRAMS[name].replace(f"http://memory.lan:{PORT}", server.url)
        ended = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )

    assert ended.stdout == "We deploy on Fridays, only after lunch\n", ended.stderr
