"""Which names and web origins a request may come by: a page in a browser must not reach a server at home unasked.

Programs send no Origin and are not concerned. Without a key the Host must be known too, or a name that its owner points
at 127.0.0.1 would make a stranger's page the same origin as this server (DNS rebinding).
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from memory_core.errors import ForbiddenError
from memory_server.problems import malformed, misdirected

_FOREIGN = ("cross-site", "same-site")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class GuardMiddleware:
    """`hosts` null means that every Host is taken."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str] | None, origins: tuple[str, ...]) -> None:
        self.app = app
        self._hosts = hosts
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            _refuse_repeated(headers)
            self._check_host(headers.get("host", ""))
            self._check_origin(headers.get("origin"), headers.get("host", ""))
            self._check_site(scope["method"], headers)
        await self.app(scope, receive, send)

    def _check_host(self, host: str) -> None:
        if self._hosts is not None and _name_and_port(host)[0] not in self._hosts and host.lower() not in self._hosts:
            raise misdirected(host[:100])

    def _check_origin(self, origin: str | None, host: str) -> None:
        if origin is None or "*" in self._origins or origin.lower() in self._origins:
            return
        # The scheme is left out: behind a proxy that ends TLS it is not known for sure.
        theirs, ours = urlsplit_or_none(origin), host.lower()
        if theirs is None or theirs != ours:
            raise ForbiddenError(f"pages of {origin[:100]!r} may not call this server; add it to CORS_ORIGINS")

    def _check_site(self, method: str, headers: Headers) -> None:
        """Images, scripts and frames are asked for without an Origin: browsers say instead what the page is to us."""
        if "origin" in headers or "*" in self._origins or headers.get("sec-fetch-site") not in _FOREIGN:
            return
        is_visit = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if not (is_visit and method in ("GET", "HEAD")):  # a link that somebody followed
            raise ForbiddenError("pages of other sites may not load this; open its address by itself")


def _refuse_repeated(headers: Headers) -> None:
    """A proxy may have looked at another one of them than we do."""
    for name in ("host", "origin"):
        if len(headers.getlist(name)) > 1:
            raise malformed(f"there is more than one {name} header")


def allowed_hosts(names: tuple[str, ...], *, is_open: bool) -> frozenset[str] | None:
    """`is_open`: whoever comes needs no key."""
    if not names and not is_open:
        return None
    return LOOPBACK_NAMES.union(names)


def urlsplit_or_none(origin: str) -> str | None:
    """Host and port of an origin, lower-case; null for `null` and for what is none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") and parts.netloc else None


def _name_and_port(host: str) -> tuple[str, str]:
    host = host.lower()
    if host.startswith("["):  # an IPv6 address
        name, _, port = host[1:].partition("]")
        return name, port.lstrip(":")
    name, _, port = host.partition(":")
    return name, port
