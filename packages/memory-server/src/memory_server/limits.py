"""How often one caller may do what: one count for REST and MCP alike, made after the caller is known.

Each key has counts of its own, and each address one count of all that comes from it, whatever key it brings: many keys,
or none, are no way around. What was counted is left for `headers`, which tells it in the answer.

slowapi's limiter keeps the rates and the counts. Its decorators and middleware are not used: they do not see mounted
apps, unknown routes or failed logins, and keep an entry for every name ever seen.
"""

import functools
import ipaddress
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar
from enum import Enum

from limits import RateLimitItem, parse
from msgspec import Struct
from slowapi import Limiter
from slowapi.util import get_remote_address
from starlette.types import ASGIApp, Receive, Scope, Send

from memory_core.changes import Quota
from memory_core.errors import InvalidError, RateLimitedError
from memory_server.activity import WATCHING

MAX_NAMES = 10_000
MAX_NAME_CHARS = 100
IPV6_SITE_BITS = 64
_CONTEXT = re.compile(r"/sessions/[^/]+/context")  # asked for before each prompt


class Kind(Enum):
    READ = "reads"
    WRITE = "writes"
    PROTOCOL = "protocol messages"  # the MCP envelope; the tool inside is counted as what it does
    FAILED_LOGIN = "failed logins"
    ADDRESS = "requests from one address"

    @property
    def policy(self) -> str:
        """Its name in headers."""
        return self.name.lower().replace("_", "-")


class Standing(Struct, frozen=True, kw_only=True):
    """What is left of one limit after a request. More of it is there in `reset_s` seconds."""

    kind: Kind
    amount: int
    window_s: int
    remaining: int
    reset_s: int


standings: ContextVar[list[Standing] | None] = ContextVar("standings", default=None)
"""Where the counts of the request in hand are put down. The tasks that a request starts have it from the request."""


def parse_rate(text: str, *, variable: str) -> RateLimitItem | None:
    """`30/minute` and the like; null for `off`."""
    if text.strip().lower() == "off":
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise InvalidError(f"{variable} is {text!r}; it takes a rate such as 30/minute, or off") from error


