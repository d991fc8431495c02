"""docs/reference/cli.md: `claude-memory` with every command, `memory-server`, `memory-client` and the scripts."""

import re
from pathlib import Path

from cyclopts import App, Group

from memory_cli import app as memory_cli
from memory_cli import main as door
from memory_client import hooks
from memory_client import main as memory_client
from memory_server import main as memory_server
from scripts.dev.reference import flags, programs
from scripts.dev.reference import markdown as md

ROOT = Path(__file__).resolve().parents[3]
WITHOUT_HELP = ("backup.sh", "systemd/claude-memory-admin")
SCRIPTS = ("install-docker.sh", "install-systemd.sh", "install-client.sh")

_ABOUT = """\
What a command does, and every argument and flag it has; `--help` behind any of them says the same in the terminal.
Variables are on the page of [options](options.md)."""

_EXIT_CODES = {
    0: "done; also when a search finds nothing, and when a write is kept here because the server is away",
    memory_cli.EXIT_ERROR: "it failed: the server is away, the key is wrong, …",
    memory_cli.EXIT_USAGE: "it was asked wrongly: an unknown flag, an empty text, …",
    memory_cli.EXIT_NOT_FOUND: "there is no such memory or file, or for `status` no server",
    door.EXIT_INTERRUPTED: "interrupted",
    door.EXIT_BROKEN_PIPE: "whoever read the output has gone",
}
_SERVER_EXIT_CODES = {
    0: "it stopped in order, or did what it was asked",
    memory_server.FAILED: "it failed",
    memory_server.MISUSED: "a wrong setting or flag",
    memory_server.IN_USE: "another server has the data folder",
}
_CLIENT_EXIT_CODES = {
    0: "its input has ended; of `memory-client hook` always, so that no agent suffers",
    1: "of `memory-client hook --check`: hooks do not work",
    2: "it was given an argument that it does not know",
}

_ALONE = (
    "And without a command: `--version` shows the version, `--install-completion` teaches the commands to your shell."
)

Named = tuple[str, str, Group]  # a command, where it is, and what it belongs to

_FILTERS = "filters"  # what the parameter is called that takes options.Filters
_FILTERS_HEADING = "Filters"


def page() -> str:
    return md.page("Commands", _ABOUT, *_claude_memory(), _memory_server(), _memory_client(), _scripts())


def _claude_memory() -> list[str]:
    app = memory_cli.command_line({}, with_help=True)
    named = [*memory_cli.COMMANDS, *memory_cli.GROUPS]
    return [_about_all(app), *(_group(app, named, group) for group in _groups(named))]


def _about_all(app: App) -> str:
    *said, _ = md.prose(memory_cli.EPILOGUE).split("\n\n")  # the last of it are the exit codes
    filters = [one for one in flags.of(app["search"]) if one.of == _FILTERS]
    return md.section(
        "claude-memory",
        md.prose(memory_cli.HELP),
        *said,
        md.section(
            "Flags of every command", "Before the command or behind it:", flags.table(flags.of(app.meta)), level=3
        ),
        md.section(
            _FILTERS_HEADING,
            "Commands that take them say by these which memories are meant.",
            flags.table(filters),
            level=3,
        ),
        md.section("Exit codes", _codes(_EXIT_CODES), level=3),
    )


def _group(app: App, named: list[Named], group: Group) -> str:
    names = [name for name, _, of in named if of is group]
    rows = [(md.link(name, f"claude-memory {name}"), md.plain(_summary(app[name]))) for name in names]
    return md.section(
        f"claude-memory: {str(group.name).lower()}",
        md.table(("command", "what it does"), rows),
        *(_command(app[name], (name,)) for name in names),
    )


def _groups(named: list[Named]) -> list[Group]:
    return sorted({id(group): group for _, _, group in named}.values(), key=lambda group: group.sort_key or 0)


def _summary(app: App) -> str:
    return " ".join(app.help.strip().split("\n\n")[0].split())


def _command(app: App, words: tuple[str, ...]) -> str:
    """A command, and those below it."""
    title = " ".join(("claude-memory", *words))
    parts = []
    if app.default_command is not None:
        found = flags.of(app)
        own = [one for one in found if one.of != _FILTERS]
        filters = f"Takes the [filters](#{md.slug(_FILTERS_HEADING)}) too." if len(own) < len(found) else ""
        parts = [md.code(" ".join((title, *flags.usage(found)))), flags.table(own), filters]
    below = [name for name in app if not name.startswith("-")]
    section = md.section(title, md.prose(app.help), *parts, level=2 + len(words))
    return "\n\n".join([section, *(_command(app[name], (*words, name)) for name in below)])


def _memory_server() -> str:
    parser = memory_server.parser()
    return md.section(
        "memory-server",
        md.prose(parser.description or ""),
        "Without a command it serves, with the [options](options.md#memory-server) as flags and these:",
        flags.table([one for one in programs.of(parser) if not one.variable]),
        md.prose(parser.epilog or ""),
        _codes(_SERVER_EXIT_CODES),
        *(
            md.section(f"memory-server {name}", md.prose(command.description or ""), *parts, level=3)
            for name, command, parts in programs.commands(parser)
        ),
    )


def _memory_client() -> str:
    return md.section(
        "memory-client",
        md.block(memory_client.help_text()),
        _codes(_CLIENT_EXIT_CODES),
        md.section("memory-client hook", md.block(hooks.HELP), level=3),
    )


def _scripts() -> str:
    return md.section(
        "Scripts",
        "They are in the folder `scripts` of the repository.",
        *(md.section(name, md.block(_usage(name)), level=3) for name in SCRIPTS),
        *(md.section(Path(name).name, md.block(_head(name)), level=3) for name in WITHOUT_HELP),
    )


def _usage(script: str) -> str:
    """What it prints with --help."""
    text = (ROOT / "scripts" / script).read_text(encoding="utf-8")
    found = re.search(r"cat <<'(?P<end>[A-Z]+)'\n(?P<text>.*?)\n(?P=end)\n", text, re.DOTALL)
    assert found is not None, script
    return found["text"]


def _head(script: str) -> str:
    """The comment at its top."""
    text = (ROOT / "scripts" / script).read_text(encoding="utf-8").partition("\nset -eu")[0]
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.splitlines()[1:])


def _codes(codes: dict[int, str]) -> str:
    return md.table(("exit code", "meaning"), [(str(code), meaning) for code, meaning in codes.items()])
