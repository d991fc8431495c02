"""How often one caller may do what: one count for REST and MCP alike, made after the caller is known.

slowapi's limiter keeps the rates and the counts. Its decorators and middleware are not used: they do not see mounted
apps, unknown routes or failed logins, and keep an entry for every name ever seen.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum

from limits import RateLimitItem, parse
from slowapi import Limiter
from slowapi.util import get_remote_address
from starlette.types import ASGIApp, Receive, Scope, Send

from memory_core.errors import InvalidError, RateLimitedError

MAX_NAMES = 10_000


class Kind(Enum):
    READ = "reads"
    WRITE = "writes"
    PROTOCOL = "protocol messages"  # the MCP envelope; the tool inside is counted as what it does
    FAILED_LOGIN = "failed logins"


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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rates = {
            Kind.READ: parse_rate(reads, variable="MEMORY_LIMIT_READS"),
            Kind.WRITE: parse_rate(writes, variable="MEMORY_LIMIT_WRITES"),
            Kind.PROTOCOL: parse_rate(protocol, variable="the rate of protocol messages"),
            Kind.FAILED_LOGIN: parse_rate(logins, variable="the rate of failed logins"),
        }
        limiter = Limiter(key_func=get_remote_address, strategy="moving-window", storage_uri="memory://")
        self._counts = limiter.limiter
        self._seen: OrderedDict[tuple[Kind, str], RateLimitItem] = OrderedDict()
        self._clock = clock
        self._latest = time.time()
        self._once: OrderedDict[tuple[Kind, str, bytes], float] = OrderedDict()

    @classmethod
    def off(cls) -> "Limits":
        return cls(reads="off", writes="off", protocol="off", logins="off")

    def spend(self, kind: Kind, name: str) -> None:
        """Count one, or raise RateLimitedError with the time after which the next is possible."""
        rate = self._rates[kind]
        if rate is not None:
            self._forget_the_future()
            self._remember(kind, name, rate)
            if not self._counts.hit(rate, kind.value, name):
                raise self._error(kind, name, rate)

    def spend_once(self, kind: Kind, name: str, what: bytes) -> None:
        """Like `spend`, but the same `what` costs nothing more until the window in which it was counted is over."""
        rate, now = self._rates[kind], self._clock()
        if rate is None or now < self._once.get((kind, name, what), -math.inf):
            return
        self.spend(kind, name)
        self._once.pop((kind, name, what), None)
        self._once[kind, name, what] = now + rate.get_expiry()
        if len(self._once) > MAX_NAMES:
            self._once.popitem(last=False)

    def refuse_if_used_up(self, kind: Kind, name: str) -> None:
        """Raise RateLimitedError if another one would be too many; counts nothing."""
        rate = self._rates[kind]
        if rate is not None and (kind, name) in self._seen and not self._counts.test(rate, kind.value, name):
            raise self._error(kind, name, rate)

    def _forget_the_future(self) -> None:
        """The counts go by the wall clock: where it was set back, what came before would be recent for as long."""
        now = time.time()
        if now < self._latest - 1.0:
            self._counts.storage.reset()
        self._latest = now

    def _error(self, kind: Kind, name: str, rate: RateLimitItem) -> RateLimitedError:
        reset_at = self._counts.get_window_stats(rate, kind.value, name).reset_time
        wait_s = max(1.0, math.ceil(reset_at - time.time()))
        return RateLimitedError(
            f"rate limited, retry in {wait_s:.0f} s (at most {rate} for {kind.value})", retry_after_s=wait_s
        )

    def _remember(self, kind: Kind, name: str, rate: RateLimitItem) -> None:
        """Forget the count of the name not seen for longest, so that invented names cannot fill the memory."""
        self._seen[kind, name] = rate
        self._seen.move_to_end((kind, name))
        if len(self._seen) > MAX_NAMES:
            (old_kind, old_name), old_rate = self._seen.popitem(last=False)
            self._counts.clear(old_rate, old_kind.value, old_name)


def kind_of(method: str, path: str) -> Kind:
    if path.rstrip("/") == "/mcp":
        return Kind.PROTOCOL
    if method in ("GET", "HEAD", "OPTIONS") or path == "/memories/search":
        return Kind.READ
    return Kind.WRITE


class LimitMiddleware:
    """Counts each request under its principal; /health is free, so that watching a server costs its users nothing."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self.app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/health":
            self._limits.spend(kind_of(scope["method"], scope["path"]), scope["state"]["principal"].limited_as)
        await self.app(scope, receive, send)
