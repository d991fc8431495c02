"""Locks that two processes respect, and files that appear whole or not at all."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from memory_core.files import FileLock, replacing

HOLDER = """
import sys
from pathlib import Path
from memory_core.files import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """A process that holds the lock until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def test_a_lock_that_another_process_holds_cannot_be_had(tmp_path: Path) -> None:
    with holder(tmp_path / "lock") as process:
        lock = FileLock(tmp_path / "lock")

        assert not lock.acquire()
        assert not lock.acquire(timeout_s=0.05)
        process.communicate()

    assert lock.acquire()
    lock.release()


def test_a_lock_is_free_when_its_holder_was_killed(tmp_path: Path) -> None:
    with holder(tmp_path / "lock") as process:
        process.kill()
        process.communicate()

    lock = FileLock(tmp_path / "lock")
    assert lock.acquire(timeout_s=10)
    lock.release()


def test_a_lock_holds_within_one_process_too(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.acquire()

    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_releasing_what_is_not_held_does_nothing(tmp_path: Path) -> None:
    FileLock(tmp_path / "lock").release()


def test_a_file_appears_under_its_name_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "state.json"

    with replacing(path, mode=0o640) as file:
        file.write(b"new")
        assert not path.exists()

    assert path.read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_a_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    with replacing(tmp_path / "token") as file:
        file.write(b"secret")
        temporary = next(tmp_path.iterdir())
        if sys.platform != "win32":
            assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
