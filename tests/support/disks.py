"""A small disk of its own, where the machine lets us mount one."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Skips the test where mounting is refused, as it is in most containers, and where there is no such thing."""
    folder.mkdir()
    if not _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)):
        pytest.skip("needs a machine that lets us mount a tmpfs")
    try:
        yield folder
    finally:
        _run("umount", str(folder))


@contextlib.contextmanager
def failing_disk(folder: Path, megabytes: int) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A disk with a switch: from then on it takes no more writes, as Linux does it when a disk begins to fail."""
    folder.mkdir()
    image = folder.with_name(f"{folder.name}.img")
    image.write_bytes(b"")
    os.truncate(image, megabytes << 20)
    if not (
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(image))
        and _run("mount", "-o", "loop,errors=remount-ro", str(image), str(folder))
    ):
        pytest.skip("needs a machine that lets us mount an ext4 image")
    try:
        device = folder.stat().st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        switch = Path("/sys/fs/ext4", name, "trigger_fs_error")
        if not os.access(switch, os.W_OK):
            pytest.skip("needs a machine that lets us break a disk")
        yield folder, lambda: _press(switch)
    finally:
        _run("umount", str(folder))
        image.unlink()


@contextlib.contextmanager
def second_path(folder: Path, other: Path) -> Iterator[Path]:
    """The same folder at another place, as a container sees it that mounts it too."""
    other.mkdir()
    if not _run("mount", "--bind", str(folder), str(other)):
        pytest.skip("needs a machine that lets us mount a folder twice")
    try:
        yield other
    finally:
        _run("umount", str(other))


def _press(switch: Path) -> None:
    switch.write_text("1", encoding="utf-8")


def make_read_only(folder: Path) -> None:
    assert _run("mount", "-o", "remount,ro", str(folder))


def fill(file: Path) -> None:
    """Write `file` until its disk is full."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filling:
        while True:
            filling.write(b"x" * 4096)


def _run(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
