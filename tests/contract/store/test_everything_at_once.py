"""Exports, imports, and opening again."""

from pathlib import Path

import numpy as np
import pytest

from memory_core.engine.ports import Store
from memory_core.errors import InvalidError, UnavailableError
from memory_core.types import Scope
from support.entries import MODEL, START, edited, embed, entry, entry_of, one_of_many, probe, random_vectors, trash
from support.every_store import Opener


def test_an_export_goes_into_another_store_unchanged_and_only_once(
    store: Store, opener: Opener, tmp_path: Path
) -> None:
    entries = [one_of_many(number) for number in range(30)]
    store.insert(entries)
    store.use_model(MODEL)
    waiting = [pending.memory.id for pending in store.pending(limit=50)]
    embed(store, {memory_id: random_vectors(n, 1 + n % 2) for n, memory_id in enumerate(waiting[:20])})
    exported = [one for batch in store.export() for one in batch]
    assert {one.memory.id: one.memory for one in exported} == {one.memory.id: one.memory for one in entries}
    assert sum(one.model == MODEL for one in exported) == 20

    copy = opener(tmp_path / "copy")
    copy.use_model(MODEL)
    incoming = [(entry_of(one.memory), one.vectors) for one in exported]
    assert copy.import_entries(incoming) == []
    assert copy.import_entries(incoming) == [one.memory for one in exported]

    again = {one.memory.id: one for batch in copy.export() for one in batch}
    assert copy.count_pending() == store.count_pending()
    for one in exported:
        assert again[one.memory.id].memory == one.memory
        assert np.array_equal(again[one.memory.id].vectors, one.vectors)
    vector = random_vectors(1)[0]
    ours, theirs = (
        {(c.memory.id, c.bm25, c.cosine) for c in each.candidates(probe("rust", vector=vector), Scope())}
        for each in (store, copy)
    )
    assert len(ours) >= 20
    assert ours == theirs
    copy.close()


def test_an_export_shows_one_moment_whatever_is_written_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memory_core.engine.stores.duckdb.transfer.BATCH", 3)
    entries = [entry(f"memory {number}") for number in range(10)]
    store.insert(entries)
    batches = store.export()
    first = next(batches)

    store.insert([entry("late")])
    store.change(entries[-1].memory.id, edited(content="changed"))
    trash(store, Scope(), content_contains=None, at=START)
    store.maintain()

    exported = first + [one for batch in batches for one in batch]
    assert [one.memory for one in exported] == [one.memory for one in entries]


def test_an_import_with_vectors_of_another_shape_takes_nothing(store: Store) -> None:
    store.use_model(MODEL)
    good, bad = (entry("good"), random_vectors(1)), (entry("bad"), random_vectors(1, dimension=7))

    with pytest.raises(InvalidError):
        store.import_entries([good, bad])

    assert store.counts(Scope()).total == 0


def test_everything_is_there_after_reopening(opener: Opener, tmp_path: Path) -> None:
    entries = [one_of_many(number) for number in range(20)]
    first = opener(tmp_path)
    first.insert(entries)
    first.use_model(MODEL)
    waiting = first.count_pending()
    first.close()

    second = opener(tmp_path)
    assert {memory.id for trashed in (True, False) for memory in second.newest(Scope(trashed=trashed), limit=50)} == {
        one.memory.id for one in entries
    }
    assert second.count_pending() == waiting
    assert second.size_bytes() > 0
    assert str(tmp_path) in second.location
    second.close()


def test_a_closed_store_says_so(opener: Opener, tmp_path: Path) -> None:
    closed = opener(tmp_path)
    closed.close()
    closed.close()

    with pytest.raises(UnavailableError, match="closed"):
        closed.insert([entry()])
    with pytest.raises(UnavailableError, match="closed"):
        closed.counts(Scope())
