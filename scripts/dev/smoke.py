#!/usr/bin/env python3
"""The four packages as a user installs them: by the README's commands, on an index, in a home of its own.

    scripts/dev/smoke.py DIST                the wheels in DIST, on an index on loopback that is made of them
    scripts/dev/smoke.py --published 0.2.0   those that everybody gets; waits until the index has them

What they need comes from the index of every day. Runs on Linux, macOS and Windows; standard library only.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simple_index import serving

NAMES = ("memory-core", "memory-server", "memory-client", "memory-cli")
TEXT = "We deploy on Fridays, only after lunch"
PUBLISHED_WITHIN_S = 900
TRY_AGAIN_AFTER_S = 15
SCRIPTS = "Scripts" if os.name == "nt" else "bin"


class BrokenError(Exception):
    """A package does not do what its user is told; one sentence."""


@dataclass(frozen=True)
class User:
    """Somebody with uv and Python, who has heard of nothing else yet."""

    home: Path
    env: dict[str, str]
    version: str
    pinned: bool

    def wants(self, name: str) -> str:
        """As it stands in the README; a version is named only where the index may have a newer one."""
        return f"{name}=={self.version}" if self.pinned else name

    def runs(self, *command: str | Path, stdin: str = "") -> str:
        print("$", *command, flush=True)
        program = shutil.which(str(command[0]), path=self.env["PATH"])
        if program is None:
            raise BrokenError(f"there is no command {command[0]} after the installation")
        done = subprocess.run(
            [program, *map(str, command[1:])],
            cwd=self.home,
            env=self.env,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )
        if done.returncode:
            raise BrokenError(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def sees(self, expected: str, *command: str | Path, stdin: str = "") -> None:
        said = self.runs(*command, stdin=stdin)
        if expected not in said:
            raise BrokenError(f"{' '.join(map(str, command))} does not say {expected!r}: {said}")


def try_all(user: User) -> None:
    try_bridge_alone(user)
    try_one_machine(user)
    try_server(user)


def try_bridge_alone(user: User) -> None:
    """It opens a session with its tools before there is any server."""
    uvx = ("uvx", "--from", user.wants("memory-client"), "memory-client") if user.pinned else ("uvx", "memory-client")
    user.sees(user.version, *uvx, "--version")
    _, listed = conversation(user, uvx, ("tools/list", {}))
    if not listed["tools"]:
        raise BrokenError("memory-client opens a session without tools")


def try_one_machine(user: User) -> None:
    """What the command keeps, an agent finds."""
    with_programs = ("--with-executables-from", "memory-client,memory-server")
    user.runs("uv", "tool", "install", *with_programs, user.wants("memory-cli[local]"))
    user.sees(user.version, "claude-memory", "--version")
    user.runs("claude-memory", "add", TEXT, "--no-project")
    user.sees(TEXT, "claude-memory", "search", "Fridays", "--global")
    _, found = conversation(
        user, ("memory-client",), ("tools/call", {"name": "memory_search", "arguments": {"query": "Fridays"}})
    )
    if TEXT not in json.dumps(found):
        raise BrokenError(f"an agent does not find what claude-memory kept: {found}")
    user.runs("claude-memory", "stop")
    user.runs("uv", "tool", "uninstall", "memory-cli")


def try_server(user: User) -> None:
    """With pip, in an environment of every day."""
    environment = user.home / "server"
    programs = environment / SCRIPTS
    user.runs(sys.executable, "-m", "venv", environment)
    user.runs(programs / "python", "-m", "pip", "install", "--quiet", user.wants("memory-server"))
    user.sees(user.version, programs / "memory-server", "--version")
    # The heavy parts are only loaded when a model is used, which needs a download.
    user.runs(programs / "python", "-c", "import duckdb, numpy, onnxruntime, tokenizers")
    with (
        running(user, programs / "memory-server") as url,
        urllib.request.urlopen(f"{url}/health", timeout=60) as answer,
    ):
        health = json.load(answer)
    if (health["status"], health["version"]) != ("ok", user.version):
        raise BrokenError(f"memory-server says of its health {health}")


@contextmanager
def running(user: User, program: Path) -> Iterator[str]:
    command = [str(program), "--port", "0", "--data-dir", str(user.home / "memories")]
    print("$", *command, flush=True)
    with subprocess.Popen(command, cwd=user.home, env=user.env, stdout=subprocess.PIPE, encoding="utf-8") as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+", server.stdout.readline())
            if found is None:
                raise BrokenError("memory-server does not say where it listens")
            yield found[0]
        finally:
            server.terminate()


def conversation(user: User, command: tuple[str, ...], *questions: tuple[str, dict]) -> list[dict]:
    """The results of an MCP session: of its opening, and of each question."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "smoke", "version": "0"}}
    asked = [("initialize", hello), *questions]
    lines = [{"jsonrpc": "2.0", "id": n, "method": name, "params": of} for n, (name, of) in enumerate(asked)]
    lines.insert(1, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    printed = user.runs(*command, stdin="".join(json.dumps(line) + "\n" for line in lines))
    answers = {answer.get("id"): answer for answer in map(json.loads, printed.splitlines())}
    failed = [n for n in range(len(asked)) if "result" not in answers.get(n, {})]
    if failed:
        raise BrokenError(f"{' '.join(command)} has no result for {asked[failed[0]][0]}: {printed}")
    return [answers[n]["result"] for n in range(len(asked))]


@contextmanager
def somebody(version: str, *, index: str | None) -> Iterator[User]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder).resolve()
        ours = ("MEMORY_", "XDG_", "UV_TOOL", "CLAUDE", "VIRTUAL_ENV")
        env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        env |= dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), str(home)) | {"PYTHONUTF8": "1"}
        # No model, which would be a download; and a server that is left behind by a failure does not stay.
        env |= {"MEMORY_EMBEDDER": "none", "MEMORY_IDLE_EXIT": "60"}
        # The cache and the Python of here: neither is what is tried.
        env |= {"UV_CACHE_DIR": said_by_uv("cache", "dir"), "UV_PYTHON": sys.executable}
        env |= {"UV_TOOL_DIR": str(home / "tools"), "UV_TOOL_BIN_DIR": str(home / "programs")}
        env["PATH"] = os.pathsep.join([str(home / "programs"), env["PATH"]])
        if index is not None:
            env |= {"UV_INDEX": index, "PIP_EXTRA_INDEX_URL": index}
        yield User(home=home, env=env, version=version, pinned=index is None)


