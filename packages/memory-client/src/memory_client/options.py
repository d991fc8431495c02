"""What the user told the plugin or the bundle, where the environment does not say it.

Claude Code hands its plugins' hooks the user's answers as CLAUDE_PLUGIN_OPTION_…; the plugin's MCP server and the
bundle for desktop programs are given the same names. Standard library only.
"""

from collections.abc import Mapping

_SERVER = "CLAUDE_PLUGIN_OPTION_SERVER_URL"
_KEY = "CLAUDE_PLUGIN_OPTION_API_KEY"
_CLIENT_ID = "CLAUDE_PLUGIN_OPTION_CLIENT_ID"


def completed(environ: Mapping[str, str]) -> Mapping[str, str]:
    """`environ`, with the options for what it leaves out. The key of the options is for their server alone."""
    server, key, client_id = (_said(environ, name) for name in (_SERVER, _KEY, _CLIENT_ID))
    added = {}
    if server and not environ.get("MEMORY_SERVER", "").strip():
        added["MEMORY_SERVER"] = server
        if key:
            added |= {"MEMORY_API_KEY": key, "MEMORY_API_KEY_FILE": ""}
    if client_id and not environ.get("MEMORY_CLIENT_ID", "").strip():
        added["MEMORY_CLIENT_ID"] = client_id
    return {**environ, **added} if added else environ


def _said(environ: Mapping[str, str], name: str) -> str:
    """Some programs leave the placeholder of an option that nobody has filled in as it is."""
    value = environ.get(name, "").strip()
    return "" if value.startswith("${user_config.") else value
