"""`memory-server healthcheck`: whether the server on this machine is ready; for containers and timers, without curl.

It runs twice a minute, so it needs the standard library and the settings alone: 0.1 s of a processor.
"""

import argparse
import http.client
import ipaddress
import sys
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from memory_core.errors import InvalidError, UnavailableError
from memory_core.files import why_not
from memory_core.settings import Option, add_flags, load_settings

NAME = "healthcheck"
TIMEOUT_S = 5.0  # docker/Dockerfile gives the command 10 s
_SHOWN = 300


class HealthcheckSettings(Struct, frozen=True, kw_only=True):
    """Where the server of the same settings listens."""

    host: Annotated[str, Option("MEMORY_HOST", "address that the server listens on")] = "127.0.0.1"
    port: Annotated[int, Option("MEMORY_PORT", "port that the server listens on"), Meta(ge=0, le=65535)] = 8420


def add_command(commands: Any) -> None:
    """Add the subcommand. Any: the type of what `add_subparsers` makes has no public name."""
    made: argparse.ArgumentParser = commands.add_parser(
        NAME,
        help="ask the server on this machine whether it is ready",
        description="Ask the server on this machine whether it is ready: exit code 0 if so, 1 and a sentence if not.",
        argument_default=argparse.SUPPRESS,  # else it would undo what was said before the command
    )
    add_flags(made, HealthcheckSettings)


def run(flags: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Raises UnavailableError with the reason if the server is not ready."""
    settings = load_settings(HealthcheckSettings, environ, flags)
    if settings.port == 0:
        raise InvalidError("port 0 is chosen when the server starts; say which it became, with --port")
    host = reachable(settings.host)
    try:
        status, said = _ask(host, settings.port)
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(
            f"nothing answers on {host} port {settings.port} ({why_not(error)}); the server is down, or still starting"
        ) from error
    if status != http.client.OK:
        raise UnavailableError(f"the server on port {settings.port} is not ready: {status} {said}")
    sys.stdout.write("ready\n")


def reachable(host: str) -> str:
    """An address by which a server that listens on `host` is reached from its own machine."""
    name = host.strip("[]")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return name


def _ask(host: str, port: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health/ready", headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read(_SHOWN).decode("utf-8", "replace")
    finally:
        connection.close()
