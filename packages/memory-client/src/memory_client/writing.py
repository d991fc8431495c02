"""The writing requests of `MemoryClient`: each with a key of its own, and kept on this machine if that was asked for.

Knows httpx by `rest` alone, which whoever catches QueuedError need not load.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from urllib.parse import urlencode

import msgspec

from memory_client.delivery import Courier, Queued
from memory_client.errors import OutboxError
from memory_client.outbox import KEY_HEADER, new_key, written
from memory_client.target import header_text
from memory_core.errors import UnavailableError

if TYPE_CHECKING:
    from memory_client.rest import Rest
    from memory_core.changes import By

P = ParamSpec("P")
T = TypeVar("T")
Params = Sequence[tuple[str, str]]


class AwayError(UnavailableError):
    """No word of the server itself: it is away, or its answer was lost."""


class QueuedError(UnavailableError):
    """Not on the server yet; `queued` is on this machine, and is delivered when the server is back."""

    def __init__(self, queued: Queued) -> None:
        super().__init__(str(queued))
        self.queued = queued


class Writing:
    """`courier` None: a write fails while the server is away. `headers` say who asks, and go with what is kept."""

    def __init__(self, rest: "Rest", courier: Courier | None, headers: Mapping[str, str]) -> None:
        self._rest = rest
        self._courier = courier
        self._headers = {"Accept": "application/json", "Content-Type": "application/json", **headers}

    async def now(
        self, method: str, path: str, answer: type[T], *, body: msgspec.Struct | None = None, params: Params = (),
        headers: Mapping[str, str] | None = None, timeout_s: float | None = None,
    ) -> T:  # fmt: skip
        """What means the store as it is at this moment, and so is never kept. With a key, unless `headers` has one."""
        keyed = {KEY_HEADER: new_key(), **(headers or {})}
        return await self._rest.call(method, path, answer, body=body, params=params, headers=keyed, timeout_s=timeout_s)

    async def soon(
        self, verb: str, method: str, path: str, answer: type[T], *, body: msgspec.Struct | None = None,
        params: Params = (), headers: Mapping[str, str] | None = None,
    ) -> T:  # fmt: skip
        """Now, if the server is there. `verb` is for people. Raises QueuedError with a courier."""
        if self._courier is None:
            return await self.now(method, path, answer, body=body, params=params, headers=headers)
        content = b"" if body is None else msgspec.json.encode(body)
        place = f"{path}?{urlencode(params)}" if params else path
        entry = written(verb, method, place, {**self._headers, **(headers or {})}, content)
        queued = await self._in_thread(self._courier.before, entry)
        if queued is not None:
            raise QueuedError(queued)
        keyed = {**(headers or {}), KEY_HEADER: entry.key}
        try:
            return await self._rest.call(method, path, answer, body=body, params=params, headers=keyed)
        except AwayError as error:
            raise QueuedError(await self._in_thread(self._courier.keep, entry, str(error))) from error

    @staticmethod
    async def _in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(call, *args, **kwargs)
        except OutboxError as error:
            raise UnavailableError(str(error)) from error


def said(by: "By") -> dict[str, str]:
    """What `by` says, as headers. The key is not among them: the server knows whose it is."""
    ago = str(by.ago_s) if by.ago_s else None
    named = {"X-Client-ID": by.client_id, "X-Reason": by.reason, "X-Written-Ago": ago}
    headers = {name: header_text(value) for name, value in named.items() if value is not None}
    return headers if by.request is None else headers | {KEY_HEADER: by.request}
