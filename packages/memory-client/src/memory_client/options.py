"""What the user told the plugin or the bundle, where the environment does not say it.

Claude Code hands its plugins' hooks the user's answers as CLAUDE_PLUGIN_OPTION_…; the plugin's MCP server and the
bundle for desktop programs are given the same names. Standard library only.
"""

from collections.abc import Mapping


def completed(environ: Mapping[str, str]) -> Mapping[str, str]:
    """`environ`, with the options for what it leaves out. A server's key comes from where the server comes from."""
    server, key, client_id = (_said(environ, name) for name in ("SERVER_URL", "API_KEY", "CLIENT_ID"))
    settings = dict(environ)
    if server and not environ.get("MEMORY_SERVER", "").strip():
        settings |= {"MEMORY_SERVER": server, "MEMORY_API_KEY": key, "MEMORY_API_KEY_FILE": ""}
    if client_id and not environ.get("MEMORY_CLIENT_ID", "").strip():
        settings["MEMORY_CLIENT_ID"] = client_id
    return settings


def _said(environ: Mapping[str, str], name: str) -> str:
    """Some programs leave the placeholder of an option that nobody has filled in as it is."""
    value = environ.get(f"CLAUDE_PLUGIN_OPTION_{name}", "").strip()
    return "" if value.startswith("${user_config.") else value
