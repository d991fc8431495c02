"""The command `memory-server`: read flags and environment, then run. The only place that reads the environment."""

import argparse
import logging
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from msgspec.structs import replace

from memory_core import system
from memory_core.errors import InvalidError, MemoryServiceError
from memory_core.settings import add_flags, load_settings
from memory_server import __version__, backup_command, export_model, healthcheck, keys_command, rollback
from memory_server.process import InUseError, run
from memory_server.settings import LOCAL_DATA_DIR, ServerSettings
from memory_server.supervisor import Supervisor

FAILED, MISUSED, IN_USE = 1, 2, 3
COMMANDS = {
    export_model.NAME: export_model.run,
    backup_command.NAME: backup_command.run,
    rollback.NAME: rollback.run,
    keys_command.NAME: keys_command.run,
    healthcheck.NAME: healthcheck.run,
}
NOT_FOR_LOCAL = ("MEMORY_HOST", "MEMORY_PORT", "MEMORY_API_KEY", "MEMORY_API_KEY_FILE", "MEMORY_PUBLIC_URL")


def main(argv: Sequence[str] | None = None) -> int:
    """0 after a stop in order, 2 for a wrong setting, 3 if another server has the data folder, 1 for all else."""
    system.write_utf8()
    flags = vars(parser().parse_args(argv))
    try:
        if (command := COMMANDS.get(flags.pop("command"))) is not None:
            command(flags, os.environ)
            return 0
        os.umask(0o077)  # all that is written holds memories or a token; DuckDB takes its log's mode from here
        settings = local_settings(os.environ, flags) if flags.pop("local") else remote_settings(os.environ, flags)
        run(settings, Supervisor(os.environ))
    except InvalidError as error:
        return _sorry(error, MISUSED)
    except InUseError as error:
        return _sorry(error, IN_USE)
    except MemoryServiceError as error:
        return _sorry(error, FAILED)
    except KeyboardInterrupt:
        return _sorry("interrupted before it was ready", FAILED)
    except Exception as error:
        logging.getLogger("memory_server").exception("the server failed")
        return _sorry(f"failed: {type(error).__name__}: {error}", FAILED)
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, where the parser by itself would print all flags before it."""
        self.exit(MISUSED, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    made = _Parser(
        prog="memory-server",
        description="The server that owns the memories: REST and MCP on one port.",
        epilog="The first admin key comes from MEMORY_API_KEY, from the file that MEMORY_API_KEY_FILE names, or from a "
        "systemd credential MEMORY_API_KEY; `memory-server keys` makes others.",
    )
    made.add_argument("--version", action="version", version=f"memory-server {__version__}")
    made.add_argument("--local", action="store_true", help="for one machine: loopback, a free port, leaves when idle")
    add_flags(made, ServerSettings)
    commands = made.add_subparsers(dest="command", title="instead of serving", metavar="COMMAND")
    for other in (export_model, backup_command, rollback, keys_command, healthcheck):
        other.add_command(commands)
    return made


def remote_settings(environ: Mapping[str, str], flags: Mapping[str, str | None]) -> ServerSettings:
    return load_settings(ServerSettings, environ, flags)


def local_settings(environ: Mapping[str, str], flags: Mapping[str, str | None]) -> ServerSettings:
    """Loopback, any free port and a token of its own: what is set for a shared server does not apply."""
    given = {name: value for name, value in environ.items() if name not in NOT_FOR_LOCAL}
    settings = load_settings(ServerSettings, given, {**flags, "host": None, "port": None, "public_url": None})
    chosen = flags.get("data_dir") or given.get("MEMORY_DATA_DIR")
    data_dir = settings.data_dir if chosen else LOCAL_DATA_DIR.expanduser()
    return replace(settings, local=True, port=0, api_key=secrets.token_urlsafe(32), data_dir=data_dir)


def _sorry(error: object, code: int) -> int:
    print(f"memory-server: {error}", file=sys.stderr)  # noqa: T201 - the last line of a start that failed
    return code
