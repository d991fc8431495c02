"""Several callers at once: each gets its own answer, and no write is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec.structs import replace

from memory_core.engine.ports import Store
from memory_core.errors import UnavailableError
from memory_core.types import Scope
from support.entries import (
    edited,
    entry,
    entry_of,
    probe,
)
from support.every_store import Opener


def test_threads_read_their_own_answers_while_others_write(store: Store) -> None:
    entries = [entry(f"memory {number}", project_id=f"p{number}") for number in range(20)]
    store.insert(entries)

    def work(number: int) -> None:
        mine = entries[number % 20]
        if number % 4 == 0:
            store.insert([entry("another", project_id="new")])
        elif number % 4 == 1:
            store.change(mine.memory.id, lambda memory: entry_of(replace(memory, tags=(*memory.tags, f"t{number}"))))
        else:
            assert store.get(mine.memory.id).content == mine.memory.content
            assert [m.content for m in store.newest(Scope(project_id=mine.memory.project_id), limit=9)] == [
                mine.memory.content
            ]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(160)))

    assert store.counts(Scope()).by_project["new"] == 40
    tags = [tag for one in entries for tag in store.get(one.memory.id).tags]
    assert sorted(tags) == sorted(f"t{number}" for number in range(160) if number % 4 == 1), "no update was lost"


def test_a_reader_never_sees_a_memory_half_indexed(store: Store) -> None:
    stop = threading.Event()
    kept = entry("even even")
    store.insert([kept])

    def flip() -> None:
        for number in range(60):
            store.change(kept.memory.id, edited(content="odd" if number % 2 == 0 else "even even"))
        stop.set()

    writer = threading.Thread(target=flip)
    writer.start()
    while not stop.is_set():
        found = store.candidates(probe("odd", "even"), Scope())
        assert [c.bm25 > 0 for c in found] == [True], "exactly one revision is there, with its postings"
    writer.join()


def test_closing_lets_the_calls_under_way_end(opener: Opener, tmp_path: Path) -> None:
    store = opener(tmp_path)
    acknowledged: list[str] = []

    def keep_writing() -> None:
        while True:
            one = entry("words")
            try:
                store.insert([one])
            except UnavailableError:
                return
            acknowledged.append(one.memory.id)

    writers = [threading.Thread(target=keep_writing) for _ in range(3)]
    for writer in writers:
        writer.start()
    while len(acknowledged) < 10:
        pass
    store.close()
    for writer in writers:
        writer.join()

    again = opener(tmp_path)
    assert again.counts(Scope()).total == len(acknowledged)
    again.close()
