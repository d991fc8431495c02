"""Memories as JSON lines: what is written is what is read, and a broken line costs no other."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memory_core.changes import Action, Revision
from memory_core.errors import ConflictError, InvalidError, UnavailableError
from memory_core.formats.found import Left
from memory_core.formats.jsonl import Embedding, Record, line_of, read, read_records, record_of, write_jsonl
from memory_core.formats.table import recognised
from memory_core.types import Memory
from support.kept import kept, memories, names, shelf_of

numbers = st.floats(allow_nan=False, allow_infinity=False)
embeddings = st.integers(1, 4).flatmap(
    lambda dimension: st.builds(
        Embedding,
        model=st.text(min_size=1),
        revision=st.text(),
        dimension=st.just(dimension),
        vectors=st.lists(st.tuples(*[numbers] * dimension), min_size=1, max_size=3).map(tuple),
    )
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """A memory, its states before, and vectors, each where there are some."""
    memory = draw(memories)
    before = draw(st.lists(memories, max_size=2)) if memory.revision > 2 else []
    states = [memory] + [replace(one, id=memory.id, revision=2 - place) for place, one in enumerate(before)]
    history = tuple(draw(changes(state)) for state in states)
    return Record(memory=memory, history=draw(st.sampled_from([(), history])), embedding=draw(st.none() | embeddings))


def changes(state: Memory) -> st.SearchStrategy[Revision]:
    return st.builds(
        Revision,
        revision=st.just(state.revision),
        action=st.sampled_from(Action),
        at=st.just(state.updated_at),
        key=names,
        client_id=names,
        reason=names,
        batch_id=names,
        memory=st.just(state),
    )


@given(st.lists(records(), max_size=4, unique_by=lambda record: record.memory.id))
def test_any_memory_its_history_and_its_vectors_come_back_exactly(records: list[Record]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "memories.jsonl")

        assert write_jsonl(path, records) == len(records)

        assert list(read_records(path)) == records
        assert path.read_bytes().count(b"\n") == len(records)


@given(shelf_of(3))
def test_memories_alone_are_written_and_read_too(shelf: list) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "memories.jsonl")

        write_jsonl(path, shelf)

        assert list(read(path)) == shelf


def test_a_file_is_recognised_by_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "anything.txt"
    write_jsonl(path, [kept()])

    assert recognised(path).name == "jsonl"


def test_a_broken_line_is_left_and_the_rest_is_read(tmp_path: Path) -> None:
    good, other = kept(), kept("another", id="0" * 32)
    path = tmp_path / "memories.jsonl"
    whole = line_of(good)
    lines = [whole, b"\n", b"{broken\n", b'{"a": "\xff"}\n', b"[" * 20_000 + b"\n", whole, line_of(other), whole[:100]]
    path.write_bytes(b"".join(lines))

    found = list(read_records(path))

    assert [one.memory for one in found if isinstance(one, Record)] == [good, other]
    left = {one.where: one.why for one in found if isinstance(one, Left)}
    assert set(left) == {"line 3", "line 4", "line 5", "line 6", "line 8"}
    assert "stands in an earlier line" in left["line 6"]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (b'"content"', b'"contents"', "contents"),
        (b'{"id"', b'{"mood":"good","id"', "mood"),
        (b'"decision"', b'"dream"', "dream"),
        (b"We deploy on Fridays, only after lunch", b" ", "content is empty"),
        (b"3f2a0d1c9b8e4f7a8d6c5b4a39281706", b"3f2a", "32 hexadecimal digits"),
        (b"00.123456Z", b"00.123456+02:00", "not in UTC"),
        (b'"client_id"', b'"revision":0,"client_id"', "revision is 0"),
        (b'["deploy","team"]', b'["deploy","deploy"]', "twice"),
    ],
)
def test_a_line_that_no_store_would_keep_is_left_with_the_reason(
    tmp_path: Path, before: bytes, after: bytes, words: str
) -> None:
    path = tmp_path / "memories.jsonl"
    line = line_of(kept())
    assert before in line
    path.write_bytes(line.replace(before, after))

    (left,) = read_records(path)

    assert isinstance(left, Left)
    assert words in left.why


def a_revision(**fields: Any) -> Revision:  # Any: whatever field it is
    memory = kept()
    revision = Revision(
        revision=1,
        action=Action.CREATE,
        at=memory.created_at,
        key=None,
        client_id="laptop",
        reason=None,
        batch_id=None,
        memory=memory,
    )
    return replace(revision, **fields)


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ((a_revision(memory=kept("another")),), "not that of the memory"),
        ((a_revision(revision=2),), "states of another memory"),
        ((a_revision(), a_revision(memory=kept(id="0" * 32))), "states of another memory"),
        ((a_revision(), a_revision()), "not that of the memory"),
        ((a_revision(reason="a\nb"),), "control character"),
        ((a_revision(at=datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))),), "not in UTC"),
    ],
)
def test_a_history_that_is_not_that_of_the_memory_is_refused(history: tuple[Revision, ...], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        record_of(line_of(Record(memory=kept(), history=history)))


def test_a_field_of_a_past_state_that_nobody_knows_is_refused() -> None:
    line = line_of(Record(memory=kept(), history=(a_revision(),)))

    with pytest.raises(InvalidError, match="mood"):
        record_of(line.replace(b'"memory":{', b'"memory":{"mood":"good",'))


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(InvalidError, match="surrogate"):
        record_of(line_of(kept()).replace(b"We deploy", b"We \\ud83d deploy"))


def test_reading_memories_alone_says_what_else_the_file_has(tmp_path: Path) -> None:
    embedding = Embedding(model="m", revision="1", dimension=2, vectors=((1.0, 0.0),))
    path = tmp_path / "memories.jsonl"
    write_jsonl(path, [Record(memory=kept(), history=(a_revision(),), embedding=embedding)])

    memory, history, vectors = read(path)

    assert memory == kept()
    assert isinstance(history, Left)
    assert isinstance(vectors, Left)
    assert "memories that have some: 1" in history.why


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "memories.jsonl"
    path.write_text("mine", encoding="utf-8")

    with pytest.raises(ConflictError, match="exists already"):
        write_jsonl(path, [kept()])

    assert path.read_text(encoding="utf-8") == "mine"


def test_a_memory_that_cannot_be_kept_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="content is empty"):
        write_jsonl(tmp_path / "memories.jsonl", [kept(), kept(" ")])

    assert list(tmp_path.iterdir()) == []


def test_vectors_of_another_size_or_without_end_are_refused() -> None:
    with pytest.raises(InvalidError, match="not of 3 numbers"):
        Embedding(model="m", revision="1", dimension=3, vectors=((1.0, 0.0),))
    with pytest.raises(InvalidError, match="not finite"):
        Embedding(model="m", revision="1", dimension=1, vectors=((float("nan"),),))


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be written"):
        write_jsonl(tmp_path / "nowhere" / "memories.jsonl", [kept()])
