"""Names of hosts and origins of web pages in settings, in the form that browsers send: others would never match."""

import re
from collections.abc import Sequence

from memory_core.errors import InvalidError

_PORT = r"(:[0-9]{1,5})?"
_HOST = r"([^\s/?#@:,\[\]*]+|\[[0-9a-f:.]+\])"
_HOST_NAME = re.compile(rf"{_HOST}{_PORT}|[0-9a-f.]*:[0-9a-f:.]+")  # an IPv6 address may do without its brackets
# Pages of a browser's extension have an origin too: its scheme, and what names the extension.
_ORIGIN = re.compile(rf"[a-z][a-z0-9+.-]*://{_HOST}{_PORT}")


def host_names(names: Sequence[str]) -> tuple[str, ...]:
    """Lower-case, with their port where they have one; without one, an IPv6 address has no brackets.

    Raises InvalidError for what no Host header can be.
    """
    lower = tuple(name.lower() for name in names)
    for name in lower:
        if not _HOST_NAME.fullmatch(name):
            raise InvalidError(
                f"MEMORY_ALLOWED_HOSTS has {name!r}, which is no name of a host; it takes names such as "
                "memory.example.org or 192.168.1.7, by comma"
            )
    return tuple(name[1:-1] if name.endswith("]") else name for name in lower)


def web_origins(origins: Sequence[str]) -> tuple[str, ...]:
    """Lower-case, without a slash at the end; `*` stays. Raises InvalidError for what no Origin header can be."""
    lower = tuple(origin.lower().removesuffix("/") for origin in origins)
    for origin in lower:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise InvalidError(
                f"CORS_ORIGINS has {origin!r}, which is no origin of a page; it takes origins such as "
                "https://app.example.org or http://localhost:3000, by comma, or *"
            )
    return lower
