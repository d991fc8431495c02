"""Real memory-server processes for tests: started as a user starts them, ready when they say so, always ended.

    with running_server(tmp_path / "data", api_key="k") as server:
        httpx.get(f"{server.url}/health")

The model is left out unless `env` asks for one (`MEMORY_EMBEDDER`): most tests are about something else.
"""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.platforms import NEW_GROUP, STOP

READY = re.compile(r"listening on (https?://\S+)")


class ServerDidNotStartError(AssertionError):
    """The process ended before it was ready; carries its exit code and what it said."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"memory-server ended with {code} before it was ready:\n{said}")
        self.code = code
        self.said = said


@dataclass(frozen=True)
class RunningServer:
    url: str
    process: subprocess.Popen[str]
    data_dir: Path
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def stop(self, *, timeout_s: float = 60) -> int:
        """Ask it to leave, as systemd and a container engine do; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(STOP)
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """As a crash or a power cut: nothing is tidied up."""
        self.process.kill()
        self.process.wait()


def environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of ours, so that a developer's own never leak into a test."""
    ours = ("MEMORY_", "CORS_", "XDG_CONFIG")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    if "HOME" not in (env or {}):
        clean["XDG_CONFIG_HOME"] = os.devnull  # no folder: the settings file of this machine is not found
    return {**clean, "MEMORY_EMBEDDER": "none", "MEMORY_MODEL_DOWNLOAD": "false", **(env or {})}


def start_server(
    data_dir: Path,
    *,
    api_key: str | None = None,
    env: Mapping[str, str] | None = None,
    args: Sequence[str] = (),
    timeout_s: float = 90,
) -> RunningServer:
    """A server that is ready. The caller ends it; prefer `running_server`. Raises ServerDidNotStartError."""
    settings = environment(env) | ({"MEMORY_API_KEY": api_key} if api_key is not None else {})
    port = () if "--port" in args or "--local" in args else ("--port", "0")
    log = data_dir.with_name(f"{data_dir.name}.log")
    with log.open("a", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "memory_server", "--data-dir", str(data_dir), *port, *args],
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            encoding="utf-8",
            creationflags=NEW_GROUP,
        )
    # Reading blocks until the ready line or the end of the process; the timer makes sure that one of them comes.
    watchdog = threading.Timer(timeout_s, process.kill)
    watchdog.start()
    assert process.stdout is not None
    ready = None
    with process.stdout:
        for line in process.stdout:
            if ready := READY.search(line):
                break
    watchdog.cancel()
    if ready is None:
        raise ServerDidNotStartError(process.wait(), log.read_text(encoding="utf-8"))
    return RunningServer(url=ready[1], process=process, data_dir=data_dir, log=log)


@contextlib.contextmanager
def running_server(
    data_dir: Path,
    *,
    api_key: str | None = None,
    env: Mapping[str, str] | None = None,
    args: Sequence[str] = (),
) -> Iterator[RunningServer]:
    server = start_server(data_dir, api_key=api_key, env=env, args=args)
    try:
        yield server
    finally:
        try:
            server.stop()
        except subprocess.TimeoutExpired:
            server.kill()
            raise
