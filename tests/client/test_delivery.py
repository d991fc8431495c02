"""Kept writes reach their server in order and once, whoever delivers them, and whatever comes between."""

import multiprocessing
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_client.delivery import Courier, Flushed
from memory_client.errors import OutboxError
from memory_client.journal import FORMAT
from memory_client.outbox import Entry, written
from memory_client.target import Target
from support.disks import fill, small_disk
from support.ledger import Ledger, ledger, problem
from support.sockets import free_port

KEY = "s3cret"


def a_target(data_dir: Path, port: int, key: str | None = None) -> Target:
    url = f"http://127.0.0.1:{port}"
    return Target(url=url, key=key, client_id="laptop", project=None, data_dir=str(data_dir))


def a_write(text: str, **headers: str) -> Entry:
    return written("add", "POST", "/memories", headers, f'{{"content":"{text}"}}'.encode())


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def courier(tmp_path: Path, port: int) -> Courier:
    return Courier(a_target(tmp_path, port), version="1")


@pytest.fixture
def waiting(courier: Courier) -> list[Entry]:
    """Kept by another process."""
    entries = [a_write(f"m{number}") for number in range(5)]
    for entry in entries:
        courier.outbox.keep(entry)
    return entries


@pytest.fixture
def server(port: int, waiting: list[Entry]) -> Iterator[Ledger]:
    """It comes back after the writes have been kept."""
    with ledger(port) as (found, _):
        yield found


def texts(entries: list[Entry]) -> list[str]:
    return [entry.what for entry in entries]


ALL = [f"add: m{number}" for number in range(5)]


def test_all_are_delivered_in_order(courier: Courier, server: Ledger) -> None:
    flushed = courier.flush()

    assert server.done == ALL
    assert texts([entry for entry, _ in flushed.delivered]) == ALL
    assert (flushed.left, flushed.why) == (0, None)
    assert courier.outbox.empty()
    assert courier.flush().delivered == []


def test_who_asked_and_for_which_project_is_as_it_was(tmp_path: Path, port: int) -> None:
    Courier(a_target(tmp_path, port), version="1").keep(
        a_write("m", **{"X-Client-ID": "desk", "X-Project-ID": "shop"}), "away"
    )
    with ledger(port, key=KEY) as (server, _):
        Courier(a_target(tmp_path, port, KEY), version="1").flush()

    (request,) = server.requests
    assert (request["x-client-id"], request["x-project-id"], request["x-api-key"]) == ("desk", "shop", KEY)


def test_while_the_server_is_away_all_stay(courier: Courier, waiting: list[Entry]) -> None:
    flushed = courier.flush()

    assert flushed.left == 5
    assert flushed.why is not None
    assert "connection refused" in flushed.why


def test_an_answer_that_was_lost_does_not_do_it_twice(courier: Courier, server: Ledger) -> None:
    server.losing = 2
    while courier.flush().why is not None:
        pass

    assert server.done == ALL
    assert server.replayed == 2


def test_a_refused_write_holds_up_nobody(courier: Courier, server: Ledger) -> None:
    server.fault = lambda text: problem(404, "not-found", "no memory m1") if text == "add: m1" else None
    flushed = courier.flush()

    assert server.done == [ALL[0], *ALL[2:]]
    assert [(entry.what, entry.refusal) for entry in flushed.refused] == [("add: m1", "no memory m1")]
    assert courier.outbox.waiting() == []
    assert texts(courier.outbox.entries()) == ["add: m1"]
    assert courier.before(a_write("next")) is None


