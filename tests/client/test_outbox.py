"""What the outbox holds agrees with a list, whatever is done to it, by whomever, and however it is interrupted."""

import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from memory_client import outbox as module
from memory_client.errors import OutboxError
from memory_client.journal import FORMAT
from memory_client.outbox import Entry, Outbox, outbox_of, outboxes, written
from memory_client.target import resolve_target

URL = "http://memory.lan:8420"


def a_write(text: str = "We deploy on Fridays", **headers: str) -> Entry:
    return written("add", "POST", "/memories", headers, f'{{"type":"fact","content":"{text}"}}'.encode())


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(str(tmp_path), URL)


def test_a_kept_write_is_the_request_that_it_was(outbox: Outbox) -> None:
    entry = a_write("Grüße\\n", **{"X-Client-ID": "laptop", "X-Project-ID": "shop"})
    outbox.keep(entry)

    (kept,) = Outbox(str(Path(outbox.path).parents[1]), URL).entries()
    assert kept.record() == entry.record()
    assert kept.headers == {"X-Client-ID": "laptop", "X-Project-ID": "shop", "Idempotency-Key": entry.key}
    assert kept.what == "add: Grüße"


def test_each_write_has_a_key_of_its_own() -> None:
    assert a_write().key != a_write().key


def test_nothing_is_made_before_something_is_kept(outbox: Outbox) -> None:
    assert outbox.empty()
    assert outbox.waiting() == []
    assert outbox.news() == []
    assert not Path(outbox.path).parent.exists()


def test_when_all_is_delivered_nothing_of_it_is_left_in_the_file(outbox: Outbox) -> None:
    entries = [a_write("secret plans") for _ in range(3)]
    for entry in entries:
        outbox.keep(entry)
    for entry in entries:
        outbox.settle(entry)

    assert outbox.empty()
    assert b"secret plans" not in Path(outbox.path).read_bytes()


def test_a_refused_write_stands_aside_and_is_told_of_once(outbox: Outbox) -> None:
    entries = [a_write(), a_write()]
    for entry in entries:
        outbox.keep(entry)
    outbox.refuse(entries[0], "no memory 1a2b")

    assert [entry.key for entry in outbox.waiting()] == [entries[1].key]
    assert [entry.refusal for entry in outbox.news()] == ["no memory 1a2b"]
    assert outbox.news() == []
    assert [entry.refusal for entry in outbox.entries()] == ["no memory 1a2b", None]


def test_when_it_is_full_a_write_is_refused_and_nothing_is_dropped(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 3)
    kept = [a_write() for _ in range(3)]
    for entry in kept:
        outbox.keep(entry)

    with pytest.raises(OutboxError, match=r"3 writes are kept for http://memory\.lan:8420 already; deliver them"):
        outbox.keep(a_write())
    assert [entry.key for entry in outbox.entries()] == [entry.key for entry in kept]


def test_what_was_delivered_counts_for_nothing(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 5000)
    outbox.keep(a_write("stays"))
    for _ in range(40):
        passing = a_write("x" * 1000)
        outbox.keep(passing)
        outbox.settle(passing)

    assert [entry.what for entry in outbox.entries()] == ["add: stays"]
    with pytest.raises(OutboxError, match="MB are kept"):
        outbox.keep(a_write("x" * 6000))


def test_every_server_has_an_outbox_of_its_own(tmp_path: Path) -> None:
    names = ["local", URL, "http://memory.lan", f"http://{'long' * 100}.lan/a", f"http://{'long' * 100}.lan/b"]
    for name in names:
        Outbox(str(tmp_path), name).keep(a_write(name))

    found, unreadable = outboxes(str(tmp_path))
    assert sorted(box.server for box in found) == sorted(names)
    assert all(box.waiting()[0].what == a_write(box.server).what for box in found)
    assert unreadable == []


def test_a_file_that_cannot_be_read_does_not_hide_the_others(outbox: Outbox, tmp_path: Path) -> None:
    outbox.keep(a_write())
    Path(outbox.path).with_name("newer.log").write_bytes(b"memory-outbox %d x\n" % (FORMAT + 1))

    found, (sentence,) = outboxes(str(tmp_path))
    assert [box.server for box in found] == [URL]
    assert "newer version" in sentence


def test_a_turn_that_cannot_be_taken_is_an_error_of_the_outbox(outbox: Outbox) -> None:
    """Whatever asks for it answers such an error in words: the write itself is kept or tried all the same."""
    Path(f"{outbox.path}.sending").mkdir(parents=True)

    with pytest.raises(OutboxError, match="cannot be used"):
        outbox.taken(outbox.sending(), within_s=0)


def test_the_key_of_the_server_is_in_no_file(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "MEMORY_SERVER": URL, "MEMORY_API_KEY": "s3cret-key", "MEMORY_PROJECT": "shop"}
    target = resolve_target(environ)
    outbox = outbox_of(target)
    outbox.keep(a_write(**target.identity_headers()))

    assert Path(outbox.path).is_relative_to(tmp_path / ".claude-memory" / "outbox")
    content = Path(outbox.path).read_bytes()
    assert b"shop" in content
    assert b"s3cret" not in content


def test_a_clock_that_was_set_back_does_not_change_the_order(outbox: Outbox) -> None:
    first, second = a_write("first"), a_write("second")
    second.at = time.time() - 1e6
    outbox.keep(first)
    outbox.keep(second)

    assert [entry.what for entry in outbox.waiting()] == ["add: first", "add: second"]


class OutboxAgreesWithAList(RuleBasedStateMachine):
    """Any sequence of operations, each by a process that has just started, some after a crash in mid-write."""

    written = Bundle("written")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._list: dict[str, str | None] = {}

    @property
    def outbox(self) -> Outbox:
        return Outbox(self._folder.name, URL)

    @rule(target=written, text=st.text("ab\u2028ü", max_size=3))
    def keep(self, text: str) -> Entry:
        entry = a_write(text)
        assert self.outbox.keep(entry) == 1 + sum(refusal is None for refusal in self._list.values())
        self._list[entry.key] = None
        return entry

    @rule(entry=consumes(written))
    def settle(self, entry: Entry) -> None:
        self.outbox.settle(entry)
        self._list.pop(entry.key, None)

    @rule(entry=written)
    def refuse(self, entry: Entry) -> None:
        self.outbox.refuse(entry, "no")
        if entry.key in self._list:
            self._list[entry.key] = "no"

    @rule()
    def drop_all(self) -> None:
        self.outbox.drop(self._list)
        self._list.clear()

    @rule(entry=consumes(written))
    def drop(self, entry: Entry) -> None:
        self.outbox.drop([entry.key])
        self._list.pop(entry.key, None)

    @rule(torn=st.binary(min_size=1, max_size=20).filter(lambda torn: b"\n" not in torn))
    def crash_in_mid_write(self, torn: bytes) -> None:
        if Path(self.outbox.path).exists():
            with Path(self.outbox.path).open("ab") as file:
                file.write(torn)

    @invariant()
    def agrees(self) -> None:
        assert {entry.key: entry.refusal for entry in self.outbox.entries()} == self._list
        assert [entry.key for entry in self.outbox.entries()] == list(self._list)

    def teardown(self) -> None:
        self._folder.cleanup()


TestOutboxAgreesWithAList = OutboxAgreesWithAList.TestCase
TestOutboxAgreesWithAList.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
