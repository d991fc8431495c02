"""Every variable that the client and `claude-memory` read, one line of help each: for --help and the options page.

Nothing on a hot path imports this: code names the variables itself, and a test holds that none of them is missing here.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Variable:
    """`flag` is that of `claude-memory`. `in_help`: what `memory-client --help` shows."""

    name: str
    help: str
    default: str = ""
    flag: str = ""
    secret: bool = False
    in_help: bool = False


VARIABLES = (
    Variable(
        name="MEMORY_SERVER",
        help="address of the server, such as http://memory.lan:8420",
        default="local, that of this machine",
        flag="--server",
        in_help=True,
    ),
    Variable(name="MEMORY_API_KEY", help="its key", secret=True, in_help=True),
    Variable(name="MEMORY_API_KEY_FILE", help="the file that holds the key, in place of it", in_help=True),
    Variable(name="MEMORY_CLIENT_ID", help="name of this machine", default="its host name", in_help=True),
    Variable(
        name="MEMORY_PROJECT",
        help="the project",
        default="the git repository here",
        flag="--project",
        in_help=True,
    ),
    Variable(
        name="MEMORY_DATA_DIR",
        help="folder of the local server, and of what waits for a server",
        default="~/.claude-memory",
        flag="--data-dir",
        in_help=True,
    ),
    Variable(
        name="MEMORY_HOOKS",
        help="what hooks may do: all; context: print what is in memory, keep nothing; off",
        default="all",
    ),
    Variable(
        name="MEMORY_DEBUG",
        help="set to anything: a hook says what came of it, as --verbose; claude-memory shows the traceback of a fault",
    ),
)

PLATFORM = (
    Variable(
        name="CLAUDE_PROJECT_DIR",
        help="where the agent works, which says the project; Claude Code sets it",
        default="the working directory",
    ),
    Variable(name="HTTPS_PROXY", help="the proxy on the way to an https server; also in lower case"),
    Variable(name="HTTP_PROXY", help="the proxy on the way to an http server; also in lower case"),
    Variable(name="ALL_PROXY", help="the proxy, where neither of these is set; also in lower case"),
    Variable(name="NO_PROXY", help="names and networks that are reached without it; also in lower case"),
    Variable(name="SSL_CERT_FILE", help="authorities whose certificates are trusted", default="the system's"),
    Variable(name="SSL_CERT_DIR", help="the same as a folder", default="the system's"),
    Variable(name="NO_COLOR", help="set to anything: claude-memory writes without colours"),
    Variable(name="COLUMNS", help="how wide claude-memory writes", default="the terminal's width"),
    Variable(name="HOME", help="where the folders below begin"),
    Variable(name="USERPROFILE", help="the same, on Windows"),
    Variable(name="XDG_CONFIG_HOME", help="folder of the settings file", default="~/.config"),
    Variable(name="APPDATA", help="the same, on Windows"),
    Variable(name="XDG_CACHE_HOME", help="folder for what may be lost", default="~/.cache"),
    Variable(name="LOCALAPPDATA", help="the same, on Windows"),
    Variable(name="COMPUTERNAME", help="the host name, on Windows"),
    Variable(name="PATH", help="where setup and the start of a local server look for programs"),
)
"""What others set, and is heeded."""


def in_help() -> str:
    """The lines of `memory-client --help`."""
    return "\n".join(
        f"  {one.name:<19}  {one.help}{f' (default: {one.default})' if one.default else ''}"
        for one in VARIABLES
        if one.in_help
    )
