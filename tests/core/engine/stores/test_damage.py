"""Damaged files: a start refuses what it would have to shorten, in one sentence, and leaves every byte as it is.

Of the log of writes that are not in the file yet (the WAL) DuckDB drops in silence whatever follows a cut.
"""

import contextlib
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from memory_core.engine.ports import Entry, StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore, open_store
from memory_core.errors import UnavailableError
from memory_core.types import Scope
from support.entries import START, edited, entry, probe, trash
from support.platforms import KILLED, closed_to_others

COUNT = 40
WRITER = f"""
import os, sys
from pathlib import Path
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import open_store
from support.entries import entry

store = open_store("", StoreOptions(data_dir=Path(sys.argv[1]), threads=1, min_free_bytes=0))
for number in range({COUNT}):
    store.insert([entry(f"number n{{number}} of many")])
os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store whose process was killed: everything is in the log, one write a memory."""
    folder = tmp_path_factory.mktemp("killed")
    ended = subprocess.run([sys.executable, "-c", WRITER, str(folder)], cwd=Path(__file__).parents[3], check=False)
    assert ended.returncode == KILLED
    return folder


@pytest.fixture
def folder(killed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(killed, tmp_path / "data"))


@pytest.fixture
def log(folder: Path) -> Path:
    return folder / "memories.duckdb.wal"


@pytest.fixture
def file(folder: Path) -> Path:
    return folder / "memories.duckdb"


def opened(folder: Path) -> contextlib.closing[DuckDBStore]:
    return contextlib.closing(open_store("", StoreOptions(data_dir=folder, threads=1, min_free_bytes=0)))


def total(folder: Path) -> int:
    with opened(folder) as store:
        return store.counts(Scope()).total


def refusal(folder: Path) -> str:
    """The sentence; checks that a refused start, and a second one, leave the files alone."""
    before = digests(folder)
    for _ in range(2):
        with pytest.raises(UnavailableError) as caught:
            open_store("", StoreOptions(data_dir=folder, threads=1, min_free_bytes=0))
        assert digests(folder) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def digests(folder: Path) -> dict[str, str]:
    files = [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".lock"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 4
    file.write_bytes(content)


def cut(file: Path, size: int) -> None:
    os.truncate(file, size)


def test_undamaged_it_opens_with_every_write(folder: Path) -> None:
    assert total(folder) == COUNT
    assert total(folder) == COUNT, "also when the log is written into the file"


def test_a_log_that_is_gone_is_missed(folder: Path, log: Path) -> None:
    kept = log.rename(folder.parent / "aside")

    assert "lacks what was acknowledged last" in refusal(folder)

    kept.rename(log)
    assert total(folder) == COUNT


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.6, 0.99])
def test_a_log_cut_short_is_noticed(folder: Path, log: Path, share: float) -> None:
    cut(log, int(log.stat().st_size * share))

    assert "lacks what was acknowledged last" in refusal(folder) or share == 0.001


