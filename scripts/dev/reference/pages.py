"""Which pages there are. Each is a function that gives its text, the same on every machine and Python."""

from collections.abc import Callable

from scripts.dev.reference import cli_page, mcp_page, options_page, rest_page

PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page.page,
    "mcp.md": mcp_page.page,
    "options.md": options_page.page,
    "rest.md": rest_page.page,
}
