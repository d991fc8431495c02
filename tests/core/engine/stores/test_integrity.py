"""Each way in which a store can be out of joint: it is found, and what follows from the memories is mended."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from memory_core.changes import Action
from memory_core.diagnosis import MENDED, Flaw, FlawKind
from memory_core.engine.lexical import ANALYSER_VERSION, entry
from memory_core.engine.ports import Act, Entry
from memory_core.engine.repeats import text_digest
from memory_core.engine.stores.duckdb import DuckDBStore
from memory_core.errors import UnavailableError
from memory_core.types import Memory
from support.entries import MODEL, OTHER_MODEL, START, embed, one_of_many, random_vectors
from support.shelves import opened

COUNT = 12


def go_on() -> None: ...


def analysed(memory: Memory) -> Entry:
    return entry(memory)


def change(store: DuckDBStore, memory_id: str, **fields: str) -> None:
    store.change(memory_id, lambda memory: entry(replace(memory, **fields)), Act(action=Action.UPDATE, at=START))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBStore]:
    """Something of everything, analysed as the service does it."""
    made = opened(tmp_path)
    memories = [one_of_many(number).memory for number in range(COUNT)]
    made.insert([entry(memory) for memory in memories])
    made.use_model(MODEL)
    embed(made, {memory.id: random_vectors(n, 1 + n % 3) for n, memory in enumerate(memories[1:8])})
    made.prepare_model(OTHER_MODEL, spec="other:spec")
    for number in range(3):
        change(made, memories[5].id, content=f"another text {number}")
        change(made, memories[6].id, source=f"source {number}")
    with made.transaction() as tx:
        tx.revert({memories[5].id: 1}, Act(action=Action.UNDO, at=START))
        tx.trash([memories[7].id], Act(action=Action.DELETE, at=START))
    yield made
    made.close()


def broken(store: DuckDBStore, *statements: str) -> list[Flaw]:
    with store._db.write() as cursor:
        for statement in statements:
            cursor.execute(statement).fetchall()
    return examined(store)


def examined(store: DuckDBStore) -> list[Flaw]:
    return store.examine(text_digest, go_on)


def repaired(store: DuckDBStore) -> list[str]:
    return store.repair(ANALYSER_VERSION, analysed, text_digest, go_on)


def everything(store: DuckDBStore) -> list[object]:
    """Each memory and each of its states, and what they are named by."""
    with store._db.read() as cursor:
        columns = "* EXCLUDE (dl, terms_digest, content_digest)"
        now = cursor.execute(f"SELECT {columns} FROM memories ORDER BY id").fetchall()
        return [*now, *cursor.execute(f"SELECT {columns} FROM revisions ORDER BY id, revision").fetchall()]


def test_a_healthy_store_has_no_flaw_and_nothing_is_done_to_it(store: DuckDBStore) -> None:
    before = everything(store)

    assert examined(store) == []
    assert repaired(store) == []
    assert everything(store) == before


FIRST = "(SELECT min(doc) FROM memories)"
FIRST_ID = f"(SELECT id FROM memories WHERE doc = {FIRST})"
EMBEDDED = "(SELECT min(doc) FROM vectors_1)"
BROKEN: dict[str, tuple[FlawKind, str, list[str]]] = {
    "a posting is missing": (
        FlawKind.REPAIRABLE, "memories whose words are not all in the index: 1",
        [f"DELETE FROM postings_delta WHERE doc = {FIRST} AND term = 'memori'"],
    ),
    "a posting is there twice": (
        FlawKind.REPAIRABLE, "memories whose words are not all in the index: 1",
        [f"INSERT INTO postings_delta SELECT * FROM postings_delta WHERE doc = {FIRST} LIMIT 1"],
    ),
    "a posting gives another length": (
        FlawKind.REPAIRABLE, "memories whose words are not all in the index: 1",
        [f"UPDATE postings_delta SET dl = dl + 1 WHERE doc = {FIRST} AND term = 'memori'"],
    ),
    "the words of a past state are missing": (
        FlawKind.REPAIRABLE, "memories whose words are not all in the index: 1",
        ["DELETE FROM postings_delta WHERE doc = (SELECT max(doc) FROM revisions)"],
    ),
    "a content has another digest": (
        FlawKind.REPAIRABLE, "memories whose repeats would not be recognised: 1",
        [f"UPDATE memories SET content_digest = 1 WHERE doc = {FIRST}"],
    ),
    "something is queued twice": (
        FlawKind.REPAIRABLE, "entries of the embedding queue for what has no need of it: 2",
        ["INSERT INTO unembedded SELECT max(doc) FROM unembedded"],
    ),
    "something is queued that has vectors": (
        FlawKind.REPAIRABLE, "entries of the embedding queue for what has no need of it: 1",
        [f"INSERT INTO unembedded VALUES ({EMBEDDED})"],
    ),
    "something that has no vectors is not queued": (
        FlawKind.REPAIRABLE, "memories that have no vector and do not wait for one: 1",
        ["DELETE FROM unembedded WHERE doc = (SELECT max(doc) FROM unembedded)"],
    ),
    "a piece is missing": (
        FlawKind.REPAIRABLE, "memories whose pieces are not numbered through: 1",
        ["DELETE FROM vectors_1 WHERE piece = 0 AND doc = (SELECT max(doc) FROM vectors_1 WHERE piece = 2)"],
    ),
    "a number is ahead of those that were given": (
        FlawKind.REPAIRABLE, "rows of a revision that was never made",
        [f"UPDATE {table} SET doc = 5000 WHERE doc = (SELECT max(doc) FROM unembedded)"
         for table in ("memories", "postings_delta", "unembedded")],
    ),
    "words of a memory that is gone": (
        FlawKind.REMAINS, "documents in the index whose memory is gone: 1",
        ["INSERT INTO postings VALUES ('gone', 0, 1, 1)"],
    ),
    "vectors of a memory that is gone": (
        FlawKind.REMAINS, "documents with vectors whose memory is gone: 1",
        ["INSERT INTO vectors_1 SELECT 0, piece, * EXCLUDE (doc, piece) FROM vectors_1 LIMIT 1"],
    ),
    "a link to a memory that is gone": (
        FlawKind.REMAINS, "links of memories that are gone: 1",
        [f"INSERT INTO links VALUES ({FIRST_ID}, 'gone', 'alike', 0.9, '[]', TIMESTAMP '2026-01-01', NULL)"],
    ),
    "a memory that is gone waits to be compared": (
        FlawKind.REMAINS, "memories waiting to be compared that are gone: 1",
        ["INSERT INTO uncompared VALUES ('gone')"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", BROKEN)
def test_what_follows_from_the_memories_is_found_and_mended_without_touching_one(store: DuckDBStore, how: str) -> None:
    kind, said, statements = BROKEN[how]

    flaws = broken(store, *statements)
    assert any(said in str(flaw) and flaw.kind is kind for flaw in flaws), flaws
    assert {flaw.kind for flaw in flaws} <= MENDED
    before = everything(store)

    assert repaired(store)
    assert examined(store) == []
    assert repaired(store) == [], "a second time there is nothing to do"
    assert everything(store) == before


LASTING: dict[str, tuple[FlawKind, str, list[str]]] = {
    "a state is missing": (
        FlawKind.LASTING, "memories with a gap in their history: 2", ["DELETE FROM revisions WHERE revision = 2"],
    ),
    "a state has the number of the current one": (
        FlawKind.LASTING, "memories that a state from before has the number of: 2",
        ["UPDATE memories SET revision = revision - 1 WHERE revision > 3"],
    ),
    "a history has no memory": (
        FlawKind.LASTING, "histories whose memory is gone: 1",
        ["DELETE FROM memories WHERE revision = (SELECT max(revision) FROM memories)"],
    ),
    "two memories share a number": (
        FlawKind.LASTING, "revisions that two memories share: 1",
        [f"UPDATE memories SET doc = {FIRST} WHERE doc = (SELECT max(doc) FROM unembedded)"],
    ),
    "states do not follow one another": (
        FlawKind.NOTED, "memories whose states do not follow one another in time: 1",
        ["UPDATE revisions SET valid_to = valid_to + INTERVAL 1 DAY WHERE source = 'source 0'"],
    ),
    "what superseded it is gone": (
        FlawKind.NOTED, "memories superseded by one that is gone: 1",
        [f"UPDATE memories SET superseded_by = 'gone' WHERE doc = {FIRST}"],
    ),
    "an alias means another one": (
        FlawKind.LASTING, "names of projects that mean another alias: 1",
        ["INSERT INTO project_aliases VALUES ('a', 'b', now(), 'x'), ('b', 'c', now(), 'x')"],
    ),
    "a memory is of a project whose name is an alias": (
        FlawKind.LASTING, f"memories of a project whose name means another one: {COUNT // 3}",
        ["INSERT INTO project_aliases VALUES ('x', 'elsewhere', now(), 'x')"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", LASTING)
def test_what_is_in_the_memories_themselves_is_found_and_left_alone(store: DuckDBStore, how: str) -> None:
    kind, said, statements = LASTING[how]

    flaws = broken(store, *statements)
    assert any(str(flaw) == said and flaw.kind is kind for flaw in flaws), flaws
    before = everything(store)

    repaired(store)

    assert said in map(str, examined(store))
    assert everything(store) == before


def test_a_history_that_begins_late_is_no_flaw(store: DuckDBStore) -> None:
    """A memory that was brought here need not have come with its past."""
    assert broken(store, "DELETE FROM revisions WHERE revision = 1 AND action = 'create' AND source IS NULL") == []


def test_a_number_beyond_reason_is_refused_and_nothing_is_changed(store: DuckDBStore) -> None:
    broken(store, f"UPDATE memories SET doc = {1 << 60} WHERE doc = {FIRST}")
    before = everything(store)

    with pytest.raises(UnavailableError, match="put a backup in its place"):
        repaired(store)
    assert everything(store) == before


def test_it_is_given_up_between_two_steps(store: DuckDBStore) -> None:
    def stop() -> None:
        raise UnavailableError("the server is stopping")

    with pytest.raises(UnavailableError, match="stopping"):
        store.examine(text_digest, stop)


def test_its_state_is_told_in_numbers(store: DuckDBStore, tmp_path: Path) -> None:
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "memories-v2.duckdb").write_bytes(b"12345")

    state = store.state()

    assert (state.memories, state.in_trash, state.revisions) == (COUNT - 2, 2, 8)
    assert (state.trashed_since, state.schema_version) == (START, 4)
    assert (state.snapshots, state.snapshot_bytes) == (1, 5)
    assert state.wal_bytes > 0
    assert state.free_bytes > state.floor_bytes == 0
