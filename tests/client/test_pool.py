"""Threads for the bridge: never more than the limit, nothing lost, in order where there is one."""

import threading

import pytest

from memory_client.pool import Pool


def nothing_apart() -> int:
    return 0


def test_one_thread_keeps_the_order() -> None:
    pool, done = Pool(1), []
    for number in range(200):
        pool.run(lambda number=number: done.append(number))
    pool.wait(60, apart_from=nothing_apart)

    assert done == list(range(200))


def test_work_runs_at_once_up_to_the_limit_and_what_exceeds_it_waits() -> None:
    pool, together, more = Pool(4), threading.Barrier(5), threading.Event()
    for _ in range(4):
        pool.run(lambda: together.wait(60))
    pool.run(more.set)

    assert not more.is_set()
    together.wait(60)
    assert more.wait(60)


def test_a_thread_is_used_again() -> None:
    pool, names = Pool(8), set()
    for _ in range(20):
        pool.run(lambda: names.add(threading.current_thread().name))
        pool.wait(60, apart_from=nothing_apart)

    assert len(names) == 1


def test_waiting_ends_when_only_what_is_not_wanted_is_left() -> None:
    pool, hang = Pool(2), threading.Event()
    pool.run(lambda: hang.wait(60))
    pool.wait(60, apart_from=lambda: 1)
    pool.wait(0.01, apart_from=nothing_apart)
    hang.set()
    pool.wait(60, apart_from=nothing_apart)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_work_that_fails_costs_no_thread() -> None:
    def fails() -> None:
        raise OSError("no file of this number")

    pool, done = Pool(1), threading.Event()
    pool.run(fails)
    pool.wait(60, apart_from=nothing_apart)
    pool.run(done.set)

    assert done.wait(60)
