"""Start the local server: a race that exactly one process wins, and that ends in a server or in one sentence.

The server leaves its terminal and its parent; what it says goes to `server.log` in the data directory.
"""

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from memory_client import local
from memory_client.errors import SilentError, UnreachableError
from memory_client.local import Endpoint
from memory_core import system
from memory_core.files import FileLock

LOG_FILE = "server.log"
START_TIMEOUT_S = 60.0
_LOCK_FILE = "server.start.lock"
_IN_THE_MAKING = (".upgrade", ".moving")
_MAX_LOG_BYTES = 1 << 20
_STORE_IN_USE = 3  # the exit code of a server that finds its store held by another process
_HANDOVER_TIMEOUT_S = 15.0  # how long a leaving server may still hold the store
_INSTALL = "install one with: uv tool install 'memory-cli[local]', or set MEMORY_SERVER to one that runs elsewhere"


def start(data_dir: str, *, version: str) -> Endpoint:
    """The server of `data_dir`: the one that runs by now, or a new one. An older one than `version` is replaced.

    Raises UnreachableError.
    """
    command = server_command()
    deadline = time.monotonic() + START_TIMEOUT_S
    with _starting(data_dir):
        running = local.find(data_dir)
        if running is not None:
            if not _replaceable(running, version, command):
                return running
            local.stop(data_dir)
        handover = time.monotonic() + _HANDOVER_TIMEOUT_S
        while True:
            child = _Child(command, data_dir)
            endpoint = child.ready(deadline)
            if endpoint is not None:
                return endpoint
            if child.exit_code != _STORE_IN_USE or time.monotonic() > handover:
                in_use = child.exit_code == _STORE_IN_USE
                raise UnreachableError((_up_to_date_soon(data_dir) if in_use else None) or child.failure())
            time.sleep(0.1)  # the holder is about to leave, or to announce itself
            if (found := local.find(data_dir)) is not None:
                return found


@contextmanager
def kept_stopped(data_dir: str) -> Iterator[bool]:
    """No server of `data_dir` runs within the block: one is stopped, and who needs one waits. Whether one ran.

    Raises UnreachableError.
    """
    with _starting(data_dir):
        yield local.stop(data_dir)


def server_command(*, through_cli: bool = True) -> list[str]:
    """How to run the server: the one installed beside us, else the one on PATH. Raises UnreachableError.

    `claude-memory` may stand between only where it is not `claude-memory` that asks.
    """
    if sys.executable and importlib.util.find_spec("memory_server") is not None:
        return [sys.executable, "-P", "-m", "memory_server"]  # -P: nothing is imported from where we happen to be
    path = os.environ.get("PATH")
    if (on_path := system.program("memory-server", path)) is not None:
        return [on_path]
    if (cli := system.program("claude-memory", path)) is not None:  # a tool's environment shows only its own command
        beside = system.program("memory-server", os.path.dirname(os.path.realpath(cli)))
        if beside is not None:
            return [beside]
        if through_cli and system.copies_programs():
            return [cli, "server"]
    raise UnreachableError(f"no memory server is installed on this machine; {_INSTALL}")


@contextmanager
def _starting(data_dir: str) -> Iterator[None]:
    """The data directory, made and locked: one process at a time starts its server."""
    lock = FileLock(Path(data_dir, _LOCK_FILE))
    try:
        os.makedirs(data_dir, mode=0o700, exist_ok=True)
        if not lock.acquire(timeout_s=START_TIMEOUT_S):
            raise UnreachableError(
                f"another process has been starting the local memory server for {START_TIMEOUT_S:.0f} s"
            )
    except OSError as error:
        raise UnreachableError(_unusable(data_dir, error)) from None
    try:
        yield
    finally:
        lock.release()


def _replaceable(running: Endpoint, version: str, command: list[str]) -> bool:
    """Whether `running` is older than both the caller and the server that would take its place."""
    return local.is_newer(version, running.version) and local.is_newer(_version_of(command), running.version)