class Limits:
    def __init__(
        self,
        *,
        reads: str,
        writes: str,
        protocol: str = "600/minute",
        logins: str = "10/minute",
        address: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        refused: Callable[[Kind], None] = lambda _: None,
    ) -> None:
        """Without `address`, one may send as much as some ten machines do, or, with reads or writes `off`, anything."""
        rates = {
            Kind.READ: parse_rate(reads, variable="MEMORY_LIMIT_READS"),
            Kind.WRITE: parse_rate(writes, variable="MEMORY_LIMIT_WRITES"),
            Kind.PROTOCOL: parse_rate(protocol, variable="MEMORY_LIMIT_PROTOCOL"),
            Kind.FAILED_LOGIN: parse_rate(logins, variable="MEMORY_LIMIT_LOGINS"),
        }
        if address is None:
            address = "off" if None in (rates[Kind.READ], rates[Kind.WRITE]) else "1200/minute"
        self._rates = rates | {Kind.ADDRESS: parse_rate(address, variable="MEMORY_LIMIT_ADDRESS")}
        limiter = Limiter(key_func=get_remote_address, strategy="moving-window", storage_uri="memory://")
        self._counts = limiter.limiter
        self._seen: OrderedDict[tuple[Kind, str], RateLimitItem] = OrderedDict()
        self._clock = clock
        self._refused = refused
        self._latest = time.time()
        self._once: OrderedDict[tuple[Kind, str, bytes], float] = OrderedDict()

    @classmethod
    def off(cls) -> "Limits":
        return cls(reads="off", writes="off", protocol="off", logins="off", address="off")

    def spend(self, kind: Kind, name: str) -> None:
        """Count one, or raise RateLimitedError with the time after which the next is possible."""
        rate = self._rates[kind]
        if rate is not None:
            name = counted_as(name)
            self._forget_the_future()
            self._remember(kind, name, rate)
            if not self._counts.hit(rate, kind.value, name):
                raise self._error(kind, name, rate)
            self._put_down(kind, name, rate)

    def spend_once(self, kind: Kind, name: str, what: bytes) -> None:
        """Like `spend`, but the same `what` costs nothing more until the window in which it was counted is over."""
        rate, now, name = self._rates[kind], self._clock(), counted_as(name)
        if rate is None or now < self._once.get((kind, name, what), -math.inf):
            return
        self.spend(kind, name)
        self._once.pop((kind, name, what), None)
        self._once[kind, name, what] = now + rate.get_expiry()
        if len(self._once) > MAX_NAMES:
            self._once.popitem(last=False)

    def refuse_if_used_up(self, kind: Kind, name: str) -> None:
        """Raise RateLimitedError if another one would be too many; counts nothing."""
        rate, name = self._rates[kind], counted_as(name)
        if rate is not None and (kind, name) in self._seen and not self._counts.test(rate, kind.value, name):
            raise self._error(kind, name, rate)

    def _forget_the_future(self) -> None:
        """The counts go by the wall clock: where it was set back, what came before would be recent for as long."""
        now = time.time()
        if now < self._latest - 1.0:
            self._counts.storage.reset()
        self._latest = now

    def _error(self, kind: Kind, name: str, rate: RateLimitItem) -> RateLimitedError:
        self._refused(kind)
        wait_s = self._put_down(kind, name, rate).reset_s
        return RateLimitedError(
            f"rate limited, retry in {wait_s} s (at most {rate} for {kind.value})", retry_after_s=float(wait_s)
        )

    def _put_down(self, kind: Kind, name: str, rate: RateLimitItem) -> Standing:
        stats = self._counts.get_window_stats(rate, kind.value, name)
        reset_s = max(1, math.ceil(stats.reset_time - time.time()))
        standing = Standing(
            kind=kind, amount=rate.amount, window_s=rate.get_expiry(), remaining=stats.remaining, reset_s=reset_s
        )
        if (told := standings.get()) is not None:
            told.append(standing)
        return standing

    def _remember(self, kind: Kind, name: str, rate: RateLimitItem) -> None:
        """Forget the count of the name not seen for longest, so that invented names cannot fill the memory."""
        self._seen[kind, name] = rate
        self._seen.move_to_end((kind, name))
        if len(self._seen) > MAX_NAMES:
            (old_kind, old_name), old_rate = self._seen.popitem(last=False)
            self._counts.clear(old_rate, old_kind.value, old_name)


@functools.lru_cache(maxsize=1024)
def counted_as(name: str) -> str:
    """`name`, and for an IPv6 address its site: who has one such address has 2^64 of them."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name[:MAX_NAME_CHARS]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), IPV6_SITE_BITS), strict=False))


def kind_of(method: str, path: str) -> Kind:
    if path.rstrip("/") == "/mcp":
        return Kind.PROTOCOL
    if method in ("GET", "HEAD", "OPTIONS") or path == "/memories/search" or _CONTEXT.fullmatch(path):
        return Kind.READ
    return Kind.WRITE


def is_free(scope: Scope) -> bool:
    """Watching a server costs its users nothing, and an answer that it is well no more than a refusal would."""
    return scope["type"] != "http" or scope["path"] in WATCHING


class AddressLimitMiddleware:
    """Counts every request of an address, before anybody asks for its key."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self.app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_free(scope):
            self._limits.spend(Kind.ADDRESS, scope["client"][0] if scope.get("client") else "unknown")
        await self.app(scope, receive, send)


class LimitMiddleware:
    """Counts each request under its principal, and leaves beside that one how much it may keep."""

    def __init__(self, app: ASGIApp, *, limits: Limits, quota: Quota) -> None:
        self.app = app
        self._limits = limits
        self._quota = quota

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_free(scope):
            principal = scope["state"]["principal"]
            self._limits.spend(kind_of(scope["method"], scope["path"]), principal.limited_as)
            scope["state"]["quota"] = quota_of(principal.max_memories, principal.max_bytes, self._quota)
        await self.app(scope, receive, send)


def quota_of(max_memories: int | None, max_bytes: int | None, default: Quota) -> Quota | None:
    """What a key has of its own wins. Null where nothing is limited, so that nothing need be counted."""
    quota = Quota(
        max_memories=default.max_memories if max_memories is None else max_memories,
        max_bytes=default.max_bytes if max_bytes is None else max_bytes,
    )
    return quota if quota != Quota() else None
