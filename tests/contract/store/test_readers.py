"""Readers beside a writer: they are answered while it is in its middle, and see each memory whole or not at all."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import overload

from msgspec.structs import replace

from memory_core.engine.ports import Entry, Store, Vectors
from memory_core.types import Memory, Scope
from support.entries import entry, entry_of, probe

Given = tuple[Entry, Vectors | None]
PATIENCE_S = 60  # of a reader that is stalled for good


class AskedMeanwhile(Sequence[Given]):
    """Entries to import; whoever goes through them, in the middle of the import, first lets another thread search."""

    def __init__(self, entries: list[Given], store: Store, reader: ThreadPoolExecutor) -> None:
        self._entries = entries
        self._store = store
        self._reader = reader
        self.found: list[int] = []

    def __iter__(self) -> Iterator[Given]:
        searched = self._reader.submit(self._store.candidates, probe("needle"), Scope())
        self.found.append(len(searched.result(PATIENCE_S)))
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Given: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Given]: ...
    def __getitem__(self, index: int | slice) -> Given | Sequence[Given]:
        return self._entries[index]


def test_a_search_is_answered_in_the_middle_of_an_import_and_sees_nothing_of_it(store: Store) -> None:
    store.insert([entry("needle")])
    with ThreadPoolExecutor(1) as reader:
        importing = AskedMeanwhile([(entry("needle"), None) for _ in range(50)], store, reader)
        store.import_entries(importing)

    assert set(importing.found) == {1}
    assert len(store.candidates(probe("needle"), Scope())) == 51


def test_a_search_is_answered_in_the_middle_of_a_change(store: Store) -> None:
    kept = entry("needle")
    store.insert([kept])
    with ThreadPoolExecutor(1) as reader:

        def edit(memory: Memory) -> Entry:
            found = reader.submit(store.candidates, probe("needle", "pin"), Scope()).result(PATIENCE_S)
            assert [one.memory.content for one in found] == ["needle"]
            return entry_of(replace(memory, content="pin"))

        store.change(kept.memory.id, edit)

    assert [one.memory.content for one in store.candidates(probe("needle", "pin"), Scope())] == ["pin"]


def test_a_memory_that_is_there_is_found_by_its_words_while_others_are_added(store: Store) -> None:
    """Row and index entries appear together: each search finds what was counted before it, and no more than after."""
    added = threading.Event()

    def add() -> None:
        try:
            for number in range(150):
                store.insert([entry(f"needle number {number}") for _ in range(1 + number % 3)])
        finally:
            added.set()

    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(add)
        last = False
        while not last:
            last = added.is_set()
            before = store.counts(Scope()).total
            found = store.candidates(probe("needle"), Scope())
            after = store.counts(Scope()).total
            assert before <= len(found) <= after
            assert all(one.bm25 > 0 for one in found)
        writing.result()

    assert len(store.candidates(probe("needle"), Scope())) == 300
