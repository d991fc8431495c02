"""What the plugin and the bundle ask the user for: the variables that carry the answers."""

import json
from pathlib import Path

from memory_client.environment import Variable

MANIFEST = Path(__file__).resolve().parents[3] / "plugins/memory/.claude-plugin/plugin.json"


def answers() -> list[Variable]:
    asked = json.loads(MANIFEST.read_text(encoding="utf-8"))["userConfig"]
    return [
        Variable(
            name=f"CLAUDE_PLUGIN_OPTION_{name.upper()}", help=one["description"], secret=one.get("sensitive", False)
        )
        for name, one in asked.items()
    ]
