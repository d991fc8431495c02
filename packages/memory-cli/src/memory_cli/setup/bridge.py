"""The bridge: which command starts it on this machine, and whether that one works."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from memory_cli import __version__
from memory_cli.setup.entries import Command
from memory_cli.setup.places import Machine
from memory_core.errors import UnavailableError
from memory_core.files import why_not

NAME = "memory-client"
_FETCHED = Command("uvx", (NAME,))
_TIMEOUT_S = 90.0  # a first start may fetch the client, and start a server that brings its store up to date


class Tried(Struct, frozen=True):
    """What the bridge answered: how many tools there are, and what the server says of itself."""

    tools: int
    stats: str


class RefusedError(UnavailableError):
    """The bridge runs, and the server does not do what it is asked."""


def command_here(machine: Machine) -> Command:
    """By its whole path, since an agent that is started from a desktop has another PATH; else fetched by uvx.

    Raises UnavailableError.
    """
    beside = [Path(folder) / _file_name(machine) for folder in (Path(sys.executable).parent, Path(sys.argv[0]).parent)]
    on_path = machine.command(NAME)
    for found in beside:
        if found.is_file() and not _is_passing(found):
            # The same program under a name that an upgrade keeps is the better one.
            is_same = on_path is not None and on_path.resolve() == found.resolve()
            return Command(str(on_path if is_same else found.absolute()))
    if on_path is not None and not _is_passing(on_path):
        return Command(str(on_path))
    if (uvx := machine.command("uvx")) is not None:
        return Command(str(uvx), _FETCHED.arguments)
    raise UnavailableError("there is no memory-client on this machine; uv tool install memory-client brings it")


def command_anywhere() -> Command:
    """For a file that others get too: nothing in it is of this machine."""
    return _FETCHED


def tried(command: Command, environ: Mapping[str, str], folder: Path) -> Tried:
    """Ask the bridge what an agent asks of it, the server's answer included. Raises UnavailableError, RefusedError."""
    with _running(command, environ, folder) as bridge:
        hello = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "setup", "version": __version__},
        }
        bridge.answer("initialize", hello)
        bridge.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        tools = bridge.answer("tools/list", {}).get("tools")
        result = bridge.answer("tools/call", {"name": "memory_stats", "arguments": {}})
    content = result.get("content")
    parts = content if isinstance(content, list) else []
    text = " ".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
    if result.get("isError"):
        raise RefusedError(text or "memory_stats failed, and did not say why")
    return Tried(len(tools) if isinstance(tools, list) else 0, text)


def hooks_tried(command: Command, environ: Mapping[str, str], folder: Path) -> str | None:
    """Why hooks do not work; null where they do."""
    try:
        done = subprocess.run(  # noqa: S603 - as below
            [*command.words, "hook", "--check"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=dict(environ),
            cwd=folder,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = "it does not end" if isinstance(error, subprocess.TimeoutExpired) else why_not(error)
        return f"{command.program} cannot be started: {said}"
    said = done.stdout.decode("utf-8", "replace").strip() or done.stderr.decode("utf-8", "replace").strip()
    return said.splitlines()[-1] if done.returncode and said else "hooks do not work" if done.returncode else None


class _Bridge:
    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._asked = 0

    def send(self, message: Mapping[str, object]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was opened with pipes
        try:
            self._process.stdin.write(msgspec.json.encode(message) + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise UnavailableError(f"{NAME} ended before it answered") from error

    def answer(self, method: str, params: Mapping[str, object]) -> dict[str, object]:
        self._asked += 1
        self.send({"jsonrpc": "2.0", "id": self._asked, "method": method, "params": params})
        assert self._process.stdout is not None  # noqa: S101 - as above
        for line in self._process.stdout:
            message = msgspec.json.decode(line)
            if isinstance(message, dict) and message.get("id") == self._asked:
                if isinstance(result := message.get("result"), dict):
                    return result
                error = message.get("error")
                raise RefusedError(str(error.get("message") if isinstance(error, dict) else error))
        raise UnavailableError(f"{NAME} ended, or was silent for {_TIMEOUT_S:.0f} s, and did not answer {method}")


@contextmanager
def _running(command: Command, environ: Mapping[str, str], folder: Path) -> Iterator[_Bridge]:
    try:
        process = subprocess.Popen(  # noqa: S603 - what was just put into the agent's configuration
            command.words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
            cwd=folder,
        )
    except OSError as error:
        raise UnavailableError(f"{command.program} cannot be started: {error.strerror}") from error
    ending = threading.Timer(_TIMEOUT_S, process.kill)
    ending.start()
    try:
        yield _Bridge(process)
    except msgspec.DecodeError as error:
        raise UnavailableError(f"{' '.join(command.words)} speaks no MCP: {error}") from error
    finally:
        ending.cancel()
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # it ended with something unread
                    continue
        process.wait()


def _file_name(machine: Machine) -> str:
    return f"{NAME}.exe" if machine.platform == "win32" else NAME


def _is_passing(program: Path) -> bool:
    """Whether it lies in a cache, as that of uvx does: what is there may be gone tomorrow.

    uv marks an environment as one too, so that backups leave it out; that one stays.
    """
    folders = Path(os.path.realpath(program)).parents
    return any((one / "CACHEDIR.TAG").exists() and not (one / "pyvenv.cfg").exists() for one in folders)
