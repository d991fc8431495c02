"""A fault of ours is answered without details and logged once with all of them."""

import logging

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from memory_core.errors import InternalError, StorageFullError
from memory_server.problems import ProblemMiddleware


def failing_with(error: Exception) -> httpx.AsyncClient:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    transport = httpx.ASGITransport(app=ProblemMiddleware(app))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.mark.parametrize("error", [ZeroDivisionError("the secret detail"), InternalError("said in words")])
async def test_a_fault_is_logged_once_with_its_traceback(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async with failing_with(error) as http:
        answer = await http.get("/stats")

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "secret" not in answer.text
    (record,) = caplog.records
    assert (record.levelno, record.name) == (logging.ERROR, "memory_server")
    assert record.exc_info


async def test_an_error_that_says_what_to_do_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with failing_with(StorageFullError("the disk is full; make room")) as http:
        answer = await http.get("/stats")

    assert (answer.status_code, answer.json()["detail"]) == (507, "the disk is full; make room")
    assert caplog.records == []


async def test_an_answer_that_has_begun_is_not_answered_twice() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=ProblemMiddleware(app)), base_url="http://localhost"
    ) as http:
        with pytest.raises(ZeroDivisionError):
            await http.get("/stats")
