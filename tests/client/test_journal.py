"""The file under the outbox: what was acknowledged is there, whatever ended the writer."""

import json
import multiprocessing
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from memory_client.errors import OutboxError
from memory_client.journal import FORMAT, Journal, framed
from support.disks import make_read_only, small_disk
from support.platforms import posix_only


def journal(path: Path) -> Journal:
    return Journal(str(path), "http://memory.lan")


def appended(path: Path, *numbers: int) -> None:
    for number in numbers:
        with journal(path) as file:
            file.append({"n": number})


def numbers(path: Path) -> list[object]:
    with journal(path) as file:
        return [record["n"] for record in file.records]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "outbox" / "x.log"


def test_records_are_read_in_the_order_in_which_they_were_written(path: Path) -> None:
    appended(path, 1, 2, 3)

    assert numbers(path) == [1, 2, 3]


@posix_only("files have no modes there")
def test_only_its_owner_may_read_it(path: Path) -> None:
    appended(path, 1)
    path.chmod(0o644)
    appended(path, 2)

    modes = {stat.S_IMODE(p.stat().st_mode) for p in (path, *path.parent.glob("*"))}
    assert modes == {0o600}
    assert {stat.S_IMODE(p.stat().st_mode) for p in path.parents[:2]} == {0o700}


def test_every_beginning_of_the_file_holds_what_was_acknowledged_by_then(path: Path) -> None:
    """A crash may leave any beginning of what was being written; the next writer goes on from there."""
    ends = []
    for number in range(4):
        appended(path, number)
        ends.append(path.stat().st_size)
    whole = path.read_bytes()

    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        acknowledged = sum(end <= size for end in ends)
        assert numbers(path) == list(range(acknowledged)), size
        appended(path, 9)
        assert numbers(path) == [*range(acknowledged), 9], size


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"0badc0de {", b"\xff\xfe", b"\0" * 100 + b"\n"])
def test_what_a_power_cut_leaves_at_the_end_harms_nothing(path: Path, tail: bytes) -> None:
    appended(path, 1)
    with path.open("ab") as file:
        file.write(tail)
    appended(path, 2)

    assert numbers(path) == [1, 2]


def test_a_damaged_line_is_passed_over_and_stays(path: Path) -> None:
    appended(path, 1, 2, 3)
    path.write_bytes(path.read_bytes().replace(b'{"n":2}', b'{"n":7}'))

    assert numbers(path) == [1, 3]
    with journal(path) as file:
        assert len(file.damaged) == 1
        file.replace(file.records)
    assert b'{"n":7}' in path.read_bytes()
    assert numbers(path) == [1, 3]


def test_a_file_of_a_newer_version_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir(parents=True)
    content = b"memory-outbox %d http://memory.lan\nwhatever\n" % (FORMAT + 1)
    path.write_bytes(content)

    with pytest.raises(OutboxError, match="newer version"):
        appended(path, 1)
    assert path.read_bytes() == content


def test_another_file_in_its_place_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"Dear diary\n")

    with pytest.raises(OutboxError, match="is no outbox"):
        appended(path, 1)
    assert path.read_bytes() == b"Dear diary\n"


def test_a_folder_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")

    with pytest.raises(OutboxError, match="is not a folder"):
        appended(tmp_path / "data" / "outbox" / "x.log", 1)


def test_a_disk_that_turned_read_only_is_a_sentence(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        appended(disk / "outbox" / "x.log", 1)
        make_read_only(disk)
        with pytest.raises(OutboxError, match="read-only"):
            appended(disk / "outbox" / "x.log", 2)


def _append_until_full(path: Path) -> int:
    for number in range(1000):
        try:
            with journal(path) as file:
                file.append({"n": number, "filling": "x" * 5000})
        except OutboxError as error:
            assert "is full" in str(error)  # noqa: PT017 - how many went before is what matters
            return number
    raise AssertionError("the disk took everything")


def test_on_a_full_disk_a_record_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        path = disk / "outbox" / "x.log"
        kept = _append_until_full(path)

        assert kept > 100
        assert numbers(path) == list(range(kept))
        with journal(path) as file:
            file.replace([])
        appended(path, 1)
        assert numbers(path) == [1]


def _append_in_vain(file: Journal) -> None:
    os.close(file._file)
    file._file = os.open(file.path, os.O_RDONLY)
    file.append({"n": 2})


def test_a_write_that_failed_leaves_nothing_behind(path: Path) -> None:
    appended(path, 1)
    before = path.read_bytes()

    with pytest.raises(OutboxError, match="cannot be used"), journal(path) as file:
        _append_in_vain(file)

    assert path.read_bytes() == before


def _append_many(path: Path, first: int) -> None:
    for number in range(first, first + 50):
        appended(path, number)


def test_two_writers_at_once_lose_nothing(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(path, first)) for first in (0, 100, 200)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    found = numbers(path)
    assert sorted(found, key=str) == sorted([*range(50), *range(100, 150), *range(200, 250)], key=str)
    for first in (0, 100, 200):  # each writer's own are in its order
        assert [n for n in found if isinstance(n, int) and first <= n < first + 50] == list(range(first, first + 50))


_WRITER = """
import sys
from memory_client.journal import Journal
number = int(sys.argv[2])
while True:
    with Journal(sys.argv[1], "http://memory.lan") as journal:
        record = {"n": number, "filling": "x" * 3000}
        if number % 7:
            journal.append(record)
        else:  # the whole file anew
            journal.replace([*journal.records, record])
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
    number += 1
"""


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_loses_nothing_that_it_acknowledged(path: Path) -> None:
    following = 0
    for round_ in range(40):
        process = subprocess.Popen([sys.executable, "-c", _WRITER, str(path), str(following)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout as said:
            lines = [said.readline() for _ in range(round_ % 5)]
            process.kill()
            lines += said.readlines()
            process.wait()
        acknowledged = following + sum(line.endswith(b"\n") for line in lines)
        found = numbers(path)
        assert found == list(range(len(found)))
        assert len(found) >= acknowledged
        following = len(found)


def test_a_line_is_a_checksum_and_json(path: Path) -> None:
    line = framed({"text": "ü\n\u2028\ud800"})

    checksum, _, document = line.partition(b" ")
    assert len(checksum) == 8
    assert line.count(b"\n") == 1
    assert json.loads(document.decode("utf-8", "surrogatepass"))["text"] == "ü\n\u2028\ud800"
