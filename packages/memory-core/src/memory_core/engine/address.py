"""Where an endpoint is and the key it wants, checked before anything is sent there.

Both are settings of a person, so what is wrong with them is said at the start and names the setting. A refusal never
repeats a key, nor an address that may hold one.
"""

from urllib.parse import SplitResult, urlsplit

from memory_core.errors import InvalidError


def check_url(url: str) -> None:
    """Raises InvalidError unless `url` is a plain http(s) address: a host, perhaps a port and a path."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidError("MEMORY_EMBEDDER_URL must be a base address such as http://127.0.0.1:11434/v1")
    if "@" in parts.netloc:
        raise InvalidError("MEMORY_EMBEDDER_URL must hold no user or password; put the key into MEMORY_EMBEDDER_KEY")
    if parts.query or parts.fragment:
        raise InvalidError("MEMORY_EMBEDDER_URL must end with its path, without ? or #; it is a base address")


def check_key(key: str) -> None:
    """Raises InvalidError unless a header can carry `key`."""
    if not (key.isascii() and key.isprintable()) or key != key.strip():
        raise InvalidError("MEMORY_EMBEDDER_KEY holds characters that no header can carry; use printable ASCII")


def _split(url: str) -> SplitResult | None:
    if not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        return None
    return parts
