"""Which pages there are. Each is a function that gives its text, the same on every machine and Python."""

from collections.abc import Callable

from scripts.dev.reference import mcp_page, options_page

PAGES: dict[str, Callable[[], str]] = {
    "mcp.md": mcp_page.page,
    "options.md": options_page.page,
}
