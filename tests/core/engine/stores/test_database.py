"""The rules of the one open file: transactions end, errors are ours, and closing waits but not for ever."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore, open_store
from memory_core.errors import InternalError, UnavailableError
from memory_core.types import Scope
from support.entries import entry, probe


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBStore]:
    with contextlib.closing(open_store("", StoreOptions(data_dir=tmp_path, min_free_bytes=0))) as opened:
        yield opened


def test_a_failed_transaction_leaves_nothing_and_blocks_nobody(store: DuckDBStore) -> None:
    with pytest.raises(InternalError, match="CatalogException"), store._db.write() as cursor:
        cursor.execute("INSERT INTO unembedded VALUES (1); INSERT INTO nowhere VALUES (1)").fetchall()

    assert store.count_pending() == 0
    store.insert([entry()])
    assert store.count_pending() == 1


def test_an_error_never_quotes_a_memory(store: DuckDBStore) -> None:
    with pytest.raises(InternalError) as caught, store._db.read() as cursor:
        cursor.execute("SELECT CAST('my secret' AS INTEGER)").fetchall()

    assert "secret" not in str(caught.value)


def test_a_reading_transaction_cannot_write(store: DuckDBStore) -> None:
    with pytest.raises(InternalError), store._db.read() as cursor:
        cursor.execute("DELETE FROM memories").fetchall()


def test_closing_gives_up_an_export_that_nobody_reads_on(store: DuckDBStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memory_core.engine.stores.duckdb.database.DRAIN_S", 0.05)
    monkeypatch.setattr("memory_core.engine.stores.duckdb.database.INTERRUPT_S", 0.05)
    monkeypatch.setattr("memory_core.engine.stores.duckdb.transfer.BATCH", 1)
    store.insert([entry("one"), entry("two")])
    batches = store.export()
    next(batches)

    store.close()

    with pytest.raises(UnavailableError, match="closed meanwhile"):
        next(batches)
    with contextlib.closing(open_store("", StoreOptions(data_dir=Path(store.location).parent))) as again:
        assert again.counts(Scope()).total == 2


def test_closing_interrupts_a_query_that_takes_too_long(store: DuckDBStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memory_core.engine.stores.duckdb.database.DRAIN_S", 0.05)
    monkeypatch.setattr("memory_core.engine.stores.duckdb.database.INTERRUPT_S", 30)
    running = threading.Event()
    answers: list[str] = []

    def ask() -> None:
        try:
            with store._db.read() as cursor:
                running.set()
                cursor.execute(
                    "SELECT count(*) FROM range(1_000_000_000) a, range(1_000) b WHERE a.range ^ b.range = 7"
                )
        except UnavailableError as error:
            answers.append(str(error))

    reader = threading.Thread(target=ask)
    reader.start()
    running.wait()
    store.close()
    reader.join()

    assert answers == ["the store was closed meanwhile; the call was given up"]


def test_upkeep_clears_what_past_searches_left_in_memory(store: DuckDBStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB keeps a record of every buffer it ever freed, tens of megabytes of them, until its memory is short."""
    store.insert([entry(f"word{number} here") for number in range(300)])
    for number in range(20):
        assert store.candidates(probe(f"word{number}", "here"), Scope())
    assert _remembered_buffers(store) > 300
    store.maintain()
    assert _remembered_buffers(store) > 300, "so few are not worth reading the file again"

    monkeypatch.setattr("memory_core.engine.stores.duckdb.maintenance.FORGET_FROM", 200)
    store.maintain()

    assert _remembered_buffers(store) < 30
    assert len(store.candidates(probe("here"), Scope())) == 300


def test_clearing_memory_leaves_the_limit_and_those_who_read_alone(store: DuckDBStore) -> None:
    store.insert([entry("one")])
    with store._db.read() as cursor:
        assert not store._db.forget_cached()
        limit = cursor.execute(LIMIT).fetchall()

    assert store._db.forget_cached()

    with store._db.read() as cursor:
        assert cursor.execute(LIMIT).fetchall() == limit


def test_clearing_memory_while_others_search_and_write_fails_none_of_them(store: DuckDBStore) -> None:
    store.insert([entry(f"word{number} here") for number in range(300)])

    def search() -> bool:
        assert len(store.candidates(probe("here"), Scope())) >= 300
        return store._db.forget_cached()

    def write() -> bool:
        store.insert([entry("here too")])
        return store._db.forget_cached()

    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(call) for call in (search, write) for _ in range(40)]
        cleared = [call.result() for call in calls]

    assert any(cleared), "the last one to end was alone"
    assert store.counts(Scope()).total == 340


LIMIT = "SELECT current_setting('memory_limit')"


def _remembered_buffers(store: DuckDBStore) -> int:
    with store._db.read() as cursor:
        rows = cursor.execute("SELECT sum(approximate_size) FROM duckdb_eviction_queues()").fetchall()
    return int(rows[0][0])


def test_a_store_whose_folder_is_gone_says_so(tmp_path: Path) -> None:
    store = open_store("", StoreOptions(data_dir=tmp_path / "data", min_free_bytes=0))
    (tmp_path / "data").rename(tmp_path / "moved")
    try:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            store.insert([entry()])
    finally:
        (tmp_path / "moved").rename(tmp_path / "data")
        store.close()
