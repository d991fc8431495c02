"""A disk that fills up: writes are refused in a sentence, reads go on, and nothing that was acknowledged is lost."""

import contextlib
import logging
import os
from pathlib import Path

import duckdb
import pytest

from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import open_store
from memory_core.errors import MemoryServiceError, StorageFullError, UnavailableError
from memory_core.types import Scope
from support.disks import small_disk
from support.entries import MODEL, START, edited, entry, random_vectors, trash


def test_below_the_floor_every_write_is_refused_and_every_read_goes_on(tmp_path: Path) -> None:
    """Moving to the trash frees nothing, so it is refused like the rest."""
    kept = entry("there before")
    with contextlib.closing(open_store("", StoreOptions(data_dir=tmp_path, min_free_bytes=0))) as store:
        store.insert([kept])

    options = StoreOptions(data_dir=tmp_path, min_free_bytes=1 << 60)
    with contextlib.closing(open_store("", options)) as store:
        for write in (
            lambda: store.insert([entry()]),
            lambda: store.change(kept.memory.id, edited(content="other")),
            lambda: trash(store, Scope(), content_contains=None, at=START),
            lambda: store.use_model(MODEL),
            lambda: store.set_vectors({1: random_vectors(1)}),
            lambda: store.import_entries([(entry(), None)]),
        ):
            with pytest.raises(StorageFullError, match="make room"):
                write()
        store.maintain()
        assert store.get(kept.memory.id) == kept.memory
        assert list(store.export())


def test_a_disk_that_fills_up_loses_nothing_and_needs_no_restart(tmp_path: Path) -> None:
    """Without the floor, so that DuckDB itself runs into the end of the disk: in the WAL or in a checkpoint."""
    with small_disk(tmp_path / "disk", 48) as disk:
        ballast = disk / "ballast"
        options = StoreOptions(data_dir=disk / "data", threads=1, min_free_bytes=0)
        with contextlib.closing(open_store("", options)) as store:
            ballast.write_bytes(b"x" * 26_000_000)
            acknowledged: list[str] = []
            refused = 0
            while refused < 3:
                one = entry(os.urandom(25_000).hex())
                try:
                    store.insert([one])
                    acknowledged.append(one.memory.id)
                except StorageFullError:
                    refused += 1
                    assert store.counts(Scope()).total >= len(acknowledged), "reading goes on"

            ballast.unlink()
            store.insert([entry("room again")])
            assert store.newest(Scope(), limit=1)
            assert len(acknowledged) > 10
            for memory_id in acknowledged:
                store.get(memory_id)
        with contextlib.closing(open_store("", options)) as store:
            for memory_id in acknowledged:
                store.get(memory_id)


def test_a_checkpoint_onto_a_full_disk_opens_the_file_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with small_disk(tmp_path / "disk", 24) as disk:
        ballast = disk / "ballast"
        options = StoreOptions(data_dir=disk / "data", threads=1, min_free_bytes=0)
        with contextlib.closing(open_store("", options)) as store:
            kept = [entry(os.urandom(3_000).hex()) for _ in range(400)]
            store.insert(kept)
            _fill(ballast)

            with pytest.raises(StorageFullError), caplog.at_level(logging.CRITICAL):
                store.maintain()

            assert store.counts(Scope()).total == 400
            ballast.unlink()
            store.insert([entry("room again")])
            store.maintain()
            assert store.counts(Scope()).total == 401


def _fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"x" * 65536):
            pass


def test_after_a_fatal_error_the_file_is_opened_anew_once_for_all_threads(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = entry("still there")
    with contextlib.closing(open_store("", StoreOptions(data_dir=tmp_path, min_free_bytes=0))) as store:
        store.insert([kept])
        before = store._db.base

        with (
            caplog.at_level(logging.CRITICAL, logger="memory_core"),
            pytest.raises(UnavailableError, match="try again"),
            store._db.read(),
        ):
            raise duckdb.FatalException("database has been invalidated because of a previous fatal error")

        assert store._db.base is not before
        assert store.get(kept.memory.id) == kept.memory
        store.insert([entry("and writing too")])


def test_a_query_that_needs_too_much_memory_is_refused_in_a_sentence(tmp_path: Path) -> None:
    options = StoreOptions(data_dir=tmp_path, memory_limit="20MB", min_free_bytes=0)
    with contextlib.closing(open_store("", options)) as store:
        with pytest.raises(MemoryServiceError, match="limit of 20MB"), store._db.read() as cursor:
            cursor.execute("SELECT list(i) FROM range(100_000_000) t(i)").fetchall()
        store.insert([entry()])
