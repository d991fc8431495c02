"""memory-client as an MCP client runs it: a process with two pipes.

with bridge(environ) as client:
    client.initialize()
    reply = client.request("tools/call", {"name": "memory_search", "arguments": {"query": "x"}})
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from memory_client import local
from support.platforms import home_of, kill
from support.servers import environment

Reply = dict[str, Any]
MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
_COMMAND = (sys.executable, "-m", "memory_client")
_WAIT_S = 60.0  # long enough for a machine under load; only a failing test waits that long


class Bridge:
    """A running bridge. `stray` holds what arrived while something else was waited for."""

    def __init__(self, environ: Mapping[str, str], cwd: Path | None = None, command: Sequence[str] = _COMMAND) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environ),
            cwd=cwd,
        )
        self.stray: list[Reply] = []
        self.log: list[str] = []
        self._logged = threading.Condition()
        self._received: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._next_id = 0
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_log)]
        for reader in self._readers:
            reader.start()

    def send(self, message: Reply | list[Reply] | bytes) -> None:
        assert self.process.stdin is not None
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def notify(self, method: str, **params: Any) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, params: Reply | None = None) -> int:
        """Send a request and do not wait; its id."""
        self._next_id += 1
        self.send({"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params or {}})
        return self._next_id

    def receive(self) -> Reply:
        """The next line, which must be JSON: nothing else may be on stdout."""
        line = self._received.get(timeout=_WAIT_S)
        assert line is not None, f"the bridge ended: {self.log}"
        message = json.loads(line)
        assert isinstance(message, dict)
        return message

    def reply_to(self, asked: int | str | None) -> Reply:
        while True:
            for message in self.stray:
                if message.get("id") == asked and "method" not in message:
                    self.stray.remove(message)
                    return message
            self.stray.append(self.receive())

    def wait_for(self, method: str) -> Reply:
        while True:
            for message in self.stray:
                if message.get("method") == method:
                    self.stray.remove(message)
                    return message
            self.stray.append(self.receive())

    def wait_for_log(self, said: Callable[[list[str]], bool]) -> None:
        """Return once `said` is true of the lines on standard error."""
        with self._logged:
            assert self._logged.wait_for(lambda: said(self.log), _WAIT_S), self.log

    def request(self, method: str, params: Reply | None = None) -> Reply:
        return self.reply_to(self.ask(method, params))

    def initialize(self, version: str = "2025-06-18") -> Reply:
        reply = self.request(
            "initialize",
            {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
        )
        self.notify("notifications/initialized")
        return reply

    def call(self, tool: str, **arguments: Any) -> Reply:
        """A tool's result."""
        reply = self.request("tools/call", {"name": tool, "arguments": arguments})
        assert "result" in reply, reply
        result = reply["result"]
        assert isinstance(result, dict)
        return result

    def call_modern(self, tool: str, **arguments: Any) -> Reply:
        return self.request("tools/call", {"name": tool, "arguments": arguments, "_meta": MODERN})

    def close(self) -> int:
        """End its input, as a client that leaves; its exit code, once it has left. What it still said is in `stray`."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        code = self.process.wait(_WAIT_S)
        for reader in self._readers:
            reader.join()
        while not self._received.empty():
            line = self._received.get()
            if line is not None:
                self.stray.append(json.loads(line))
        return code

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self.process.wait()
        for reader in self._readers:
            reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError):  # closed by the test
            for line in self.process.stdout:
                self._received.put(line)
        self._received.put(None)

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        with contextlib.suppress(ValueError):
            for line in self.process.stderr:
                with self._logged:
                    self.log.append(line.decode().rstrip())
                    self._logged.notify_all()


@contextlib.contextmanager
def bridge(environ: Mapping[str, str], cwd: Path | None = None, command: Sequence[str] = _COMMAND) -> Iterator[Bridge]:
    client = Bridge(environ, cwd, command)
    try:
        yield client
    finally:
        if client.process.poll() is None:
            client.process.kill()
        client.process.wait()
        client.end()


def text_of(result: Reply) -> str:
    return "\n".join(part["text"] for part in result["content"])


def machine(home: Path, **environ: str) -> dict[str, str]:
    """The environment of one machine: a home, and so a data directory and a cache, of its own."""
    home.mkdir(parents=True, exist_ok=True)
    own = {
        **home_of(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "MEMORY_DATA_DIR": str(home / "data"),
        "NO_PROXY": "",
        **environ,
    }
    return environment(own)


@contextlib.contextmanager
def no_server_left(data_dir: Path) -> Iterator[None]:
    """Whatever local server has been started in `data_dir` meanwhile is gone afterwards, and its data may be too."""
    try:
        yield
    finally:
        found = local.announced(str(data_dir))
        if found is not None and _is_ours(found.pid):
            kill(found.pid)


def _is_ours(pid: int) -> bool:
    """Tests write state files that name other processes, such as this one."""
    if pid == os.getpid():
        return False
    try:
        return "memory_server" in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return not Path("/proc").exists()
