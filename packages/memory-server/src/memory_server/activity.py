"""How long the server has had nothing to do, for what is done then: upkeep of the store, and leaving in local mode."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from memory_core.errors import MemoryServiceError

log = logging.getLogger("memory_server")

MAINTAIN_AFTER_S = 30.0
WATCHING = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
"""Where others look whether the server works: free of limits, and no reason for it to stay."""


class Activity:
    """Counts requests in flight; `idle_s` is 0 while there is one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._in_flight = 0
        self._last = clock()
        self.served = 0

    @property
    def idle_s(self) -> float:
        return 0.0 if self._in_flight else self._clock() - self._last

    def begin(self) -> None:
        self._in_flight += 1
        self.served += 1

    def end(self) -> None:
        self._in_flight -= 1
        self._last = self._clock()


class ActivityMiddleware:
    """Health checks do not count: watching a server is no reason for it to stay."""

    def __init__(self, app: ASGIApp, *, activity: Activity) -> None:
        self.app = app
        self._activity = activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in WATCHING:
            await self.app(scope, receive, send)
            return
        self._activity.begin()
        try:
            await self.app(scope, receive, send)
        finally:
            self._activity.end()


async def leave_when_idle(activity: Activity, after_s: float, leave: Callable[[], None]) -> None:
    while (left := after_s - activity.idle_s) > 0:  # noqa: ASYNC110 - it is time that is waited for
        await asyncio.sleep(left)
    leave()


async def maintain_when_idle(
    activity: Activity,
    maintain: Callable[[], Awaitable[None]],
) -> None:
    """Once after each stretch of work, when it is over."""
    maintained = -1
    while True:
        await asyncio.sleep(MAINTAIN_AFTER_S)
        if activity.served == maintained or activity.idle_s < MAINTAIN_AFTER_S:
            continue
        maintained = activity.served
        try:
            await maintain()
        except MemoryServiceError as error:
            log.warning("upkeep of the store failed and will be tried again: %s", error)
