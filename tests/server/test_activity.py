"""Idle is measured from the end of the last request, and what waits for it acts once."""

import asyncio

import pytest

from memory_core.errors import UnavailableError
from memory_server import activity as module
from memory_server.activity import Activity, leave_when_idle, maintain_when_idle


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_request_under_way_is_no_idleness() -> None:
    clock = Clock()
    activity = Activity(clock)
    clock.now += 5
    assert activity.idle_s == 5

    activity.begin()
    clock.now += 60
    assert activity.idle_s == 0
    activity.end()
    clock.now += 2
    assert activity.idle_s == 2


async def test_leaving_waits_until_nobody_came_for_that_long() -> None:
    activity = Activity()
    left = asyncio.Event()
    activity.begin()
    leaving = asyncio.create_task(leave_when_idle(activity, 0.01, left.set))
    await asyncio.sleep(0.05)
    assert not left.is_set()

    activity.end()

    await asyncio.wait_for(left.wait(), 30)
    await leaving


async def test_upkeep_comes_once_after_each_stretch_of_work_and_outlives_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAINTAIN_AFTER_S", 0.001)
    activity, calls, done = Activity(), 0, asyncio.Event()

    async def maintain() -> None:
        nonlocal calls
        calls += 1
        done.set()
        if calls == 1:
            raise UnavailableError("not now")

    task = asyncio.create_task(maintain_when_idle(activity, maintain))
    for expected in (1, 2):
        await asyncio.wait_for(done.wait(), 30)
        done.clear()
        assert calls == expected
        await asyncio.sleep(0.02)
        assert calls == expected
        activity.begin()
        activity.end()
    task.cancel()