def test_one_who_accepts_the_loss_goes_on_with_what_is_there(folder: Path, log: Path) -> None:
    cut(log, log.stat().st_size // 2)
    named = re.search(r"remove (\S+)$", refusal(folder))
    assert named is not None

    (folder / named[1]).unlink()

    with opened(folder) as store:
        assert 0 < store.counts(Scope()).total < COUNT
        store.insert([entry("new")])
    assert total(folder) > 1


@pytest.mark.parametrize("seed", range(8))
def test_a_log_with_a_changed_bit_is_refused(folder: Path, log: Path, seed: int) -> None:
    flip(log, random.Random(seed).randrange(log.stat().st_size))

    assert "memories.duckdb" in refusal(folder)


def test_a_last_write_torn_by_a_power_cut_can_be_cut_off_and_nothing_acknowledged_is_missing(
    folder: Path, log: Path
) -> None:
    """As docs/reliability.md has it: cut the log where the message says, and the next start says what that cost."""
    whole = log.stat().st_size
    with log.open("ab") as file:  # the frame of a write that was never acknowledged: its head, and then noise
        file.write((600).to_bytes(8, "little") + random.Random(1).randbytes(608))
    place = re.search(r"byte position (\d+)", refusal(folder))
    assert place is not None

    cut(log, int(place[1]))

    assert whole <= int(place[1]) < whole + 616
    assert total(folder) == COUNT


def test_a_log_with_zeros_or_noise_at_its_end_opens_with_every_write(folder: Path, log: Path) -> None:
    """As file systems leave it that had made a file longer before the power went."""
    with log.open("ab") as file:
        file.write(bytes(5_000))

    assert total(folder) == COUNT


def test_an_older_copy_of_the_file_is_noticed_and_a_backup_is_taken_as_it_is(folder: Path, file: Path) -> None:
    with opened(folder):
        pass  # the log is in the file now
    backup = copied(file)
    older = file.read_bytes()
    with opened(folder) as store:
        store.insert([entry("one more")])

    file.write_bytes(older)
    assert "lacks what was acknowledged last" in refusal(folder)

    shutil.copy(backup, file)
    assert total(folder) == COUNT
    with opened(folder) as store:
        store.insert([entry("after the backup")])
    assert total(folder) == COUNT + 1


def test_a_log_without_its_file_is_not_begun_over(folder: Path, file: Path) -> None:
    kept = file.rename(folder.parent / "aside")

    assert "is missing, but its log" in refusal(folder)

    kept.rename(file)
    assert total(folder) == COUNT


def test_the_log_of_another_file_is_refused(folder: Path, file: Path, log: Path) -> None:
    """A backup put in the place of the file, beside the log of the file before."""
    stale = log.read_bytes()
    with opened(folder):
        pass  # the log is in the file now
    shutil.copy(copied(file), file)
    log.write_bytes(stale)

    assert "WAL" in refusal(folder)

    log.unlink()
    assert total(folder) == COUNT


def copied(file: Path) -> Path:
    """What is in the store that nobody has open, as another file."""
    target = file.parent.parent / "backup"
    with duckdb.connect() as plain:
        plain.execute(f"ATTACH '{file}' AS old (READ_ONLY)")
        plain.execute(f"ATTACH '{target}' AS copy")
        plain.execute("COPY FROM DATABASE old TO copy")
    return target


def a_large_file(folder: Path) -> tuple[Path, list[Entry]]:
    entries = [entry(f"number n{number} " + os.urandom(1500).hex()) for number in range(800)]
    with opened(folder) as store:
        store.insert(entries)
        store.maintain()
    return folder / "memories.duckdb", entries


@pytest.mark.parametrize("share", [0.001, 0.3, 0.6, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    file, _ = a_large_file(tmp_path)
    cut(file, int(file.stat().st_size * share))

    assert "cannot be read as a store" in refusal(tmp_path)


def test_a_file_that_became_smaller_by_itself_is_not_taken_for_cut(tmp_path: Path) -> None:
    file, _ = a_large_file(tmp_path)
    with opened(tmp_path) as store:
        trash(store, Scope(), content_contains=None, at=START)
    large = file.stat().st_size
    with duckdb.connect(file) as plain:
        plain.execute("DELETE FROM memories; DELETE FROM revisions; DELETE FROM postings; DELETE FROM postings_delta")
        plain.execute("CHECKPOINT")
        plain.execute("CHECKPOINT")
    assert file.stat().st_size < large

    assert total(tmp_path) == 0


@pytest.mark.parametrize("place", [20, 4096 + 100, 8192 + 100, 12288 + 3 * 262144 + 500])
def test_a_changed_bit_in_a_header_or_in_the_catalog_is_refused(tmp_path: Path, place: int) -> None:
    file, _ = a_large_file(tmp_path)
    flip(file, place)

    assert "cannot be read as a store" in refusal(tmp_path)


def test_a_changed_bit_in_a_block_is_said_when_it_is_read_and_the_rest_stays_of_use(tmp_path: Path) -> None:
    file, entries = a_large_file(tmp_path)
    used_by_postings = block_of(file, "postings_delta")
    flip(file, 12288 + used_by_postings * 262144 + 500)

    with opened(tmp_path) as store:
        with pytest.raises(UnavailableError, match="is damaged"):
            store.candidates(probe("n7"), Scope())
        (tmp_path / "backups" / "made").mkdir(parents=True)
        with pytest.raises(UnavailableError, match="is damaged"):
            store.backup(tmp_path / "backups" / "made", lambda: None)
        assert sum(len(batch) for batch in store.export()) == len(entries), "what can be read can be exported"


def block_of(file: Path, table: str) -> int:
    with duckdb.connect(file, read_only=True) as plain:
        rows = plain.execute(f"SELECT max(block_id) FROM pragma_storage_info('{table}') WHERE persistent").fetchall()
    return int(rows[0][0])


@pytest.mark.parametrize(
    "write",
    [
        lambda store, _: store.insert([entry("another")]),
        lambda store, one: store.change(one.memory.id, edited(tags=("a",))),
        lambda store, one: store.change(one.memory.id, edited(deleted_at=START)),
        lambda store, _: trash(store, Scope(), content_contains=None, at=START + timedelta(days=1)),
        lambda store, _: store.import_entries([(entry("imported"), None)]),
        lambda store, _: store.write_note("name", "value"),
    ],
)
def test_every_kind_of_write_is_missed(tmp_path: Path, write: Callable[[DuckDBStore, Entry], object]) -> None:
    one = entry("there before")
    with opened(tmp_path) as store:
        store.insert([one])
    before = (tmp_path / "memories.duckdb").read_bytes()
    with opened(tmp_path) as store:
        write(store, one)

    (tmp_path / "memories.duckdb").write_bytes(before)

    assert "lacks what was acknowledged last" in refusal(tmp_path)


def test_what_is_noted_beside_the_file_may_be_lost_or_spoilt(folder: Path) -> None:
    """By a power cut: it is not synced to disk."""
    watermark = folder / "memories.duckdb.watermark"
    for spoilt in (b"", bytes(53), b"\xff\xfe", watermark.read_bytes()[:20]):
        watermark.write_bytes(spoilt)
        assert total(folder) == COUNT
    watermark.unlink()
    assert total(folder) == COUNT
    with opened(folder) as store:
        store.insert([entry("new")])
    assert closed_to_others(watermark)
