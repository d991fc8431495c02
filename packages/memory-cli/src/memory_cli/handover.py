"""Commands that become another program: the MCP bridge, and memory-server. Standard library only.

An agent waits for the bridge at the start of every session, so `main` comes here before it loads anything else.
"""

import sys
from collections.abc import Mapping, Sequence

FOUNDING_SERVER = "http://localhost:8420"
"""Where `claude-memory client` looks when nothing names a server."""

_OPTIONS = {"-p": "project", "--project": "project", "--server": "server", "--data-dir": "data_dir"}


class Place:
    """What the options before the command say: which project, which server, which data directory."""

    __slots__ = ("data_dir", "project", "server")

    def __init__(self, *, project: str | None = None, server: str | None = None, data_dir: str | None = None) -> None:
        self.project = project
        self.server = server
        self.data_dir = data_dir


def become(arguments: Sequence[str], environ: Mapping[str, str]) -> int | None:
    """Run the program that `arguments` ask for; None if they ask for none, or for anything that needs real parsing."""
    options, rest = _leading_options(arguments)
    if not rest:
        return None
    command, rest = rest[0], rest[1:]
    if command == "server":
        return server(rest, Place(**options))
    if command in ("serve", "client"):
        after, beyond = _leading_options(rest)
        if not beyond:
            return bridge(command, Place(**(options | after)), environ)
    return None


def bridge(command: str, place: Place, environ: Mapping[str, str]) -> int:
    """MCP on standard input and output: `serve` with the memories of this machine, `client` with those of a server."""
    from memory_client import settings_file
    from memory_client.errors import SettingError
    from memory_client.main import run_bridge
    from memory_client.target import resolve_target

    if place.data_dir is not None:
        environ = {**environ, "MEMORY_DATA_DIR": place.data_dir}
    where = "local" if command == "serve" else place.server
    try:
        if where is None and not settings_file.beneath(environ).get("MEMORY_SERVER"):
            where = FOUNDING_SERVER
        run_bridge(resolve_target(environ, server=where, project=place.project))
    except SettingError as error:
        # The agent gets to read it too, as the answer to whatever it asks.
        sys.stderr.write(f"claude-memory: {error}\n")
        run_bridge(None, why=str(error))
    return 0


def server(arguments: Sequence[str], place: Place) -> int:
    """Become memory-server; comes back only where it cannot."""
    from memory_client.errors import ClientError
    from memory_client.starting import server_command
    from memory_core import system

    try:
        command = server_command(through_cli=False)
    except ClientError:
        sys.stderr.write(
            "claude-memory: memory-server is not installed here; uv tool install 'memory-cli[local]' brings it\n"
        )
        return 1
    if place.data_dir is not None and "--data-dir" not in arguments:
        command += ["--data-dir", place.data_dir]
    command += arguments
    return system.become(command)


def _leading_options(arguments: Sequence[str]) -> tuple[dict[str, str], Sequence[str]]:
    """The options at the beginning that this module knows, and what follows them."""
    found: dict[str, str] = {}
    at = 0
    while at < len(arguments):
        name, equals, value = arguments[at].partition("=")
        if name not in _OPTIONS:
            break
        if not equals:
            at += 1
            if at == len(arguments):
                return {}, ()
            value = arguments[at]
        found[_OPTIONS[name]] = value
        at += 1
    return found, arguments[at:]
