"""An answer that is given again for a while, so that asking often costs no more than asking now and then."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """What `ask` gave, for `keep_s` seconds. It is never asked twice at once; what it raises is not kept."""

    def __init__(
        self, ask: Callable[[], Awaitable[T]], *, keep_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._keep_s = keep_s
        self._clock = clock
        self._asking: asyncio.Future[T] | None = None
        self._until = 0.0

    async def get(self) -> T:
        if self._asking is None or (self._asking.done() and (self._failed() or self._clock() >= self._until)):
            self._asking = asyncio.ensure_future(self._asked())
            self._asking.add_done_callback(_seen)
        return await asyncio.shield(self._asking)  # one caller who leaves must not end the wait of all

    def _failed(self) -> bool:
        asked = self._asking
        return asked is not None and (asked.cancelled() or asked.exception() is not None)

    async def _asked(self) -> T:
        answer = await self._ask()
        self._until = self._clock() + self._keep_s
        return answer


def _seen(asked: "asyncio.Future[T]") -> None:
    """Else asyncio complains of an error that reached nobody, when all who asked have left."""
    if not asked.cancelled():
        asked.exception()
