"""An answer is given again for a while, and asked for once however many want it."""

import asyncio

import pytest

from memory_server.remembered import Remembered


async def test_it_is_asked_once_for_all_who_come_until_its_time_is_over() -> None:
    asked: list[int] = []
    now = [0.0]

    async def ask() -> int:
        asked.append(len(asked))
        await asyncio.sleep(0)
        return len(asked)

    remembered = Remembered(ask, keep_s=10, clock=lambda: now[0])

    assert await asyncio.gather(*(remembered.get() for _ in range(5))) == [1] * 5
    now[0] = 9.9
    assert await remembered.get() == 1
    now[0] = 10.0
    assert await remembered.get() == 2


async def test_an_error_reaches_who_asked_and_is_not_kept() -> None:
    answers = iter([ValueError("not now"), "then"])

    async def ask() -> str:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    remembered = Remembered(ask, keep_s=10)

    with pytest.raises(ValueError, match="not now"):
        await remembered.get()
    assert await remembered.get() == "then"


async def test_who_leaves_ends_nobody_elses_wait() -> None:
    may_answer = asyncio.Event()

    async def ask() -> str:
        await may_answer.wait()
        return "there"

    remembered = Remembered(ask, keep_s=10)
    leaving, staying = asyncio.create_task(remembered.get()), asyncio.create_task(remembered.get())
    await asyncio.sleep(0)
    leaving.cancel()
    may_answer.set()

    assert await staying == "there"
    with pytest.raises(asyncio.CancelledError):
        await leaving
