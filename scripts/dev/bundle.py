"""What is built beside the packages: a bundle for desktop programs, the plugin, and the registry's `server.json`.

All take version, description and settings from the plugin's manifest, so that nothing is said twice. The bundle holds
the bridge's own sources, which need Python and nothing else: no index is asked when it starts. It and the plugin are
stored, not compressed, with one date for all files: the same sources give the same bytes on every machine. Standard
library only.
"""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

PLUGIN = Path("plugins/memory/.claude-plugin/plugin.json")
CLIENT_README = Path("packages/memory-client/README.md")
REGISTRY_NAME = re.compile(r"(?<=<!-- mcp-name: )io\.github\.(?P<owner>[\w-]+)/memory(?= -->)")
REGISTRY_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
# The light part of each: the bridge imports a third of it, and none of what needs an installed package.
SOURCES = ("packages/memory-client/src/memory_client", "packages/memory-core/src/memory_core")
ENTRY_POINT = "src/main.py"
PYTHON = ">=3.11"
VARIABLES = {"server_url": "MEMORY_SERVER", "api_key": "MEMORY_API_KEY", "client_id": "MEMORY_CLIENT_ID"}
_MAIN = """\
from memory_client.main import main

main()
"""
_DAY_ONE = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16


def built(version: str, dist: Path) -> tuple[Path, Path, Path]:
    """Where they are, or will be: the bundle, the plugin, the listing."""
    return dist / f"memory-{version}.mcpb", dist / f"memory-plugin-{version}.zip", dist / "server.json"


def build(root: Path, dist: Path) -> list[Path]:
    """All three, in `dist`."""
    dist.mkdir(parents=True, exist_ok=True)
    plugin = json.loads((root / PLUGIN).read_text("utf-8"))
    bundled, packed, listing = built(plugin["version"], dist)
    licence = {"LICENSE": (root / "LICENSE").read_text("utf-8")}
    files = {"manifest.json": text(bundle_manifest(plugin)), "pyproject.toml": bundle_project(plugin)}
    store(bundled, files | {ENTRY_POINT: _MAIN} | licence | sources(root))
    store(packed, licence | plugin_files(root))
    listing.write_text(text(registry_listing(root, plugin)), "utf-8", newline="\n")
    return [bundled, packed, listing]


def store(archive: Path, files: dict[str, str]) -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _DAY_ONE)
            entry.create_system, entry.external_attr = 3, _PLAIN_FILE  # as Unix writes it, on Windows too
            opened.writestr(entry, content)


def plugin_files(root: Path) -> dict[str, str]:
    folder = root / PLUGIN.parents[1]
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_text("utf-8") for file in files}


def bundle_manifest(plugin: dict[str, Any]) -> dict[str, Any]:
    """Type `uv`: the program that opens the bundle brings Python, where the machine has none that is new enough.

    `--no-project` leaves out what `uv run` would otherwise write beside the sources: a lock and an environment.
    """
    options = {f"CLAUDE_PLUGIN_OPTION_{key.upper()}": f"${{user_config.{key}}}" for key in plugin["userConfig"]}
    arguments = ["run", "--no-project", "--python", PYTHON, "--directory", "${__dirname}", ENTRY_POINT]
    command = {"command": "uv", "args": arguments, "env": options}
    return {
        "manifest_version": "0.4",
        "name": plugin["name"],
        "display_name": "Memory",
        "version": plugin["version"],
        "description": plugin["description"],
        "author": plugin["author"],
        "license": plugin["license"],
        "keywords": plugin["keywords"],
        "server": {"type": "uv", "entry_point": ENTRY_POINT, "mcp_config": command},
        "tools_generated": True,
        "prompts_generated": True,
        "compatibility": {"platforms": ["darwin", "win32", "linux"], "runtimes": {"python": PYTHON}},
        "user_config": {key: {**option, "required": False} for key, option in plugin["userConfig"].items()},
    }


def bundle_project(plugin: dict[str, Any]) -> str:
    lines = ("[project]", 'name = "memory-bundle"', f'version = "{plugin["version"]}"', f'requires-python = "{PYTHON}"')
    return "\n".join([*lines, "dependencies = []", "", "[tool.uv]", "package = false", ""])


def sources(root: Path) -> dict[str, str]:
    found = {}
    for folder in map(root.joinpath, SOURCES):
        for file in [*folder.glob("*.py"), *folder.glob("*.json")]:
            found[f"src/{folder.name}/{file.name}"] = file.read_text("utf-8")
    return found


def registry_listing(root: Path, plugin: dict[str, Any]) -> dict[str, Any]:
    package = {
        "registryType": "pypi",
        "identifier": "memory-client",
        "version": plugin["version"],
        "runtimeHint": "uvx",
        "transport": {"type": "stdio"},
        "environmentVariables": [
            {
                "name": VARIABLES[key],
                "description": option["description"],
                "isRequired": False,
                "isSecret": option.get("sensitive", False),
            }
            for key, option in plugin["userConfig"].items()
        ],
    }
    return {
        "$schema": REGISTRY_SCHEMA,
        "name": registry_name(root),
        "title": "Memory",
        "description": plugin["description"],
        "version": plugin["version"],
        "packages": [package],
    }


def registry_name(root: Path) -> str:
    """As the client's README says it: the registry compares the two. Raises LookupError."""
    found = REGISTRY_NAME.search((root / CLIENT_README).read_text("utf-8"))
    if found is None:
        raise LookupError(f"{CLIENT_README} has no line <!-- mcp-name: io.github.OWNER/memory -->")
    return found[0]


def text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
