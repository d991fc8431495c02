"""The hook command as an agent runs it, and a server on a real socket that knows of sessions what hooks need.

with session_server() as server:
    done = hook({"hook_event_name": "SessionStart", "session_id": "s", "source": "startup"}, server.machine(home))
    assert told(done) == server.text

The server can be told to be slow, to hang, to lose its answers, or to answer with anything; it does each write once.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memory_client import __version__
from support.answering import Answer, answering
from support.bridges import machine

SCRIPT = Path(sys.executable).with_name("memory-client")
TEXT = '<memories-4f1c2a project="shop">\n- [a1b2c3d4] decision, today: We deploy on Fridays\n</memories-4f1c2a>'
SESSION = "6c0f6a52-7d3b-4d8e-9a58-0c1d2e3f4a5b"


@dataclass(frozen=True)
class Done:
    """A hook that has ended."""

    code: int
    out: str
    err: str
    took_s: float


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class SessionServer:
    """`asked` is all that came; `done` the writes that were carried out, each once, as `path kind-or-reason text`."""

    text: str = TEXT
    key: str | None = None
    pause_s: float = 0.0
    instance: str = "0a1b2c"
    losing: int = 0  # of so many writes to come, the answer is lost
    answer: Answer | None = None  # instead of any of its own
    asked: list[Asked] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)  # what hangs goes on
    hanging: bool = False
    port: int = 0
    _answers: dict[str, bytes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def machine(self, home: Path, **environ: str) -> dict[str, str]:
        """The environment of a machine that has this server elsewhere."""
        return machine(home, **{"MEMORY_SERVER": self.url, "MEMORY_CLIENT_ID": home.name, **environ})

    def announce(self, data_dir: Path) -> None:
        """Pass for the local server of `data_dir`."""
        data_dir.mkdir(parents=True, exist_ok=True)
        state = {"pid": os.getpid(), "port": self.port, "token": self.key or "t", "version": __version__}
        Path(data_dir, "server.json").write_text(
            json.dumps({**state, "instance": self.instance, "started_at": ""}), encoding="utf-8"
        )

    def respond(self, _: str, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """None: the connection is cut."""
        if path == "/health":
            return 200, {"X-Memory-Instance": self.instance}, b"{}"
        with self._lock:
            self.asked.append(Asked(path, headers, json.loads(body or b"{}")))
        if self.hanging:
            self.release.wait(60)
        time.sleep(self.pause_s)
        kind = {"Content-Type": "application/json"}
        if self.answer is not None:
            return self.answer
        if not path.startswith("/sessions/"):
            return 404, kind, b'{"status": 404, "code": "no-route", "detail": "there is no such route"}'
        if self.key is not None and headers.get("x-api-key") != self.key:
            problem = {"status": 401, "code": "unauthorized", "detail": "this key is not known"}
            return 401, {"Content-Type": "application/problem+json"}, json.dumps(problem).encode()
        if path.endswith("/context"):
            return 200, kind, json.dumps({"session_id": path.split("/")[2], "text": self.text, "tokens": 20}).encode()
        return self._once(path, headers["idempotency-key"], json.loads(body))

    def _once(self, path: str, key: str, body: dict[str, Any]) -> Answer | None:
        with self._lock:
            if key not in self._answers:
                self._answers[key] = b'{"session_id": "s"}'
                self.done.append(" ".join([path, *(str(value) for value in body.values())]))
            if self.losing:
                self.losing -= 1
                return None
            return 200, {"Content-Type": "application/json"}, self._answers[key]


@contextlib.contextmanager
def session_server(port: int = 0, *, of: SessionServer | None = None, **settings: Any) -> Iterator[SessionServer]:
    """A running one; `of` goes on with what that one has done."""
    found = of or SessionServer(**settings)
    with answering(found.respond, port) as found.port:
        try:
            yield found
        finally:
            found.release.set()


def start_hook(environ: Mapping[str, str], *arguments: str, cwd: Path | None = None) -> "subprocess.Popen[bytes]":
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [SCRIPT, "hook", *arguments], stdin=pipe, stdout=pipe, stderr=pipe, env=dict(environ), cwd=cwd
    )


def hook(
    event: Mapping[str, object] | bytes, environ: Mapping[str, str], *arguments: str, cwd: Path | None = None,
    patient: bool = True,
) -> Done:  # fmt: skip
    """Run it on `event`, as an agent does: JSON on standard input, which then ends.

    Without `patient` within its own time; else it has enough of that to do its work on the busiest machine.
    """
    said = event if isinstance(event, bytes) else json.dumps(event).encode()
    time_for_it = ("--within", "45") if patient else ()
    started = time.monotonic()
    with start_hook(environ, *arguments, *time_for_it, cwd=cwd) as process:
        out, err = process.communicate(said, timeout=60)
    return Done(process.returncode, out.decode(), err.decode(), time.monotonic() - started)


@contextlib.contextmanager
def nothing_left_behind(data_dir: Path) -> Iterator[None]:
    """What hooks have begun for `data_dir` has ended afterwards: it may be starting a server while the test goes on."""
    try:
        yield
    finally:
        until(lambda: not any(_is_behind(process, data_dir) for process in Path("/proc").glob("[0-9]*")))


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _is_behind(process: Path, data_dir: Path) -> bool:
    try:
        if not (process / "cmdline").read_bytes().endswith(b"\0hook\0--background\0"):
            return False
        return f"MEMORY_DATA_DIR={data_dir}".encode() in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it has just ended
        return False


def event(name: str, **fields: object) -> dict[str, object]:
    """What Claude Code sends with every event, and `fields`."""
    common = {"session_id": SESSION, "transcript_path": "/home/u/.claude/projects/shop/t.jsonl", "cwd": "/home/u/shop"}
    return {**common, "permission_mode": "default", "hook_event_name": name, **fields}


def told(done: Done) -> str:
    """The context that a hook printed, in the one shape there is."""
    answer = json.loads(done.out)
    assert list(answer) == ["hookSpecificOutput"]
    assert list(answer["hookSpecificOutput"]) == ["hookEventName", "additionalContext"]
    return str(answer["hookSpecificOutput"]["additionalContext"])
