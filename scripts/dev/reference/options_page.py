"""docs/reference/options.md: every option and every variable, whoever reads it."""

from collections.abc import Iterable

from memory_client import environment, settings_file
from memory_client.environment import Variable
from memory_core.settings import Declared, options
from memory_server.main import NOT_FOR_LOCAL
from memory_server.settings import ServerSettings
from scripts.dev.reference import containers, elsewhere, plugin
from scripts.dev.reference import markdown as md

_SERVER = """\
A flag wins over its variable, a variable over the default; an empty variable counts as not set.
A secret is no flag, because other users of a machine see command lines: it may come from its variable, from a file that the variable with `_FILE` added names, or from a systemd credential of the variable's name, and only from one of them.
`memory-server --help` says the same; [the command line](cli.md#memory-server) has what it does besides."""

_LOCAL = """\
A local server, which clients start by themselves, takes these from the environment of whoever started it, except {left_out}: it listens on loopback at a free port, with a key of its own."""

_CLIENT = """\
For `memory-client`, its hooks, `claude-memory` and [`MemoryClient.connect`](../agents.md).
A flag of `claude-memory` goes before its variable, a variable before the settings file of the machine, `~/.config/claude-memory/env`, which `claude-memory setup` writes: lines such as `export MEMORY_CLIENT_ID=laptop`.
Server and key are taken from one place together, so that a key never goes to another server than it was set with."""

_PLUGIN = """\
What the user answered when Claude Code's [plugin](../plugin.md), or the bundle for desktop programs, asked.
They count where the environment names no server, or no name of the machine."""

_COMPOSE = """\
In `docker/.env`, beside any option of memory-server; `scripts/install-docker.sh` writes the file ([Docker](../docker.md))."""


_PLAIN = ("text", "a path", "true or false", "a list, by comma")  # of which the default and the help say enough


def page() -> str:
    return md.page(
        "Options",
        "Every option and environment variable, by who reads it.",
        md.section("memory-server", _SERVER, _settings(), _LOCAL.format(left_out=_codes(NOT_FOR_LOCAL))),
        md.section("What others set for memory-server", _table(elsewhere.SERVER)),
        md.section("memory-client and claude-memory", _CLIENT, _client()),
        md.section("What others set for clients", _table(environment.PLATFORM)),
        md.section("Plugin and bundle", _PLUGIN, _table(plugin.answers())),
        md.section(
            "Where setup finds agents", "`claude-memory setup` looks where these say.", _table(elsewhere.AGENTS)
        ),
        md.section("Compose", _COMPOSE, _table(containers.compose())),
        md.section(
            "The image",
            "It sets these of memory-server's and memory-client's options:",
            md.table(("variable", "value"), [(md.code(k), md.code(v)) for k, v in containers.image_settings().items()]),
            "It is built with these arguments (`docker build --build-arg NAME=VALUE`):",
            _table(containers.image_arguments()),
        ),
        md.section(
            "Scripts", "The scripts' flags are on the page of [commands](cli.md#scripts).", _table(elsewhere.SCRIPTS)
        ),
    )


def _settings() -> str:
    return md.table(("variable and flag", "default", "what it sets"), map(_setting, options(ServerSettings)))


def _setting(declared: Declared) -> tuple[str, str, str]:
    option = declared.option
    other = f"{option.variable}_FILE" if option.secret else declared.flag
    takes = "a secret, so no flag" if option.secret else declared.takes
    said = option.help if takes in _PLAIN else f"{option.help}; {takes}"
    return f"{md.code(option.variable)}, {md.code(other)}", md.code(declared.shown_default), md.plain(said)


def _client() -> str:
    rows = [
        (
            md.code(one.name),
            md.code(one.flag),
            "yes" if one.name in settings_file.NAMES else "",
            _default(one),
            md.plain(_help(one)),
        )
        for one in environment.VARIABLES
    ]
    return md.table(("variable", "flag", "in the settings file", "default", "what it sets"), rows)


def _table(variables: Iterable[Variable]) -> str:
    rows = [(md.code(one.name), _default(one), md.plain(_help(one))) for one in variables]
    return md.table(("variable", "default", "what it sets"), rows)


def _default(variable: Variable) -> str:
    """A value as code, a description as it is."""
    return variable.default if " " in variable.default else md.code(variable.default)


def _help(variable: Variable) -> str:
    return f"{variable.help} (a secret)" if variable.secret else variable.help


def _codes(names: Iterable[str]) -> str:
    *most, last = map(md.code, names)
    return f"{', '.join(most)} and {last}"
