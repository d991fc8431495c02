"""README and docs tell the truth: their commands run as printed, and print what they say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("termios", reason="the README's commands are for a shell on a terminal")

from support.consoles import Session, alike, left_out, run, sessions, unmarked
from support.sockets import free_port
from support.sources import old_systems

ROOT = Path(__file__).resolve().parents[2]
# The port may be in use here: the commands run with another one.
README = (ROOT / "README.md").read_text(encoding="utf-8").replace("8420", str(free_port()))
DOCS = {
    page.relative_to(ROOT / "docs").with_suffix("").as_posix(): page.read_text(encoding="utf-8").replace(
        "8420", str(free_port())
    )
    for page in sorted((ROOT / "docs").rglob("*.md"))
}
PAGES = {"README": README} | DOCS
# What must lie in the home of whoever follows the page, besides what its own commands make.
BROUGHT = {"migrating": old_systems}
SESSIONS = [
    pytest.param(name, session, id=f"{name}: {session.heading}")
    for name, page in PAGES.items()
    for session in sessions(page)
]


def test_the_first_success_is_above_line_40() -> None:
    first = next(number for number, line in enumerate(README.splitlines(), 1) if line.startswith("$ "))

    assert first < 40


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_do_not_run_here_say_why(page: str) -> None:
    assert unmarked(PAGES[page]) == []
    assert all(len(why) > 10 for _, why in left_out(PAGES[page]))


@pytest.mark.parametrize(("page", "session"), SESSIONS)
def test_the_commands_run_and_print_what_the_page_shows(page: str, session: Session, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    scratch = tmp_path / "tmp"  # goes with the rest of the test's files
    scratch.mkdir()
    if page in BROUGHT:
        BROUGHT[page](home)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MEMORY_", "XDG_"))}
    # What the commands need is installed already: a test does not change the environment it runs in.
    environment |= {"HOME": str(home), "TMPDIR": str(scratch), "UV_NO_SYNC": "1"}

    try:
        for step, printed in run(session, folder=ROOT, environment=environment, script=tmp_path / "script"):
            assert alike(step.expected, printed), f"$ {step.command}\nprinted:\n{printed}\nexpected:\n{step.expected}"
    finally:  # a page need not end with it
        stop = [Path(sys.executable).with_name("claude-memory"), "--server", "local", "stop"]
        subprocess.run(stop, env=environment, capture_output=True, timeout=60, check=False)
