"""kill -9 in the midst of writing and searching: what was acknowledged is there, and searches agree with the rows.

What a search keeps in memory dies with the process; the next one reads it anew.
"""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memory_core.engine.ports import Entry, StoreOptions
from memory_core.engine.stores.duckdb import open_store
from memory_core.types import Scope
from support.entries import MODEL, embed, entry, entry_of, plain_bm25, plain_cosine, probe, random_vectors

WRITER = """
import sys
from pathlib import Path

from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import open_store
from memory_core.types import Scope
from support.entries import MODEL, edited, embed, entry, probe, random_vectors

store = open_store("", StoreOptions(data_dir=Path(sys.argv[1]), threads=1, min_free_bytes=0))
store.use_model(MODEL)
number = store.counts(Scope()).total
while True:
    one = entry(f"number n{number} of many")
    store.insert([one])
    print("insert", one.memory.id, f"n{number}", flush=True)
    if number % 3 == 0:
        embed(store, {one.memory.id: random_vectors(number)})
        print("embed", one.memory.id, number, flush=True)
    if number % 5 == 0:
        store.change(one.memory.id, edited(content=f"changed n{number} c{number}"))
        print("change", one.memory.id, f"c{number}", flush=True)
    if number % 7 == 0:
        store.maintain()
    assert store.candidates(probe(f"n{number}", vector=random_vectors(number)[0]), Scope())
    number += 1
"""


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_killing_the_writer(tmp_path: Path) -> None:
    terms: dict[str, str] = {}  # id → the newest word that was acknowledged to be in it
    embedded: set[str] = set()
    for round_ in range(4):
        _write_and_be_killed(tmp_path, terms, embedded, lines=15 + 8 * round_)
        _check(tmp_path, terms, embedded)


def _write_and_be_killed(folder: Path, terms: dict[str, str], embedded: set[str], *, lines: int) -> None:
    tests = Path(__file__).parents[3]
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tests) as writer:
        assert writer.stdout is not None
        for _ in range(lines):
            _note(writer.stdout.readline(), terms, embedded)
        writer.kill()
        for line in writer.stdout:  # acknowledged before it died
            if line.endswith("\n"):
                _note(line, terms, embedded)


def _note(line: str, terms: dict[str, str], embedded: set[str]) -> None:
    verb, memory_id, what = line.split()
    if verb == "embed":
        embedded.add(memory_id)
    else:
        terms[memory_id] = what
        if verb == "change":
            embedded.discard(memory_id)


def _check(folder: Path, terms: dict[str, str], embedded: set[str]) -> None:
    with contextlib.closing(open_store("", StoreOptions(data_dir=folder, threads=1, min_free_bytes=0))) as store:
        memories = {memory.id: memory for batch in store.export() for memory in (one.memory for one in batch)}
        assert terms.keys() <= memories.keys()
        for memory_id, term in terms.items():
            assert term in memories[memory_id].content.split()
        everything = [entry_of(memory) for memory in memories.values()]
        for term in ("number", "changed", *list(terms.values())[-5:]):
            found = {one.memory.id: one.bm25 for one in store.candidates(probe(term), Scope())}
            assert found == pytest.approx(plain_bm25(everything, [term])), "the index agrees with the rows"
        without = {pending.memory.id for pending in store.pending(limit=10_000)}
        assert {memory_id for memory_id in memories if store.vectors_of(memory_id) is None} == without
        changed = {memory_id for memory_id in memories if memories[memory_id].content.startswith("changed")}
        assert embedded - changed <= memories.keys() - without
        vector = random_vectors(77)[0]
        cosines = {
            memory_id: plain_cosine(store.vectors_of(memory_id), vector) for memory_id in memories.keys() - without
        }
        near = {one.memory.id: one.cosine for one in store.candidates(probe(vector=vector), Scope())}
        assert near == pytest.approx(cosines, abs=1e-6), "and so do the vectors"
        store.use_model(MODEL)
        if without:
            embed(store, {min(without): random_vectors(1)})


INDEXER = """
import sys
from pathlib import Path

from memory_core.engine.ports import Entry, StoreOptions
from memory_core.engine.stores.duckdb import open_store

seen = 0

def shouted(memory):
    global seen
    seen += 1
    if seen == int(sys.argv[2]):
        print("in the middle", flush=True)
        sys.stdin.read()
    return Entry(memory=memory, terms={word.upper(): 1 for word in memory.content.split()})

store = open_store("", StoreOptions(data_dir=Path(sys.argv[1]), threads=1, min_free_bytes=0))
store.reindex(7, shouted)
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", [1, 1_500])
def test_killed_while_the_index_is_made_anew_a_store_has_the_old_one(tmp_path: Path, place: int) -> None:
    entries = [entry(f"number n{number} of many") for number in range(2_000)]
    with contextlib.closing(open_store("", StoreOptions(data_dir=tmp_path, threads=1, min_free_bytes=0))) as store:
        store.insert(entries)
    _index_anew_and_be_killed(tmp_path, place)

    with contextlib.closing(open_store("", StoreOptions(data_dir=tmp_path, threads=1, min_free_bytes=0))) as store:
        for terms in (["number"], ["n7"], ["NUMBER"]):
            found = {one.memory.id: one.bm25 for one in store.candidates(probe(*terms, pool=5_000), Scope())}
            assert found == pytest.approx(plain_bm25(entries, terms))
        as_one = lambda memory: Entry(memory=memory, terms={memory.content.upper(): 1})  # noqa: E731
        assert store.reindex(7, as_one) == len(entries), "it is still to be done"
        assert len(store.candidates(probe("NUMBER N7 OF MANY"), Scope())) == 1


def _index_anew_and_be_killed(folder: Path, place: int) -> None:
    command = [sys.executable, "-c", INDEXER, str(folder), str(place)]
    tests = Path(__file__).parents[3]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tests) as indexer:
        assert indexer.stdout is not None
        assert indexer.stdout.readline() == "in the middle\n"
        indexer.kill()


CHECKPOINTER = """
import sys
from pathlib import Path

from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import open_store
from memory_core.types import Scope
from support.entries import edited, entry

store = open_store("", StoreOptions(data_dir=Path(sys.argv[1]), threads=1, min_free_bytes=0))
entries = [entry(f"number n{number} of many " + "word " * 400, minute=number) for number in range(1_000)]
store.insert(entries)
for one in entries[:200]:
    store.change(one.memory.id, edited(tags=("changed",)))
print("checkpoint", flush=True)
store.maintain()
print("done", flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.parametrize("after_ms", [0, 2, 4, 8, 15, 30, 60, None])
def test_killed_while_the_log_is_written_into_the_file_a_store_has_everything(
    tmp_path: Path, after_ms: int | None
) -> None:
    """At several moments of it, and right after it: null."""
    tests = Path(__file__).parents[3]
    command = [sys.executable, "-c", CHECKPOINTER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tests) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "checkpoint\n"
        if after_ms is None:
            assert writer.stdout.readline() == "done\n"
        else:
            time.sleep(after_ms / 1000)  # not for anything to happen: wherever it is by then
        writer.kill()

    for _ in range(2):  # as it was left, and after it was closed in order
        with contextlib.closing(open_store("", StoreOptions(data_dir=tmp_path, threads=1, min_free_bytes=0))) as store:
            memories = [one.memory for batch in store.export() for one in batch]
            assert len(memories) == 1_000
            assert sum(memory.tags == ("changed",) for memory in memories) == 200
            assert len(store.candidates(probe("many", pool=5_000), Scope())) == 1_000
            assert store.count_pending() == 1_000
