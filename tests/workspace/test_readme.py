"""The README tells the truth: its commands run as printed, and print what it says."""

import os
from pathlib import Path

import pytest

pytest.importorskip("termios", reason="the README's commands are for a shell on a terminal")

from support.consoles import Session, alike, left_out, run, sessions, unmarked
from support.sockets import free_port

ROOT = Path(__file__).resolve().parents[2]
# The port may be in use here: the commands run with another one.
README = (ROOT / "README.md").read_text().replace("8420", str(free_port()))


def test_the_first_success_is_above_line_40() -> None:
    first = next(number for number, line in enumerate(README.splitlines(), 1) if line.startswith("$ "))

    assert first < 40


def test_commands_that_do_not_run_here_say_why() -> None:
    assert unmarked(README) == []
    assert all(len(why) > 10 for _, why in left_out(README))


@pytest.mark.parametrize("session", sessions(README), ids=lambda session: session.heading)
def test_the_commands_run_and_print_what_the_readme_shows(session: Session, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MEMORY_", "XDG_"))}
    # What the commands need is installed already: a test does not change the environment it runs in.
    environment |= {"HOME": str(home), "UV_NO_SYNC": "1"}

    for step, printed in run(session, folder=ROOT, environment=environment, script=tmp_path / "script"):
        assert alike(step.expected, printed), f"$ {step.command}\nprinted:\n{printed}\nexpected:\n{step.expected}"