@pytest.mark.parametrize(
    "answer",
    [
        problem(401, "unauthorized", "no such key"),
        problem(403, "forbidden", "read only"),
        problem(507, "storage-full", "the disk is full"),
        problem(500, "internal", "our fault"),
        (502, {"Content-Type": "text/html"}, b"<html>"),
        (200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"),
    ],
)
def test_what_passes_stops_the_delivery_and_everything_stays_in_order(
    courier: Courier, server: Ledger, answer: tuple[int, dict[str, str], bytes]
) -> None:
    server.fault = lambda text: answer if text == "add: m2" else None
    flushed = courier.flush()
    assert (len(flushed.delivered), flushed.left, flushed.refused) == (2, 3, [])
    assert flushed.no_key == (answer[0] in (401, 403))

    server.fault = lambda _: None
    courier.flush()
    assert server.done == ALL


def test_a_server_that_wants_a_pause_gets_it(courier: Courier, server: Ledger) -> None:
    answers = iter([problem(429, "rate-limited", "slow down", **{"Retry-After": "1"})])
    server.fault = lambda _: next(answers, None)
    flushed = courier.flush()

    assert server.done == ALL
    assert flushed.why is None


def test_a_pause_that_is_too_long_ends_the_delivery(courier: Courier, server: Ledger) -> None:
    server.fault = lambda _: problem(429, "rate-limited", "slow down", **{"Retry-After": "900"})
    flushed = courier.flush(within_s=1)

    assert (flushed.left, flushed.pause_s) == (5, 900)


def test_a_new_write_lets_the_kept_ones_go_first(courier: Courier, server: Ledger) -> None:
    assert courier.before(a_write("next")) is None
    assert server.done == ALL


def test_a_new_write_queues_up_while_the_server_is_away(courier: Courier, waiting: list[Entry]) -> None:
    kept = courier.before(a_write("next"))

    assert kept is not None
    assert kept.waiting == 6
    assert "after the 5 kept before it" in str(kept)
    assert texts(courier.outbox.waiting()) == [*ALL, "add: next"]


def test_a_new_write_does_not_overtake_what_another_process_delivers(courier: Courier, waiting: list[Entry]) -> None:
    turn = courier.outbox.sending()
    assert turn.acquire()
    try:
        kept = courier.before(a_write("next"))
    finally:
        turn.release()

    assert kept is not None
    assert "another process is delivering" in kept.why


def test_a_server_that_was_away_just_now_is_not_asked_for_each_write(
    courier: Courier, waiting: list[Entry], port: int
) -> None:
    courier.flush()
    with ledger(port) as (server, _):
        assert courier.before(a_write("at once")) is not None
        assert server.requests == []
        courier.server_is_back()
        assert courier.before(a_write("then")) is None
        assert server.done == [*ALL, "add: at once"]


def test_when_nothing_can_be_kept_the_write_fails_with_both_reasons(tmp_path: Path, port: int) -> None:
    (tmp_path / "data").write_text("in the way")
    courier = Courier(a_target(tmp_path / "data", port), version="1")

    with pytest.raises(OutboxError, match=r"it is away; and it could not be kept on this machine: .* is not a folder"):
        courier.keep(a_write("m"), "it is away")


def test_what_a_newer_version_has_kept_does_not_stop_what_can_be_sent(courier: Courier) -> None:
    path = Path(courier.outbox.path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"memory-outbox %d x\n%s\n" % (FORMAT + 1, b"x" * 100))

    assert courier.before(a_write("m")) is None
    with pytest.raises(OutboxError, match="newer version"):
        courier.keep(a_write("m"), "away")


def keep_for_ever(courier: Courier) -> None:
    while True:
        courier.keep(a_write(f"{uuid.uuid4().hex} {'x' * 500}"), "away")


def test_on_a_full_disk_what_was_delivered_is_still_delivered_once(tmp_path: Path, port: int) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        courier = Courier(a_target(disk, port), version="1")
        for text in ("m0", "m1", "m2"):
            courier.keep(a_write(text), "away")
        fill(disk / "filling")
        with pytest.raises(OutboxError, match="is full"):
            keep_for_ever(courier)
        kept = len(courier.outbox.waiting())

        with ledger(port) as (server, _):
            first = courier.flush()
            (disk / "filling").unlink()
            courier.flush()

    assert server.done[:3] == ALL[:3]
    assert len(server.done) == len(set(server.done)) == kept
    assert first.why is None or "cannot be noted" in first.why


def _flush(target: tuple[str, int]) -> list[str]:
    courier = Courier(a_target(Path(target[0]), target[1]), version="1")
    return texts([entry for entry, _ in courier.flush(turn_within_s=60).delivered])


def test_two_that_deliver_at_once_deliver_each_once(tmp_path: Path, port: int) -> None:
    courier = Courier(a_target(tmp_path, port), version="1")
    for number in range(40):
        courier.keep(a_write(f"m{number}"), "away")
    context = multiprocessing.get_context("spawn")
    with ledger(port) as (server, _), context.Pool(3) as pool:
        delivered = pool.map(_flush, [(str(tmp_path), port)] * 3)

    assert server.done == [f"add: m{number}" for number in range(40)]
    assert server.replayed == 0
    assert [text for texts in delivered for text in texts] == server.done


_DELIVER = """
import sys
from memory_client.delivery import Courier
from memory_client.target import Target
target = Target(url=sys.argv[2], key=None, client_id="x", project=None, data_dir=sys.argv[1])
Courier(target, version="1").flush(turn_within_s=60)
"""


@pytest.mark.slow
def test_one_that_is_killed_while_it_delivers_loses_nothing_and_does_nothing_twice(tmp_path: Path, port: int) -> None:
    courier = Courier(a_target(tmp_path, port), version="1")
    entries = 60
    for number in range(entries):
        courier.keep(a_write(f"m{number}"), "away")
    with ledger(port) as (server, url):
        rounds = 0
        while courier.outbox.waiting():
            server.reached.clear()
            process = subprocess.Popen([sys.executable, "-c", _DELIVER, str(tmp_path), url])
            if rounds < 25:
                server.reached.wait(60)
                threading.Event().wait(rounds % 5 / 1000)  # another moment each time
                process.kill()
            process.wait()
            rounds += 1

    assert server.done == [f"add: m{number}" for number in range(entries)]


def test_what_became_of_them_is_told(courier: Courier, server: Ledger) -> None:
    told: list[Flushed] = []
    courier.tell = told.append
    courier.before(a_write("next"))

    assert [len(flushed.delivered) for flushed in told] == [5]