def _version_of(command: list[str]) -> str:
    try:
        said = subprocess.run(  # noqa: S603 - our own command
            [*command, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=START_TIMEOUT_S, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.decode("ascii", "replace").split()[-1] if said.split() else ""


class _Child:
    """A server that has been started and is not ready yet."""

    def __init__(self, command: list[str], data_dir: str) -> None:
        self._data_dir = data_dir
        self._log = os.path.join(data_dir, LOG_FILE)
        before = local.announced(data_dir)
        self._stale = None if before is None else before.instance
        try:
            self._process = self._spawn([*command, "--local", "--data-dir", data_dir])
        except OSError as error:
            raise UnreachableError(_unusable(data_dir, error)) from None

    def _spawn(self, command: list[str]) -> "subprocess.Popen[bytes]":
        if os.path.exists(self._log) and os.path.getsize(self._log) > _MAX_LOG_BYTES:
            with suppress(PermissionError):  # on Windows, while the one that leaves still writes to it
                os.replace(self._log, f"{self._log}.1")
        with os.fdopen(os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as log:
            self._log_start = log.tell()
            # In a folder of its own: it must not keep the caller's from being removed.
            return system.start_alone(command, folder=self._data_dir, output=log)

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def ready(self, deadline: float) -> Endpoint | None:
        """The server once it answers; None if it has ended before."""
        while True:
            ended = self.exit_code is not None
            found = self._answering()
            if found is not None:
                self._let_go()
                return found
            if ended:
                return None
            if time.monotonic() > deadline:
                if (soon := _up_to_date_soon(self._data_dir)) is not None:
                    self._let_go()  # ended now, it would have to begin anew each time
                    raise UnreachableError(soon)
                self._process.terminate()
                self._process.wait()
                raise UnreachableError(
                    f"the local memory server was not ready after {START_TIMEOUT_S:.0f} s; see {self._log}"
                )
            time.sleep(0.01)

    def _let_go(self) -> None:
        """Somebody must take note of its end, or it would stay as a zombie for as long as we run."""
        threading.Thread(target=self._process.wait, daemon=True).start()

    def _answering(self) -> Endpoint | None:
        found = local.announced(self._data_dir)
        try:
            return found if found is not None and found.instance != self._stale and local.answers(found) else None
        except SilentError:  # it has only just begun
            return None

    def failure(self) -> str:
        """Why it ended: its own last sentence, where it could write one."""
        try:
            with open(self._log, "rb") as log:
                log.seek(self._log_start)
                lines = [line.strip() for line in log.read(_MAX_LOG_BYTES).decode("utf-8", "replace").splitlines()]
            if said := [line for line in lines if line]:
                return f"the local memory server did not start: {said[-1]}"
            if shutil.disk_usage(self._data_dir).free < 1 << 16:
                return _unusable(self._data_dir, OSError(errno.ENOSPC, ""))
        except OSError as error:
            return _unusable(self._data_dir, error)
        return f"the local memory server ended at once, with exit code {self.exit_code} and without a word"


def _up_to_date_soon(data_dir: str) -> str | None:
    """What to say while a server makes a newer store of an older one, which it does in a file of such a name."""
    if any(name.startswith(".") and name.endswith(_IN_THE_MAKING) for name in os.listdir(data_dir)):
        return (
            "the local memory server is bringing its store up to date, which takes minutes with many memories; "
            "try again then"
        )
    return None


def _unusable(data_dir: str, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"the disk that holds {data_dir} is full; free some space, or let MEMORY_DATA_DIR name another place"
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return f"{data_dir} is not a folder, and cannot be made one; move what is there, or set MEMORY_DATA_DIR"
    why = (error.strerror or str(error)).lower()
    if isinstance(error, PermissionError) and os.path.isfile(error.filename or ""):  # a log or lock of another user
        return f"{error.filename} cannot be used: {why}; see with ls -l whose it is"
    return f"{data_dir} cannot be used for memories: {why}; let MEMORY_DATA_DIR name a folder you may write"
