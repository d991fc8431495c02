"""Lines through pipes: of any length, in any pieces, from many threads."""

import os
import threading
from collections.abc import Iterator

import pytest

from memory_client import stdio
from memory_client.stdio import LineWriter, lines
from support.platforms import posix_only


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_lines_are_whole_however_they_arrive(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    received = lines(reading)
    os.write(writing, b"one\ntw")
    assert next(received) == b"one"
    os.write(writing, b"o\r\n\nlast")
    os.close(writing)
    assert list(received) == [b"two\r", b"", b"last"]


def test_a_line_may_be_much_longer_than_a_pipe(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    long = b"x" * 3_000_000
    writer = LineWriter(writing)
    threading.Thread(target=lambda: (writer.write(long), os.close(writing))).start()

    assert list(lines(reading)) == [long]


def test_a_line_that_is_too_long_is_told_and_the_next_one_is_read(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdio, "MAX_LINE_BYTES", 100_000)
    reading, writing = pipe
    writer = LineWriter(writing)
    threading.Thread(target=lambda: (writer.write(b"x" * 300_000), writer.write(b"next"), os.close(writing))).start()

    assert list(lines(reading)) == [None, b"next"]


def test_lines_of_many_threads_do_not_mix(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LineWriter(writing)
    written = [bytes([letter]) * 200_000 for letter in b"abcdefgh"]
    threads = [threading.Thread(target=writer.write, args=[line]) for line in written]
    received: list[bytes | None] = []
    reader = threading.Thread(target=lambda: received.extend(lines(reading)))
    for thread in [*threads, reader]:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(writing)
    reader.join()

    assert sorted(line for line in received if line is not None) == written


@posix_only("pipes always block there")
def test_pipes_that_do_not_block_work_too(pipe: tuple[int, int]) -> None:
    """Node gives its children such pipes."""
    reading, writing = pipe
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    long = b"x" * 1_000_000
    writer = LineWriter(writing)
    threading.Thread(target=lambda: (writer.write(long), os.close(writing))).start()

    assert list(lines(reading)) == [long]


def test_a_reader_that_has_gone_is_noticed_and_no_error(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    writer = LineWriter(writing)
    writer.write(b"x")

    assert writer.broken
