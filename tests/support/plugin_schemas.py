"""What Claude Code, the bundle's format and the MCP registry ask of the files we write: as much of it as we use.

In our own words, after what was published then; scripts/dev/plugin asks the published schemas themselves.

- marketplace, plugin, hooks: SchemaStore, claude-code-marketplace.json and claude-code-plugin-manifest.json of
  2026-04-23, with `args` from the hooks reference of 2026-08
- bundle: MCPB manifest 0.4
- registry: server.schema.json of 2025-12-11

A key that is not named here is a mistake of ours: each object is closed.
"""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
TEXTS: Schema = {"type": "array", "items": TEXT}
ENV: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
VERSION: Schema = {"type": "string", "pattern": r"^\d+\.\d+\.\d+"}
KEBAB: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"}
SCHEMA_URL: Schema = {"type": "string", "pattern": "^https://"}


def closed(needed: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": needed | (optional or {}),
        "required": sorted(needed),
        "additionalProperties": False,
    }


PERSON = closed({"name": TEXT})
# `type` has more values; only strings mean the same in a plugin and in a bundle.
OPTION = closed(
    {"type": {"const": "string"}, "title": TEXT, "description": TEXT},
    {"default": {"type": "string"}, "sensitive": {"type": "boolean"}, "required": {"type": "boolean"}},
)
# The name becomes part of a variable: CLAUDE_PLUGIN_OPTION_….
OPTIONS: Schema = {"type": "object", "propertyNames": {"pattern": r"^[A-Za-z_]\w*$"}, "additionalProperties": OPTION}

MARKETPLACE = closed(
    {
        "name": KEBAB,
        "owner": PERSON,
        "plugins": {
            "type": "array",
            "minItems": 1,
            "items": closed(
                # Relative to the marketplace's root, not to the folder of this file.
                {"name": KEBAB, "source": {"type": "string", "pattern": r"^\./"}},
                {"description": TEXT, "license": TEXT, "category": TEXT, "keywords": TEXTS},
            ),
        },
    },
    {"$schema": SCHEMA_URL, "description": TEXT},
)

PLUGIN = closed(
    {"name": KEBAB, "version": VERSION, "description": TEXT},
    {
        "$schema": SCHEMA_URL,
        "author": PERSON,
        "license": TEXT,
        "keywords": TEXTS,
        "userConfig": OPTIONS,
        "mcpServers": {
            "type": "object",
            "additionalProperties": closed({"command": TEXT}, {"args": TEXTS, "env": ENV}),
        },
    },
)

# With `args` nothing goes through a shell. `timeout` is in seconds.
HOOK = closed(
    {
        "type": {"const": "command"},
        "command": {"type": "string", "pattern": r"^\S+$"},
        "args": TEXTS,
        "timeout": {"type": "number", "exclusiveMinimum": 0, "maximum": 59},
    },
    {"async": {"type": "boolean"}},
)
EVENTS = ("SessionStart", "UserPromptSubmit", "SubagentStart", "PostCompact", "Stop", "SessionEnd")
HOOKS = closed(
    {
        "hooks": {
            "type": "object",
            "propertyNames": {"enum": list(EVENTS)},
            "additionalProperties": {
                "type": "array",
                "items": closed({"hooks": {"type": "array", "items": HOOK}}, {"matcher": TEXT}),
            },
        }
    },
    {"description": TEXT},
)

BUNDLE = closed(
    {
        "manifest_version": {"const": "0.4"},
        "name": TEXT,
        "version": VERSION,
        "description": TEXT,
        "author": PERSON,
        "server": closed(
            {
                "type": {"const": "uv"},
                "entry_point": TEXT,
                "mcp_config": closed({"command": TEXT, "args": TEXTS, "env": ENV}),
            }
        ),
        "user_config": OPTIONS,
    },
    {
        "display_name": TEXT,
        "license": TEXT,
        "keywords": TEXTS,
        "tools_generated": {"type": "boolean"},
        "prompts_generated": {"type": "boolean"},
        "compatibility": closed(
            {
                "platforms": {"type": "array", "items": {"enum": ["darwin", "win32", "linux"]}},
                "runtimes": closed({"python": TEXT}),
            }
        ),
    },
)

REGISTRY = closed(
    {
        "$schema": {"const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"},
        "name": {"type": "string", "pattern": r"^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "maxLength": 200},
        "title": TEXT | {"maxLength": 100},
        "description": TEXT | {"maxLength": 100},
        "version": VERSION,
        "packages": {
            "type": "array",
            "items": closed(
                {
                    "registryType": {"const": "pypi"},
                    "identifier": TEXT,
                    "version": VERSION,
                    "transport": closed({"type": {"const": "stdio"}}),
                },
                {
                    "runtimeHint": TEXT,
                    "environmentVariables": {
                        "type": "array",
                        "items": closed(
                            {"name": TEXT},
                            {"description": TEXT, "isRequired": {"type": "boolean"}, "isSecret": {"type": "boolean"}},
                        ),
                    },
                },
            ),
        },
    }
)
