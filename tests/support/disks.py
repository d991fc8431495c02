"""A small disk of its own, where the machine lets us mount one."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Skips the test where mounting is refused, as it is in most containers."""
    folder.mkdir()
    if not _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)):
        pytest.skip("needs a machine that lets us mount a tmpfs")
    try:
        yield folder
    finally:
        _run("umount", str(folder))


def make_read_only(folder: Path) -> None:
    assert _run("mount", "-o", "remount,ro", str(folder))


def _run(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
