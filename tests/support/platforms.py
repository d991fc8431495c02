"""Where a test can run: a mark for each kind of machine that it needs, with what it needs there.

    pytestmark = posix_only("it runs a shell script")

The marks stand at modules and tests that use what another system has not. All of them are collected everywhere.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memory_core.system import process_exists

WINDOWS = sys.platform == "win32"
NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
"""For `creationflags`: only such a process can be asked to stop."""
EXE = ".exe" if WINDOWS else ""
STOPS = (signal.CTRL_BREAK_EVENT,) if sys.platform == "win32" else (signal.SIGTERM, signal.SIGINT)
"""What asks a process to leave in order."""
STOP = STOPS[0]
KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL
"""What ends a process as a crash does: Windows knows no other way, and calls it so."""
KILLED = 9 if WINDOWS else -9
"""The exit code of a process that ended itself with `os.kill(os.getpid(), 9)`, which it can on every system."""


def posix_only(why: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(WINDOWS, reason=f"not on Windows: {why}")


def linux_only(why: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(sys.platform != "linux", reason=f"only on Linux: {why}")


def kill(pid: int) -> None:
    """End a process of any parent as a crash does; one that is gone already is left alone."""
    try:
        os.kill(pid, KILL)
    except OSError:
        return
    while WINDOWS and process_exists(pid):  # which ends it later, and until then its files are open
        time.sleep(0.01)


def home_of(home: Path) -> dict[str, str]:
    """The variables by which programs find the home of a person."""
    if not WINDOWS:
        return {"HOME": str(home)}
    roaming, local = home / "AppData" / "Roaming", home / "AppData" / "Local"
    return {"HOME": str(home), "USERPROFILE": str(home), "APPDATA": str(roaming), "LOCALAPPDATA": str(local)}


def closed_to_others(path: Path) -> bool:
    """Whether its owner alone may read it; where there are no modes, no file says otherwise."""
    return WINDOWS or path.stat().st_mode & 0o077 == 0


def cannot_have_modes() -> bool:
    """Whether a file that is closed to its owner can be read all the same: on Windows, and by root."""
    return WINDOWS or os.geteuid() == 0
