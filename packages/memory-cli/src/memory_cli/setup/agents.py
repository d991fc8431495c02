"""The agents that can be wired: where each keeps its configuration, in which format, and what an entry looks like.

Data alone. Sources: the agents' own documentation, and for the two places on Windows where Claude Desktop may look
https://github.com/anthropics/claude-code/issues/26073.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NAME = "memory"
OTHER_NAME = "claude-memory"
"""Where another server has the name already."""


class Scope(StrEnum):
    USER = "user"
    PROJECT = "project"


class Word(StrEnum):
    """Stands in an entry for a part of the command that starts the bridge."""

    PROGRAM = "the program"
    ARGUMENTS = "its arguments"
    LINE = "program and arguments"


class Format(StrEnum):
    JSON = "json"  # with comments and trailing commas, which every agent but Claude's own reads too
    TOML = "toml"


Entry = Mapping[str, object]

STDIO: Entry = {"type": "stdio", "command": Word.PROGRAM, "args": Word.ARGUMENTS}
PLAIN: Entry = {"command": Word.PROGRAM, "args": Word.ARGUMENTS}
# Cursor starts servers in the home folder; the bridge asks this variable for the project.
CURSOR: Entry = {**STDIO, "env": {"CLAUDE_PROJECT_DIR": "${workspaceFolder}"}}
OPENCODE: Entry = {"type": "local", "command": Word.LINE, "enabled": True}
OPENCODE_2: Entry = {"type": "local", "command": Word.LINE}


@dataclass(frozen=True)
class Servers:
    """The file that lists an agent's MCP servers. `places` are templates, by platform; `*` is for all others.

    `override` goes before them where its variable is set. `under` leads to the object of servers; where the file has
    one at `nested` already, which is the newer form, it is used instead, with `nested_entry`.
    """

    places: Mapping[str, tuple[str, ...]]
    under: tuple[str, ...]
    entry: Entry
    format: Format = Format.JSON
    override: str | None = None
    nested: tuple[str, ...] = ()
    nested_entry: Entry = field(default_factory=dict)


@dataclass(frozen=True)
class Hooks:
    """The file that holds Claude Code's hooks."""

    places: tuple[str, ...]
    override: str | None = None


@dataclass(frozen=True)
class Hook:
    event: str
    timeout_s: int
    waits: bool = True


HOOKS = (
    Hook("SessionStart", 5),
    Hook("UserPromptSubmit", 5),
    Hook("PostCompact", 5),
    Hook("SubagentStart", 5),
    Hook("Stop", 10, waits=False),
    Hook("SessionEnd", 2),
)


@dataclass(frozen=True)
class Agent:
    """`signs` are commands, and templates of paths, that are there where the agent is.

    `restart`, and for a project `approval`, are left to people. `plugin` is ours for that agent.
    """

    name: str
    title: str
    servers: Mapping[Scope, Servers]
    signs: tuple[str, ...]
    restart: str
    hooks: Mapping[Scope, Hooks] = field(default_factory=dict)
    approval: str = ""
    plugin: str = ""


def _everywhere(*templates: str) -> dict[str, tuple[str, ...]]:
    return {"*": templates}


_VSCODE_FOLDERS = ("Code", "Code - Insiders", "VSCodium")
_CLAUDE = ("mcpServers",)

