"""Whose word counts for where a request comes from: only named proxies may say so in X-Forwarded-For.

Limits and the log go by the address that is left. Believed from anyone, it would be whatever a caller writes.
"""

import ipaddress

from memory_core.errors import InvalidError

_VARIABLE = "MEMORY_FORWARDED_ALLOW_IPS"
_IPV4_IN_IPV6 = "::ffff:"


def trusted_proxies(text: str) -> list[str]:
    """The addresses and networks in `text`, which commas part, as uvicorn takes them. Raises InvalidError.

    Each IPv4 network is also there as a socket for both families writes it: else the same proxy would be unknown to a
    server that listens on `::`.
    """
    networks = [_network(part.strip()) for part in text.split(",") if part.strip()]
    mapped = [
        f"{_IPV4_IN_IPV6}{network.network_address}/{network.prefixlen + 96}"
        for network in networks
        if network.version == 4
    ]
    return [str(network) for network in networks] + mapped


def _network(part: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if part == "*":
        raise _everyone(part)
    try:
        network = ipaddress.ip_network(part, strict=False)
    except ValueError as error:
        raise InvalidError(
            f"{_VARIABLE} has {part!r}, which is no address; give those of your proxies, or a network like 10.1.0.0/16"
        ) from error
    if network.prefixlen == 0:
        raise _everyone(part)
    if "/" in part and ipaddress.ip_address(part.partition("/")[0]) != network.network_address:
        raise InvalidError(f"{_VARIABLE} has {part!r}, which is an address within a network; that network is {network}")
    return network


def _everyone(part: str) -> InvalidError:
    return InvalidError(
        f"{_VARIABLE} has {part!r}: every caller could then choose the address it is limited by; "
        "name your proxies, or their network such as 172.16.0.0/12"
    )
