"""A store agrees with a dict, whatever happens to it in whatever order."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from memory_core.engine.ports import ModelIdentity, Store, Vectors
from memory_core.errors import ConflictError
from memory_core.types import Memory, Scope
from support.entries import (
    MODEL,
    OTHER_MODEL,
    START,
    entry,
    entry_of,
    plain_bm25,
    plain_cosine,
    probe,
    random_vectors,
    trash,
)
from support.every_store import Opener

WORDS = st.lists(st.sampled_from(["apple", "pear", "plum"]), min_size=1, max_size=4).map(" ".join)


class History(RuleBasedStateMachine):
    opener: Opener
    ids = Bundle("ids")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store: Store = self.opener(Path(self.folder.name))
        self.memories: dict[str, Memory] = {}
        self.model = MODEL
        self.vectors: dict[str, Vectors] = {}
        self.next: ModelIdentity | None = None
        self.next_vectors: dict[str, Vectors] = {}
        self.moment = START
        self.store.use_model(MODEL)

    @rule(target=ids, content=WORDS)
    def insert(self, content: str) -> str:
        one = entry(content, minute=len(self.memories))
        self.store.insert([one])
        self.memories[one.memory.id] = one.memory
        return one.memory.id

    @rule(memory_id=ids, content=WORDS)
    def insert_again(self, memory_id: str, content: str) -> None:
        with pytest.raises(ConflictError):
            self.store.insert([entry(content), entry(content, id=memory_id)])

    @rule(memory_id=ids, content=WORDS)
    def rewrite(self, memory_id: str, content: str) -> None:
        before = self.memories[memory_id]
        after = replace(before, content=content, updated_at=self._later())
        self.memories[memory_id] = self.store.change(memory_id, lambda _: entry_of(after))
        if content != before.content:
            self.vectors.pop(memory_id, None)
            self.next_vectors.pop(memory_id, None)

    @rule(memory_id=ids, tags=st.lists(st.sampled_from("abc"), max_size=2).map(tuple))
    def tag(self, memory_id: str, tags: tuple[str, ...]) -> None:
        self.memories[memory_id] = self.store.change(memory_id, lambda memory: entry_of(replace(memory, tags=tags)))

    @rule(memory_id=ids)
    def throw_away(self, memory_id: str) -> None:
        self._set_deleted(memory_id, trashed=True)

    @rule(memory_id=ids)
    def restore(self, memory_id: str) -> None:
        self._set_deleted(memory_id, trashed=False)

    @rule(word=st.sampled_from(["apple", "plum"]))
    def purge(self, word: str) -> None:
        at = self._later()
        fitting = [m for m in self.memories.values() if m.deleted_at is None and word in m.content]
        assert trash(self.store, Scope(), content_contains=word, at=at) == len(fitting)
        self.memories |= {m.id: replace(m, deleted_at=at, revision=m.revision + 1) for m in fitting}

    @rule(limit=st.integers(1, 4), pieces=st.integers(1, 3))
    def embed(self, limit: int, pieces: int) -> None:
        given = {
            pending.doc: (pending.memory.id, random_vectors(pending.doc, pieces, self.model.dimension))
            for pending in self.store.pending(limit=limit)
        }
        assert self.store.set_vectors({doc: rows for doc, (_, rows) in given.items()}) == len(given)
        self.vectors |= dict(given.values())

    @rule()
    def another_model(self) -> None:
        """One that was never here, so that no vector comes back."""
        dimension = OTHER_MODEL.dimension if self.model.dimension == MODEL.dimension else MODEL.dimension
        self.model = replace(self.model, revision=f"{self._later()}", dimension=dimension)
        self.store.use_model(self.model)
        self.vectors = {}
        self.next, self.next_vectors = None, {}

    @rule()
    def next_model(self) -> None:
        """Another one, of which nothing is known; the one in use does not notice."""
        self.next = replace(MODEL, revision=f"next at {self._later()}", dimension=self.model.dimension)
        self.next_vectors = {}
        self.store.prepare_model(self.next)

    @precondition(lambda self: self.next is not None)
    @rule(limit=st.integers(1, 4))
    def embed_for_the_next(self, limit: int) -> None:
        given = {
            pending.doc: (pending.memory.id, random_vectors(1_000 + pending.doc, dimension=self.next.dimension))
            for pending in self.store.pending(limit=limit, model=self.next)
        }
        vectors = {doc: rows for doc, (_, rows) in given.items()}
        assert self.store.set_vectors(vectors, model=self.next) == len(given)
        self.next_vectors |= dict(given.values())

    @precondition(lambda self: self.next is not None)
    @rule()
    def hand_over(self) -> None:
        self.model, self.vectors = self.next, self.next_vectors
        self.next, self.next_vectors = None, {}
        self.store.use_model(self.model)

    @rule()
    def tidy(self) -> None:
        self.store.maintain()

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.opener(Path(self.folder.name))

    @invariant()
    def agrees(self) -> None:
        live = {memory_id: memory for memory_id, memory in self.memories.items() if memory.deleted_at is None}
        vectors = {memory_id: rows for memory_id, rows in self.vectors.items() if memory_id in live}
        assert {m.id: m for m in self.store.newest(Scope(), limit=200)} == live
        assert {m.id: m for m in self.store.newest(Scope(trashed=True), limit=200)} == {
            memory_id: memory for memory_id, memory in self.memories.items() if memory.deleted_at is not None
        }
        assert {p.memory.id for p in self.store.pending(limit=200)} == live.keys() - vectors.keys()
        if self.next is not None:
            lacking = live.keys() - self.next_vectors.keys()
            assert {p.memory.id for p in self.store.pending(limit=200, model=self.next)} == lacking
            assert self.store.count_pending(self.next) == len(lacking)
        counts = self.store.counts(Scope())
        assert (counts.total, counts.with_vectors) == (len(live), len(vectors))
        self._search_agrees(live, vectors)

    def _search_agrees(self, live: dict[str, Memory], vectors: dict[str, Vectors]) -> None:
        vector = random_vectors(7, dimension=self.model.dimension)[0]
        asked = probe("apple", "plum", vector=vector, model=self.model)
        found = {c.memory.id: c for c in self.store.candidates(asked, Scope())}
        bm25 = plain_bm25([entry_of(memory) for memory in live.values()], ["apple", "plum"])
        assert {memory_id: c.bm25 for memory_id, c in found.items() if c.bm25} == pytest.approx(bm25)
        cosine = {memory_id: plain_cosine(rows, vector) for memory_id, rows in vectors.items()}
        near = {memory_id: c.cosine for memory_id, c in found.items() if c.cosine is not None}
        assert near == pytest.approx(cosine, abs=1e-5)

    def _set_deleted(self, memory_id: str, *, trashed: bool) -> None:
        at = self._later() if trashed else None
        self.memories[memory_id] = self.store.change(memory_id, lambda memory: entry_of(replace(memory, deleted_at=at)))

    def _later(self) -> datetime:
        self.moment += timedelta(minutes=1)
        return self.moment

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()


def test_a_store_agrees_with_a_dict_whatever_happens(opener: Opener) -> None:
    machine = type("HistoryOfOne", (History,), {"opener": staticmethod(opener)})
    run_state_machine_as_test(machine, settings=settings(max_examples=6, stateful_step_count=15, deadline=None))