AGENTS = (
    Agent(
        name="claude-code",
        title="Claude Code",
        servers={
            Scope.USER: Servers(
                _everywhere("~/.claude.json"), _CLAUDE, STDIO, override="$CLAUDE_CONFIG_DIR/.claude.json"
            ),
            Scope.PROJECT: Servers(_everywhere("./.mcp.json"), _CLAUDE, STDIO),
        },
        hooks={
            Scope.USER: Hooks(("~/.claude/settings.json",), override="$CLAUDE_CONFIG_DIR/settings.json"),
            Scope.PROJECT: Hooks(("./.claude/settings.json",)),
        },
        signs=("claude", "~/.claude.json", "~/.claude/settings.json", "$CLAUDE_CONFIG_DIR"),
        restart="Its next session has it.",
        approval="Claude Code asks each person once whether the project's server may run.",
        plugin="memory@memory-tools",
    ),
    Agent(
        name="claude-desktop",
        title="Claude Desktop",
        servers={
            Scope.USER: Servers(
                {
                    "darwin": ("~/Library/Application Support/Claude/claude_desktop_config.json",),
                    "win32": ("$APPDATA/Claude/claude_desktop_config.json",),
                    "*": ("$XDG_CONFIG_HOME/Claude/claude_desktop_config.json",),
                },
                _CLAUDE,
                PLAIN,
                # From the store, and by today's installer, it is shown a folder of its own in place of APPDATA.
                override="$LOCALAPPDATA/Packages/Claude_*/LocalCache/Roaming/Claude/claude_desktop_config.json",
            ),
        },
        signs=(
            "~/Library/Application Support/Claude",
            "$LOCALAPPDATA/Packages/Claude_*",
            "$APPDATA/Claude",
            "$XDG_CONFIG_HOME/Claude",
        ),
        restart="Quit it, not only its window, and start it again.",
    ),
    Agent(
        name="codex",
        title="Codex",
        servers={
            Scope.USER: Servers(
                _everywhere("~/.codex/config.toml"),
                ("mcp_servers",),
                PLAIN,
                Format.TOML,
                override="$CODEX_HOME/config.toml",
            ),
            Scope.PROJECT: Servers(_everywhere("./.codex/config.toml"), ("mcp_servers",), PLAIN, Format.TOML),
        },
        signs=("codex", "~/.codex", "$CODEX_HOME"),
        restart="Its next session has it.",
        approval="Codex reads a project's file only where the project is trusted.",
    ),
    Agent(
        name="cursor",
        title="Cursor",
        servers={
            Scope.USER: Servers(_everywhere("~/.cursor/mcp.json"), _CLAUDE, CURSOR),
            Scope.PROJECT: Servers(_everywhere("./.cursor/mcp.json"), _CLAUDE, CURSOR),
        },
        signs=("cursor", "cursor-agent", "~/.cursor"),
        restart="Restart it, and see that the server is switched on among its MCP servers.",
        approval="Cursor asks each person once whether the project's server may run.",
    ),
    Agent(
        name="vscode",
        title="VS Code",
        servers={
            Scope.USER: Servers(
                {
                    "darwin": tuple(f"~/Library/Application Support/{one}/User/mcp.json" for one in _VSCODE_FOLDERS),
                    "win32": tuple(f"$APPDATA/{one}/User/mcp.json" for one in _VSCODE_FOLDERS),
                    "*": tuple(f"$XDG_CONFIG_HOME/{one}/User/mcp.json" for one in _VSCODE_FOLDERS),
                },
                ("servers",),
                STDIO,
                override="$VSCODE_PORTABLE/user-data/User/mcp.json",
            ),
            Scope.PROJECT: Servers(_everywhere("./.vscode/mcp.json"), ("servers",), STDIO),
        },
        signs=(
            "code",
            "code-insiders",
            "~/Library/Application Support/Code/User",
            "$APPDATA/Code/User",
            "$XDG_CONFIG_HOME/Code/User",
        ),
        restart="Run `MCP: List Servers` in it once and start the server; it asks whether you trust it.",
    ),
    Agent(
        name="gemini",
        title="Gemini CLI",
        servers={
            Scope.USER: Servers(
                _everywhere("~/.gemini/settings.json"),
                _CLAUDE,
                PLAIN,
                override="$GEMINI_CLI_HOME/.gemini/settings.json",
            ),
            Scope.PROJECT: Servers(_everywhere("./.gemini/settings.json"), _CLAUDE, PLAIN),
        },
        signs=("gemini", "~/.gemini", "$GEMINI_CLI_HOME"),
        restart="Its next session has it.",
        approval="Gemini CLI reads a project's file only where the folder is trusted.",
    ),
    Agent(
        name="opencode",
        title="OpenCode",
        servers={
            Scope.USER: Servers(
                _everywhere("$XDG_CONFIG_HOME/opencode/opencode.json", "$XDG_CONFIG_HOME/opencode/opencode.jsonc"),
                ("mcp",),
                OPENCODE,
                override="$OPENCODE_CONFIG",
                nested=("mcp", "servers"),
                nested_entry=OPENCODE_2,
            ),
            Scope.PROJECT: Servers(
                _everywhere("./opencode.json", "./opencode.jsonc"),
                ("mcp",),
                OPENCODE,
                nested=("mcp", "servers"),
                nested_entry=OPENCODE_2,
            ),
        },
        signs=("opencode", "$XDG_CONFIG_HOME/opencode"),
        restart="Its next session has it.",
    ),
)
NAMES = tuple(agent.name for agent in AGENTS)
