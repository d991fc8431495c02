"""Whether the server can be had, by which address and key, of which version, and by which clock."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from memory_cli import __version__
from memory_cli.doctor import refusals, typed
from memory_cli.doctor.findings import Finding, command, note, ok, problem, warning
from memory_cli.handover import Place
from memory_client import local
from memory_client.errors import ClientError, SilentError
from memory_client.local import Endpoint
from memory_client.target import Target
from memory_client.transport import Transport
from memory_core import system

CLOCK_TOLERANCE_S = 30.0
_TIMEOUT_S = 10.0


class Greeting(msgspec.Struct):
    """What is needed of /health, also of that of a newer or an older server."""

    version: str


class Reached(Struct, frozen=True, kw_only=True):
    """`url` is null where nobody answers; `running` is the local server."""

    findings: tuple[Finding, ...]
    url: str | None = None
    running: Endpoint | None = None


def reach(target: Target, place: Place) -> Reached:
    """Blocking. Starts the local server if need be."""
    if target.url is not None:
        return _greet(target, place, target.url, "the server", None)
    try:
        was_there = local.find(target.data_dir) is not None
        running = local.connect(target.data_dir, version=__version__)
    except SilentError as error:
        pid = getattr(local.announced(target.data_dir), "pid", None)
        return Reached(findings=(problem("server", str(error), pid and system.end_command(pid)),))
    except ClientError as error:
        return Reached(findings=(problem("server", str(error), refusals.cure(str(error), target.data_dir, place)),))
    named = f"this machine's own, pid {running.pid}{'' if was_there else ', started just now'}"
    return _greet(target, place, running.url, named, running)


def key(target: Target, url: str, environ: Mapping[str, str]) -> Finding:
    """Once it was accepted."""
    if target.url is None:
        if environ.get("MEMORY_API_KEY", "").strip():
            return note("key", "its own; MEMORY_API_KEY is not used, because MEMORY_SERVER names no server")
        return ok("key", "its own, from server.json")
    if _status_without_key(target, url) == 401:
        return ok("key", "needed, and accepted")
    if target.key is None:
        return ok("key", "none needed")
    return note("key", "MEMORY_API_KEY is set, and the server asks for none")


def refused_key(target: Target, sentence: str) -> Finding:
    if target.key is None:
        return problem("key", f"the server wants one: {sentence}", typed.let("MEMORY_API_KEY", "THE_KEY_OF_THE_SERVER"))
    return problem("key", f"refused: {sentence}", typed.let("MEMORY_API_KEY", "THE_KEY_OF_THE_SERVER"))


def _greet(target: Target, place: Place, url: str, named: str, running: Endpoint | None) -> Reached:
    transport = Transport(url, headers={}, proxy=target.proxy)
    try:
        asked = time.time()
        with transport.request("GET", "/health", timeout_s=_TIMEOUT_S) as answer:
            body, headers, status = answer.read(), answer.headers, answer.status
        middle = (asked + time.time()) / 2
    except ClientError as error:
        fix = "systemctl start claude-local-memory-server" if running is None else command(place, "stop")
        where = "; on its machine:" if running is None else ""
        return Reached(findings=(problem("server", f"{error}{where}", fix),))
    finally:
        transport.close()
    try:
        greeting = msgspec.json.decode(body, type=Greeting)
    except msgspec.DecodeError:
        what = f"{url} answers with status {status}, but is no memory server; MEMORY_SERVER names another"
        return Reached(findings=(problem("server", what, typed.let("MEMORY_SERVER", "http://HOST:8420")),))
    findings = (
        ok("server", f"{url}, {named}"),
        *_versions(greeting.version, is_local=target.url is None),
        *_clocks(headers.get("date"), middle),
    )
    return Reached(findings=findings, url=url, running=running)


def _versions(of_server: str, *, is_local: bool) -> Iterator[Finding]:
    if local.is_newer(__version__, of_server):
        if is_local:
            where, fix = "this machine's", "uv tool upgrade memory-cli"
        else:
            where = "in the clone on its machine, or with scripts/install-docker.sh --upgrade:"
            fix = "git pull && sudo scripts/install-systemd.sh --upgrade --from-source"
        yield warning("versions", f"the server is {of_server}, older than this command ({__version__}); {where}", fix)
    elif of_server != __version__:
        what = f"the server is {of_server}, newer than this command ({__version__})"
        yield warning("versions", what, "uv tool upgrade memory-cli")
    else:
        yield ok("versions", f"{__version__}, here and at the server")
    on_path = system.program("memory-client", os.environ.get("PATH"))
    of_client = _version_of(on_path) if on_path is not None else None
    if on_path is not None and of_client not in (None, __version__):
        what = f"the memory-client that agents start here, {on_path}, is {of_client}, this command {__version__}"
        yield warning("versions", what, f"uv tool upgrade {_tool_of(on_path)}")


def _tool_of(program: str) -> str:
    """The tool that brought it, by where its link leads: memory-cli may have, with `--with-executables-from`."""
    environment = Path(program).resolve().parent.parent
    return environment.name if (environment / "uv-receipt.toml").is_file() else "memory-client"


def _version_of(found: str) -> str | None:
    try:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603 - what agents run
    except (OSError, subprocess.SubprocessError):
        return None
    known = re.fullmatch(r"memory-client (\S+)\s*", said.stdout)
    return known[1] if known else None


def _clocks(date: str | None, middle: float) -> Iterator[Finding]:
    """By the header that the server, or whatever stands before it, puts on each answer; whole seconds."""
    try:
        ahead_s = parsedate_to_datetime(date or "").timestamp() + 0.5 - middle
    except ValueError:
        return
    if abs(ahead_s) <= CLOCK_TOLERANCE_S:
        yield ok("clock", f"the server's differs by less than {CLOCK_TOLERANCE_S:.0f} s")
        return
    which = "ahead of" if ahead_s > 0 else "behind"
    what = f"the server's is {abs(ahead_s):,.0f} s {which} this machine's; on the one that is wrong:"
    yield warning("clock", what, "timedatectl set-ntp true")


def _status_without_key(target: Target, url: str) -> int | None:
    transport = Transport(url, headers={}, proxy=target.proxy)
    try:
        with transport.request("GET", "/stats", timeout_s=_TIMEOUT_S) as answer:
            answer.read()
            return answer.status
    except ClientError:
        return None
    finally:
        transport.close()
