"""An endpoint that is made beside the first requests instead of before them.

Importing the MCP SDK takes about a second. A shell command or a hook that had to start its local server should not
wait for what it does not use; who does use it waits until it is there.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from starlette.types import Receive, Scope, Send


class Endpoint(Protocol):
    def running(self) -> AbstractAsyncContextManager[None]: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class Deferred:
    """`make` runs in a thread, so that its imports leave the event loop free."""

    def __init__(self, make: Callable[[], Endpoint]) -> None:
        self._make = make
        self._made: asyncio.Future[Endpoint] | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        made: asyncio.Future[Endpoint] = asyncio.get_running_loop().create_future()
        self._made, leaving = made, asyncio.Event()
        serving = asyncio.create_task(self._serve(made, leaving))
        try:
            yield
        finally:
            leaving.set()
            await serving

    async def _serve(self, made: "asyncio.Future[Endpoint]", leaving: asyncio.Event) -> None:
        try:
            endpoint = await asyncio.to_thread(self._make)
        except Exception as error:  # noqa: BLE001 - raised again in every request
            made.set_exception(error)
            made.exception()  # asked for once, or asyncio complains when no request ever came
            return
        async with endpoint.running():
            made.set_result(endpoint)
            await leaving.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._made is None:
            raise RuntimeError("a request came before the application was started")
        endpoint = await asyncio.shield(self._made)  # one caller who leaves must not end the wait of all
        await endpoint(scope, receive, send)
