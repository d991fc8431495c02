"""The address by which browsers and connectors reach this server: what tokens are bound to. Standard library alone."""

from urllib.parse import urlsplit

from msgspec import Struct

from memory_core.errors import InvalidError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS = {"https": 443, "http": 80}


class PublicUrl(Struct, frozen=True, kw_only=True):
    """`issuer` is the address without a slash at its end; `authority` its host and port, as a Host header has them."""

    issuer: str
    authority: str

    @property
    def resource(self) -> str:
        return f"{self.issuer}/mcp"

    @property
    def resource_metadata(self) -> str:
        return f"{self.issuer}/.well-known/oauth-protected-resource/mcp"  # RFC 9728, 3.1

    @property
    def is_https(self) -> bool:
        return self.issuer.startswith("https:")

    def is_resource(self, text: str) -> bool:
        """Whether `text` names `resource`. Scheme and host may be in capitals, and a slash may follow."""
        try:
            parts = urlsplit(text)
        except ValueError:
            return False
        return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}" == self.resource and not (
            parts.query or parts.fragment
        )


def public_url(text: str) -> PublicUrl:
    """Raises InvalidError for what is no https address, or http on loopback, without a path."""
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise _refused(text, "is no address") from error
    if parts.scheme not in _DEFAULT_PORTS or not host or not text.isascii():
        raise _refused(text, "is no address that begins with https://")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise _refused(text, "is http, by which anyone on the way could read the tokens")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise _refused(text, "has more than a host and a port")
    named = f"[{host}]" if ":" in host else host
    authority = named if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{named}:{port}"
    return PublicUrl(issuer=f"{parts.scheme}://{authority}", authority=authority)


def _refused(text: str, why: str) -> InvalidError:
    return InvalidError(
        f"MEMORY_PUBLIC_URL is {text!r}, which {why}; it takes an address such as https://memory.example.org, "
        "or http://localhost:8420 on one machine"
    )
