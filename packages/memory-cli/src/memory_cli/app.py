"""The command line: which commands and options there are, and what an error becomes.

Exit codes: 0 done, 1 it failed, 2 it was asked wrongly, 3 there is no such memory, file or server.
"""

import asyncio
import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter, UnusedCliTokensError

from memory_cli import __version__
from memory_cli.handover import Place
from memory_cli.options import STDIN, THIS_PROJECT
from memory_cli.render import visible
from memory_cli.session import Session
from memory_client.writing import QueuedError
from memory_core import system
from memory_core.errors import InvalidError, MemoryServiceError, NotFoundError

_HELP_FLAGS = {"--help", "-h"}

EXIT_ERROR, EXIT_USAGE, EXIT_NOT_FOUND = 1, 2, 3

HELP = "Keep what coding agents should remember, and find it again."
EPILOGUE = (
    "Outside of a git repository, and without -p, there is no project: add keeps a memory for every project, "
    "the other commands look at all memories.\n\n"
    "Results go to standard output, everything else to standard error.\n\n"
    "Exit codes: 0 done, 1 it failed, 2 asked wrongly, 3 no such memory, file or server."
)

KEEP = Group("Keep", sort_key=1)
FIND = Group("Find", sort_key=2)
UPKEEP = Group("The whole store", sort_key=3)
SERVERS = Group("Servers", sort_key=4)
OTHERS = Group("Also", sort_key=5)
EVERYWHERE = Group("Options of every command", sort_key=9)

COMMANDS = (
    ("add", "keeping:add", KEEP),
    ("update", "keeping:update", KEEP),
    ("pin", "pinning:pin", KEEP),
    ("unpin", "pinning:unpin", KEEP),
    ("delete", "keeping:delete", KEEP),
    ("restore", "keeping:restore", KEEP),
    ("undo", "changes:undo", KEEP),
    ("search", "finding:search", FIND),
    ("context", "finding:context", FIND),
    ("list", "finding:list_", FIND),
    ("get", "finding:get", FIND),
    ("similar", "finding:similar", FIND),
    ("history", "changes:history", FIND),
    ("stats", "finding:stats", FIND),
    ("purge", "upkeep:purge", UPKEEP),
    ("export", "moving:export", UPKEEP),
    ("import", "moving:import_", UPKEEP),
    ("backfill-embeddings", "upkeep:backfill_embeddings", UPKEEP),
    ("audit", "audit:audit", UPKEEP),
    ("setup", "setup:setup", SERVERS),
    ("doctor", "doctor:doctor", SERVERS),
    ("status", "servers:status", SERVERS),
    ("stop", "servers:stop", SERVERS),
    ("serve", "servers:serve", SERVERS),
    ("client", "servers:client", SERVERS),
    ("server", "servers:server", SERVERS),
)
GROUPS = (
    ("session", "sessions:sessions", FIND),
    ("review", "changes:review", KEEP),
    ("project", "projects:project", FIND),
    ("trash", "changes:trash", KEEP),
    ("model", "models:model", SERVERS),
    ("outbox", "outbox:outbox", SERVERS),
    ("backup", "backups:backup", UPKEEP),
    ("keys", "keys:keys", SERVERS),
    ("grants", "grants:grants", SERVERS),
)
"""Commands with commands of their own."""


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Parse and carry out; the exit code. Errors of ours and of the parser end in one sentence."""
    system.write_utf8()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows no UTF-8 gets \u2026 instead of a traceback
            stream.reconfigure(errors="backslashreplace")
    try:
        app = command_line(environ, with_help=not arguments or not _HELP_FLAGS.isdisjoint(arguments))
        code = app.meta(_with_stdin(arguments), exit_on_error=False, print_error=False)
    except UnusedCliTokensError as error:
        unused = " ".join(error.unused_tokens or ())
        return _failed(f"nothing is to be done with {unused!r}; quote a text of several words", EXIT_USAGE)
    except CycloptsError as error:
        error.verbose = False
        return _failed(f"{str(error).replace(STDIN, '-')} See claude-memory --help.", EXIT_USAGE)
    except InvalidError as error:
        return _failed(str(error), EXIT_USAGE)
    except NotFoundError as error:
        return _failed(str(error), EXIT_NOT_FOUND)
    except MemoryServiceError as error:
        return _failed(str(error), EXIT_ERROR)
    return code if isinstance(code, int) else 0


def command_line(environ: Mapping[str, str], *, with_help: bool = True) -> App:
    """The commands. Each one's module is loaded when it is called, or at once `with_help`."""
    app = App(
        name="claude-memory",
        help=HELP,
        help_format="plaintext",
        help_epilogue=EPILOGUE,
        version=f"claude-memory {__version__}",
        default_parameter=Parameter(negative=()),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        group_commands=OTHERS,
    )
    for at, (name, place, group) in enumerate(COMMANDS):
        app.command(f"memory_cli.commands.{place}", name=name, group=group, sort_key=at, help_epilogue="")
    for name, place, group in GROUPS:
        app.command(f"memory_cli.commands.{place}", name=name, group=group, sort_key=len(COMMANDS))
    app.register_install_completion_command()
    if with_help:
        for name, *_ in (*COMMANDS, *GROUPS):
            app[name]  # loads it: what it is for stands in its docstring

    @app.meta.default
    def launch(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        project: Annotated[
            str | None,
            Parameter(name=["--project", "-p"], group=EVERYWHERE, help="The project, instead of the one found here."),
        ] = None,
        server: Annotated[
            str | None,
            Parameter(group=EVERYWHERE, help="The server's address, or local; goes before MEMORY_SERVER."),
        ] = None,
        data_dir: Annotated[
            str | None, Parameter(group=EVERYWHERE, help="Where the local server keeps its memories.")
        ] = None,
        as_json: Annotated[
            bool,
            Parameter(name=["--json", "-j"], group=EVERYWHERE, help="Print the result as JSON.", show_default=False),
        ] = False,
    ) -> object:
        command, bound, ignored = app.parse_args(tokens, exit_on_error=False, print_error=False)
        session = Session(
            environ, Place(project=project or None, server=server or None, data_dir=data_dir or None), as_json=as_json
        )
        if "session" in ignored:
            bound.arguments["session"] = session
        try:
            return _carried_out(command, bound)
        except QueuedError as error:
            session.out.queued(error.queued)
            return 0

    return app


def _carried_out(command: Any, bound: inspect.BoundArguments) -> object:  # Any: what the parser says it found
    result = command(*bound.args, **bound.kwargs)
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def _with_stdin(arguments: Sequence[str]) -> list[str]:
    """A lone `-` marked, so that the parser does not take it for an option; behind `--` it is what it looks like.

    Behind `setup`, `--project` is a word of its own: which of an agent's configurations is meant, and no project.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    marked = [STDIN if argument == "-" and at < end else argument for at, argument in enumerate(arguments)]
    if _after_options(marked) == ["setup"]:
        at = marked.index("setup")
        marked[at:] = [THIS_PROJECT if argument == "--project" else argument for argument in marked[at:]]
    return marked


def _after_options(arguments: Sequence[str]) -> Sequence[str]:
    """The command, where options with values stand before it."""
    at = 0
    while at < len(arguments) and arguments[at].startswith("-"):
        at += 1 if "=" in arguments[at] or arguments[at] in ("--json", "-j") else 2
    return arguments[at : at + 1]


def _failed(sentence: str, code: int) -> int:
    sys.stdout.flush()
    sys.stderr.write(f"claude-memory: {' '.join(visible(sentence).split())}\n")
    return code