def said_by_uv(*arguments: str) -> str:
    return subprocess.run(["uv", *arguments], capture_output=True, encoding="utf-8", check=True).stdout.strip()


def wait_until_published(user: User) -> None:
    """Exact pins: before all four are there, none can be installed."""
    deadline = time.monotonic() + PUBLISHED_WITHIN_S
    wanted = "".join(f"{name}=={user.version}\n" for name in NAMES)
    while True:
        try:
            user.runs("uv", "pip", "compile", "--quiet", "--refresh", "-", stdin=wanted)
        except BrokenError:
            if time.monotonic() > deadline:
                raise
            time.sleep(TRY_AGAIN_AFTER_S)
        else:
            return


def version_in(dist: Path) -> str:
    versions = {wheel.name.split("-")[1] for wheel in dist.glob("memory_*.whl")}
    if len(versions) != 1:
        raise BrokenError(f"{dist} has wheels of {', '.join(sorted(versions)) or 'no version'}; it takes those of one")
    return versions.pop()


def main(arguments: list[str]) -> None:
    match arguments:
        case ["--published", version]:
            with somebody(version, index=None) as user:
                wait_until_published(user)
                try_all(user)
        case [folder]:
            dist = Path(folder)
            version = version_in(dist)
            with serving(dist) as index, somebody(version, index=index) as user:
                try_all(user)
        case _:
            sys.exit(__doc__)
    print(f"smoke ok: {version} installs and works as the README says")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BrokenError as error:
        sys.exit(f"smoke: {error}")
