"""Keys in their file: what is kept of them, what is never kept, and what is made of a file that is not as it was."""

import asyncio
import contextlib
import multiprocessing
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memory_core.errors import ConflictError, InvalidError, NotFoundError, StorageFullError, UnavailableError
from memory_core.keys import KeyScope, NewKey, Rotation
from memory_server.access_file import MIGRATIONS
from memory_server.auth import OneKey
from memory_server.key_store import KeyStore
from memory_server.key_uses import KeyUses
from memory_server.keyring import Keys
from support.disks import fill, make_read_only, small_disk
from support.platforms import closed_to_others, posix_only

START = datetime(2026, 11, 25, 18, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> KeyStore:
    return KeyStore(tmp_path, clock=clock)


@pytest.fixture
def keys(store: KeyStore) -> Iterator[Keys]:
    made = Keys(OneKey(None), store)
    yield made
    assert made._lookup is not None
    made._lookup.close()  # alone: `close` would note when keys were used, in a file that a test has spoilt


def make(store: KeyStore, name: str, scope: KeyScope = KeyScope.WRITE, **fields: object) -> str:
    return store.create(NewKey(name=name, scope=scope, **fields)).key  # type: ignore[arg-type]


def test_a_folder_without_keys_is_open_and_stays_as_it_is(keys: Keys, tmp_path: Path) -> None:
    assert keys.is_open
    assert keys.principal("anything") is None
    assert keys.store is not None
    assert keys.store.list().count == 0
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_of_a_key_is_not_the_key(store: KeyStore, tmp_path: Path) -> None:
    key = make(store, "laptop", projects=("shop", ""), client_id="laptop", expires_at=START + DAY, max_memories=5)

    (kept,) = store.list().keys
    assert (kept.name, kept.scope, kept.projects, kept.client_id) == ("laptop", "write", ("shop", ""), "laptop")
    assert (kept.created_at, kept.expires_at, kept.last_used_at) == (START, START + DAY, None)
    assert (kept.max_memories, kept.max_bytes) == (5, None)
    for file in tmp_path.iterdir():
        assert key[4:].encode() not in file.read_bytes()
        assert closed_to_others(file)


def test_no_name_is_used_twice_also_not_in_other_letters_or_after_its_end(store: KeyStore) -> None:
    make(store, "laptop")
    store.revoke("laptop")

    for name in ("laptop", "Laptop"):
        with pytest.raises(ConflictError, match="no name is used twice; choose another"):
            make(store, name)
    with pytest.raises(NotFoundError, match="there is no key 'desktop'"):
        store.revoke("desktop")


def test_an_end_is_checked_at_each_request(store: KeyStore, keys: Keys, clock: Clock) -> None:
    key = make(store, "guest", expires_at=START + HOUR)

    assert keys.principal(key) is not None
    clock.now = START + HOUR
    assert keys.principal(key) is None
    assert not keys.is_open
    with pytest.raises(InvalidError, match="is over; name a time to come"):
        make(store, "late", expires_at=clock.now)


def test_a_rotated_key_and_the_one_before_both_work_until_the_overlap_is_over(
    store: KeyStore, keys: Keys, clock: Clock
) -> None:
    first = make(store, "laptop", projects=("shop",))
    second = store.rotate("laptop", Rotation(overlap_s=3600)).key

    old, new = keys.principal(first), keys.principal(second)
    assert old is not None
    assert new is not None
    assert (old.key_hint, old.projects, old.replaced, old.expires_at) == ("laptop", ("shop",), True, START + HOUR)
    assert (new.key_hint, new.projects, new.replaced, new.expires_at) == ("laptop", ("shop",), False, None)
    assert [secret.ends_at for secret in store.list().keys[0].secrets] == [None, START + HOUR]
    clock.now += HOUR
    assert keys.principal(first) is None
    assert keys.principal(second) is not None


def test_a_second_rotation_gives_nobody_more_time_and_cuts_nobody_off(
    store: KeyStore, keys: Keys, clock: Clock
) -> None:
    """Whoever lost the answer of the first rotation rotates again; the machines still have the key before both."""
    first = make(store, "laptop")
    second = store.rotate("laptop", Rotation(overlap_s=3600)).key
    third = store.rotate("laptop", Rotation(overlap_s=7200)).key

    assert all(keys.principal(key) for key in (first, second, third))
    clock.now += HOUR
    assert [bool(keys.principal(key)) for key in (first, second, third)] == [False, True, True]


def test_without_an_overlap_what_was_sent_before_ends_at_once(store: KeyStore, keys: Keys) -> None:
    first = make(store, "laptop")
    second = store.rotate("laptop", Rotation()).key
    third = store.rotate("laptop", Rotation(overlap_s=0)).key

    assert [bool(keys.principal(key)) for key in (first, second, third)] == [False, False, True]


def test_a_new_end_does_not_wake_what_had_expired(store: KeyStore, keys: Keys, clock: Clock) -> None:
    old = make(store, "guest", expires_at=START + HOUR)
    clock.now = START + DAY

    with pytest.raises(ConflictError, match="has expired; say until when"):
        store.rotate("guest", Rotation())
    new = store.rotate("guest", Rotation(expires_at=clock.now + DAY)).key

    assert keys.principal(old) is None
    assert keys.principal(new) is not None


def test_a_revoked_key_cannot_be_rotated_and_is_revoked_once(store: KeyStore, keys: Keys, clock: Clock) -> None:
    key = make(store, "laptop")
    revoked = store.revoke("laptop")
    clock.now += HOUR

    assert store.revoke("laptop") == revoked
    assert revoked.revoked_at == START
    with pytest.raises(ConflictError, match="was revoked, and stays so"):
        store.rotate("laptop", Rotation())
    assert keys.principal(key) is None
    assert not keys.is_open, "to revoke the last key must not open the server"


def test_the_last_admin_is_spared_where_that_is_asked_for(store: KeyStore, clock: Clock) -> None:
    with pytest.raises(ConflictError, match="the first key must be one of scope admin"):
        store.create(NewKey(name="laptop"), spare_admins=True)
    make(store, "boss", KeyScope.ADMIN)
    make(store, "deputy", KeyScope.ADMIN, expires_at=START + HOUR)
    clock.now = START + HOUR

    with pytest.raises(ConflictError, match="boss is the last key that may administer this server"):
        store.revoke("boss", spare_admins=True)
    assert store.revoke("deputy", spare_admins=True).revoked_at == clock.now
    assert store.revoke("boss").revoked_at == clock.now


async def test_when_a_key_was_used_is_noted_later_and_in_one_go(store: KeyStore, keys: Keys, clock: Clock) -> None:
    first = make(store, "laptop")
    second = store.rotate("laptop", Rotation()).key
    make(store, "idle")
    keys.principal(first)
    clock.now += HOUR
    keys.principal(second)
    keys.principal("nobody's")
    before = store.list().keys[0]

    await keys.note_used()

    laptop, idle = store.list().keys
    assert before.last_used_at is None
    assert (laptop.last_used_at, idle.last_used_at) == (START + HOUR, None)
    assert [secret.last_used_at for secret in laptop.secrets] == [START + HOUR, START]


class HeardUses(KeyUses):
    """Tells when something was noted."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.loop, self.noted = asyncio.get_running_loop(), asyncio.Event()

    def add(self, used: Mapping[tuple[str, str], datetime]) -> None:
        super().add(used)
        self.loop.call_soon_threadsafe(self.noted.set)


async def test_a_use_is_noted_without_being_asked_for(store: KeyStore, keys: Keys, tmp_path: Path) -> None:
    store.uses = uses = HeardUses(tmp_path)
    noting = asyncio.create_task(keys.keep_noting(every_s=0))
    keys.principal(make(store, "laptop"))

    await uses.noted.wait()

    noting.cancel()
    assert store.list().keys[0].last_used_at == START


def _make_many(folder: Path, letter: str) -> None:
    for number in range(20):
        KeyStore(folder).create(NewKey(name=f"{letter}{number}"))


def test_processes_that_make_keys_at_once_lose_none(tmp_path: Path) -> None:
    """The file itself is made by one of them."""
    spawn = multiprocessing.get_context("spawn")
    makers = [spawn.Process(target=_make_many, args=(tmp_path / "data", letter)) for letter in "abc"]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()

    assert [maker.exitcode for maker in makers] == [0, 0, 0]
    assert KeyStore(tmp_path / "data").list().count == 60


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _spoilt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[:100] = b"x" * 100
    path.write_bytes(content)


def _without_its_tables(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE secrets")


def _newer(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_empty, "holds the keys and is damaged (it is empty): nobody gets in by one of them"),
        (_spoilt, "is damaged (file is not a database)"),
        (_without_its_tables, "is damaged (no such table: secrets)"),
        (_newer, "newer than this program knows (1); upgrade the program"),
    ],
)
def test_a_file_that_is_not_as_it_was_lets_nobody_in(
    store: KeyStore, keys: Keys, harm: Callable[[Path], None], said: str
) -> None:
    key = make(store, "laptop")
    harm(store.file.path)

    with pytest.raises(UnavailableError) as refused:
        keys.principal(key)

    assert said in str(refused.value)
    assert not keys.is_open
    with pytest.raises(UnavailableError):
        store.create(NewKey(name="another"))


@posix_only("a file that is open cannot be removed there")
def test_a_file_that_vanishes_closes_the_server_until_it_is_back(store: KeyStore, keys: Keys, tmp_path: Path) -> None:
    key = make(store, "laptop")
    assert keys.principal(key) is not None
    shutil.copytree(tmp_path, tmp_path / "copy")
    for file in tmp_path.glob("access.sqlite*"):
        file.unlink()

    with pytest.raises(UnavailableError, match="is gone, so nobody gets in by one of its keys"):
        keys.principal(key)
    assert not keys.is_open

    for file in (tmp_path / "copy").glob("access.sqlite*"):
        shutil.copy(file, tmp_path / file.name)
    assert keys.principal(key) is not None


def test_a_new_file_takes_nothing_from_what_was_left_of_one_that_was_moved_away(store: KeyStore, keys: Keys) -> None:
    old = make(store, "old")
    with contextlib.closing(sqlite3.connect(store.file.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_spill = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE keys SET revoked_at = created_at")
        journal = store.file.path.with_name("access.sqlite-journal")
        left = journal.read_bytes()
    store.file.path.rename(store.file.path.with_suffix(".away"))
    journal.write_bytes(left)

    new = make(store, "new")

    assert [key.name for key in store.list().keys] == ["new"]
    assert keys.principal(old) is None
    assert keys.principal(new) is not None


async def test_a_disk_that_takes_no_writes_keeps_the_keys_and_says_why_there_is_no_new_one(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        store = KeyStore(disk)
        key = make(store, "laptop")
        keys = Keys(OneKey(None), store)
        fill(disk / "ballast")
        with pytest.raises(StorageFullError, match="is full; make room"):
            make(store, "another")
        assert keys.principal(key) is not None
        await keys.close()
        make_read_only(disk)

        assert keys.principal(key) is not None
        with pytest.raises(UnavailableError, match="its disk must work, and it and its folder must belong"):
            store.revoke("laptop")
        await keys.close()
