"""The command itself: what it says, and what its start costs in imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from memory_client import __version__
from support.platforms import posix_only
from support.servers import environment

SCRIPT = Path(sys.executable).with_name("memory-client")


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, env=environment(), check=False)


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_it_says_its_version(flag: str) -> None:
    done = run(flag)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"memory-client {__version__}\n", "")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_it_says_how_it_is_used(flag: str) -> None:
    done = run(flag)
    assert done.returncode == 0
    assert "claude mcp add memory -- uvx memory-client" in done.stdout
    assert "MEMORY_SERVER" in done.stdout


def test_an_argument_it_does_not_know_is_one_sentence() -> None:
    done = run("--port", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "memory-client takes no argument '--port'; see memory-client --help\n"


def test_a_start_imports_nothing_that_it_can_do_without() -> None:
    """Each of these costs between 3 and 1,000 ms; an agent waits for the bridge at the start of every session."""
    code = (
        "import sys, memory_client.main, memory_client.bridge, memory_client.offline, memory_client.target;"
        "print(*sys.modules, sep='\\n')"
    )
    environ = {name: value for name, value in environment().items() if not name.startswith("COVERAGE")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)

    costly = {"argparse", "asyncio", "contextlib", "dataclasses", "hashlib", "http.client", "importlib.metadata",
              "logging", "pathlib", "queue", "ssl", "subprocess", "tempfile", "typing", "urllib.parse", "uuid",
              "httpx", "msgspec", "memory_client.starting", "memory_client.sdk"}  # fmt: skip
    assert costly & set(done.stdout.split()) == set()


@posix_only("it closes a stream in a shell")
def test_without_any_input_it_ends() -> None:
    done = subprocess.run(f"{SCRIPT} <&-", shell=True, capture_output=True, env=environment(), check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
