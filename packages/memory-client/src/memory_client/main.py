"""The command `memory-client`: MCP over stdio to a memory server, and the hooks of agents.

The environment is read here and in `hooks`, nowhere else.
"""

import os
import sys

from memory_client import __version__

TYPE_CHECKING = False  # typing itself would cost a start 5 ms
if TYPE_CHECKING:
    from memory_client.target import Target

_HELP = """\
Usage: memory-client
       memory-client hook [EVENT]

MCP over stdio to a memory server, for clients such as Claude Code:

    claude mcp add memory -- uvx memory-client

Without MEMORY_SERVER it uses the local server, and starts it when needed.
`memory-client hook` is for the agent's hooks; see memory-client hook --help.

Environment:
{environment}
Server, key and name are looked for in ~/.config/claude-memory/env too, which `claude-memory setup` writes.

Options:
  --version  show the version
  --help     show this help
"""


def main() -> None:
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        print(f"memory-client {__version__}")  # noqa: T201
    elif arguments in (["--help"], ["-h"]):
        print(help_text(), end="")  # noqa: T201
    elif arguments[:1] == ["hook"]:
        from memory_client import hooks  # the bridge needs none of it

        hooks.run(arguments[1:])
    elif arguments:
        sys.stderr.write(f"memory-client takes no argument {arguments[0]!r}; see memory-client --help\n")
        sys.exit(2)
    else:
        _bridge()


def help_text() -> str:
    from memory_client.environment import in_help  # nothing else needs it

    return _HELP.format(environment=in_help())


def _bridge() -> None:
    from memory_client.errors import SettingError  # --version and --help need none of it
    from memory_client.target import resolve_target

    try:
        run_bridge(resolve_target(os.environ))
    except SettingError as error:
        # The agent gets to read it too, as the answer to whatever it asks.
        sys.stderr.write(f"memory-client: {error}\n")
        run_bridge(None, why=str(error))


def run_bridge(target: "Target | None", *, why: str = "") -> None:
    """Serve MCP on stdin and stdout until stdin ends. `target` None: there is no server to name, for the reason `why`.

    Raises SettingError.
    """
    from memory_client.bridge import Bridge
    from memory_client.offline import Answers
    from memory_client.upstream import LocalServer, NoServer, RemoteServer, Upstream

    agent = f"memory-client/{__version__}"
    upstream: Upstream
    if target is None:
        upstream, answers = NoServer(why), Answers(None, "")
    elif target.url is None:
        upstream = LocalServer(target, user_agent=agent, version=__version__)
        answers = Answers(target.cache_dir, f"local {target.data_dir}")
    else:
        upstream = RemoteServer(target, user_agent=agent)
        answers = Answers(target.cache_dir, target.url)
    try:
        Bridge(upstream, answers, target, version=__version__).run()
    except KeyboardInterrupt:
        sys.exit(130)
