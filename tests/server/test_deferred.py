"""What is made beside the first requests is waited for by those who use it, and by nobody else."""

import contextlib
import threading
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from memory_server.deferred import Deferred, Endpoint


class Echo:
    entered = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.entered = True
        yield
        self.entered = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert (self.entered, scope["type"], callable(receive)) == (True, "http", True)
        await send({"type": "echo"})


async def ask(deferred: Deferred) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    await deferred({"type": "http"}, receive, send)
    return sent


async def test_a_request_waits_until_the_endpoint_is_there() -> None:
    may_be_made = threading.Event()
    echo = Echo()

    def make() -> Endpoint:
        may_be_made.wait(30)
        return echo

    deferred = Deferred(make)
    async with deferred.running():
        assert not echo.entered
        may_be_made.set()
        assert await ask(deferred) == [{"type": "echo"}]
        assert await ask(deferred) == [{"type": "echo"}]
    assert not echo.entered


async def test_an_endpoint_that_cannot_be_made_fails_every_request_and_nothing_else() -> None:
    def make() -> Endpoint:
        raise ImportError("a part is missing")

    deferred = Deferred(make)
    async with deferred.running():
        for _ in range(2):
            with pytest.raises(ImportError, match="a part is missing"):
                await ask(deferred)


async def test_before_the_start_nothing_is_answered() -> None:
    with pytest.raises(RuntimeError):
        await ask(Deferred(Echo))
