"""URLs of servers and proxies: checked, split, and passed by a proxy or not. Text in, values out; no network."""

from collections.abc import Mapping

from memory_client.errors import SettingError

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Address:
    """Where a URL points. `host` is without brackets; `base` is its path, without a slash at the end."""

    __slots__ = ("base", "host", "port", "scheme", "userinfo")

    def __init__(self, scheme: str, host: str, port: int, base: str, userinfo: str) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        self.base = base
        self.userinfo = userinfo

    @property
    def authority(self) -> str:
        """Host, and the port where it is not the usual one: for the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def host_and_port(self) -> str:
        """For CONNECT, which always wants a port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def server_url(text: str) -> str:
    """`text` as the base of the server's routes: no trailing slash, no `/mcp`. Raises SettingError."""
    if "://" not in text:
        hint = f"write http://{text}, or https:// if it has a certificate"
        raise SettingError(f"MEMORY_SERVER={text} has no scheme; {hint}")
    address = split("MEMORY_SERVER", text)
    if address.scheme not in _DEFAULT_PORTS:
        raise SettingError(f"MEMORY_SERVER begins with {address.scheme}://; it takes http:// or https://")
    if address.userinfo:
        raise SettingError("MEMORY_SERVER holds a user name or password; put the key in MEMORY_API_KEY")
    if "?" in address.base or "#" in address.base:
        raise SettingError(f"MEMORY_SERVER={text} has a query; it takes scheme, host, port and a path")
    if address.base.endswith("/mcp"):
        address.base = address.base.removesuffix("/mcp").rstrip("/")
    return f"{address.scheme}://{address.authority}{address.base}"


def split(name: str, url: str) -> Address:
    """`url`, the value of the setting `name`, in its parts. Raises SettingError."""
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    netloc, slash, path = rest.partition("/")
    userinfo, _, authority = netloc.rpartition("@")
    host, port = _host_and_port(authority)
    if port is None and scheme in _DEFAULT_PORTS:
        port = _DEFAULT_PORTS[scheme]
    printable = url.isascii() and url.isprintable() and " " not in url
    if not host or not printable or port is None or not 0 < port < 65536:
        raise SettingError(f"{name} is not a URL that can be used; write it like http://memory.lan:8420")
    return Address(scheme, host, port, (slash + path).rstrip("/"), userinfo)


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if authority.startswith("["):  # an IPv6 address
        host, _, tail = authority[1:].partition("]")
        tail = tail.removeprefix(":")
    else:
        host, _, tail = authority.partition(":")
    if not tail:
        return host.lower(), None
    return host.lower(), int(tail) if tail.isdecimal() else 0


def proxy_of(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy on the way to `url`: HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, unless NO_PROXY or loopback exempts it."""
    address = split("MEMORY_SERVER", url)
    proxy = _either(environ, f"{address.scheme}_proxy") or _either(environ, "all_proxy")
    if not proxy or is_loopback(address.host) or _exempt(address, _either(environ, "no_proxy")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127.")


def _either(environ: Mapping[str, str], name: str) -> str:
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def _exempt(address: Address, no_proxy: str) -> bool:
    """`*`, a name and all below it (`lan`, `.lan`, `*.lan`) with or without a port, or a network: 192.168.0.0/16."""
    for entry in (part.strip().lower() for part in no_proxy.split(",")):
        if entry == "*":
            return True
        if "/" in entry:
            if _in_network(address.host, entry):
                return True
            continue
        name, port = (entry, None) if entry.count(":") > 1 and "[" not in entry else _host_and_port(entry)
        name = name.removeprefix("*").lstrip(".")
        if name and port in (None, address.port) and f".{address.host}".endswith(f".{name}"):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    import ipaddress  # 10 ms, for the few that write networks

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
