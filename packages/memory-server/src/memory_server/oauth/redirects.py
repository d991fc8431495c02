"""Where the answer to a client may go: which addresses one may register, and which of them one means. Pure."""

import re
from urllib.parse import urlencode, urlsplit

from memory_server.oauth.public import LOOPBACK

MAX_URI_CHARS = 500
# It stands in a header of the page, where no character of it may mean anything.
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


def fault_of(uri: str) -> str | None:
    """Why no client may register `uri`; null if it may.

    An https address, or http on this machine, as MCP wants it: who answers to another scheme, nobody can say.
    """
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address"
    if len(uri) > MAX_URI_CHARS:
        return f"is longer than {MAX_URI_CHARS} characters"
    if not uri.isascii() or not uri.isprintable() or " " in uri or "\\" in uri:
        return "has characters that no address has"
    if not host or not _HOST.fullmatch(parts.netloc) or "#" in uri:
        return "is not a plain address of a host"
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        return "is neither https nor http on loopback"
    return None


def is_one_of(uri: str, registered: tuple[str, ...]) -> bool:
    """Whether `uri` was registered, to the letter; on loopback the port is free (RFC 8252, 7.3)."""
    return uri in registered or (
        fault_of(uri) is None and is_loopback(uri) and _without_port(uri) in map(_without_port, registered)
    )


def is_loopback(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def host_of(uri: str) -> str:
    return urlsplit(uri).netloc


def origin_of(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def answering(uri: str, **answer: str | None) -> str:
    """`uri` with the answer added to its query."""
    given = urlencode({name: value for name, value in answer.items() if value is not None})
    return f"{uri}{'&' if urlsplit(uri).query else '?'}{given}"


def _without_port(uri: str) -> str:
    if not is_loopback(uri):
        return uri
    parts = urlsplit(uri)
    named = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return parts._replace(netloc=named or "").geturl()
