"""What the founding project kept becomes memories of ours, with its ids and times; or a remark says why not.

Its files are read as they are published, and never changed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memory_core import checks
from memory_core.engine.founding import UNIX_EPOCH, memories_of, memories_of_session
from memory_core.engine.founding_files import MEMORIES, SESSIONS, read_founding
from memory_core.engine.parquet import write_parquet
from memory_core.errors import InvalidError
from memory_core.types import Memory, MemoryType
from support.founding import ALL_SESSIONS, founding_export, founding_store
from support.founding import MEMORIES as KEPT


def read(path: Path) -> tuple[dict[str, Memory], list[str]]:
    """By the first eight digits of their ids, and the remarks."""
    remarks: list[str] = []
    found = [entry.memory for batch in read_founding(path, remarks.append) for entry in batch]
    return {memory.id[:8]: memory for memory in found}, remarks


def row(**fields: Any) -> dict[str, Any]:
    plain = dict.fromkeys(MEMORIES) | {"id": "1a2b3c4d", "content": "text", "memory_type": "fact", "created_at": 0}
    return plain | fields


def one(**fields: Any) -> Memory:
    (memory,) = memories_of(row(**fields), lambda _: None)
    return memory


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return founding_store(tmp_path / "memories.duckdb")


def test_a_memory_keeps_its_text_its_marks_and_its_times(store: Path) -> None:
    found, _ = read(store)

    assert replace(found["1a2b3c4d"], id="") == Memory(
        id="",
        content="We deploy on Fridays, only after lunch",
        memory_type=MemoryType.DECISION,
        tags=("ops", "release"),
        source="chat",
        project_id="shop",
        client_id="laptop",
        session_id=None,
        certainty_score=0.9,
        quality_score=0.7,
        created_at=datetime(2025, 3, 1, 10, 0, 0, 123456, tzinfo=UTC),
        updated_at=datetime(2025, 3, 2, 8, 30, tzinfo=UTC),
    )
    assert found["00c0ffee"].content == "Straße, 東京, 🦆"


def test_what_is_left_out_or_changed_is_remarked_on(store: Path) -> None:
    found, remarks = read(store)

    assert remarks == [
        "memory feedbeef: its type 'TODO' is not known here; it became an observation with the tag type:TODO",
        "memory e0e0e0e0: left out, because it has no text",
        "memory 77777777: it has no time; it is kept as of 1970-01-01",
        "session 0badf00d: left out, because it has no summary, topics, decisions or open questions",
    ]
    assert (found["feedbeef"].memory_type, found["feedbeef"].tags) == (MemoryType.OBSERVATION, ("x", "type:TODO"))
    assert (found["77777777"].memory_type, found["77777777"].created_at) == (MemoryType.OBSERVATION, UNIX_EPOCH)
    assert len(found) == len(KEPT) - 1 + len(ALL_SESSIONS) - 1, "and all the rest is there"


def test_a_session_becomes_a_memory_that_holds_all_that_was_noted_of_it(store: Path) -> None:
    session = read(store)[0]["0badcafe"]

    assert session.content == (
        "Chose the ledger's format\n\nTopics:\n- ledger\n\nDecisions:\n- Amounts are integers\n\n"
        "Open questions:\n- Who rotates the keys?"
    )
    assert (session.memory_type, session.session_id, session.project_id) == (MemoryType.SESSION, "0badcafe", "shop")
    assert session.tags == ("ledger", "completed")
    assert session.created_at == datetime(2025, 3, 5, 9, tzinfo=UTC)
    assert session.updated_at == datetime(2025, 3, 5, 10, 30, tzinfo=UTC)


def test_the_same_file_gives_the_same_memories_again(store: Path) -> None:
    assert read(store) == read(store)


def test_a_store_of_its_first_versions_is_read_too(tmp_path: Path) -> None:
    found, _ = read(founding_store(tmp_path / "old.duckdb", oldest=True))

    assert len(found) == len(KEPT) - 1
    assert found["1a2b3c4d"].certainty_score == 0.7


def test_its_parquet_export_gives_the_same_ids_without_scores_and_sessions(store: Path, tmp_path: Path) -> None:
    whole, _ = read(store)
    exported, _ = read(founding_export(tmp_path / "export.parquet", store))

    assert exported == {
        short: replace(memory, certainty_score=0.7) for short, memory in whole.items() if short != "0badcafe"
    }


def test_what_is_only_in_its_log_is_read_and_no_byte_is_changed(tmp_path: Path) -> None:
    late = {"id": "11111111", "content": "In the log", "created_at": "2025-04-01 00:00:00+00"}
    path = founding_store(tmp_path / "memories.duckdb", in_log=[late])
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert len(before) == 2

    assert read(path)[0]["11111111"].content == "In the log"
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_two_stores_that_gave_one_id_twice_do_not_meet() -> None:
    """32 bits are few: a laptop's store and a server's may have used the same digits."""
    first, second = one(created_at=1), one(created_at=2)

    assert first.id[:8] == second.id[:8] == "1a2b3c4d"
    assert first.id != second.id


@pytest.mark.parametrize(
    ("old", "beginning"),
    [
        ("ABCD1234", "abcd1234"),
        ("0123abcd-0123-0123-0123-0123456789ab", "0123abcd0123012301230123456789ab"),
        ("näh", ""),
    ],
)
def test_any_id_becomes_one_of_ours(old: str, beginning: str) -> None:
    memory = one(id=old)

    assert memory.id.startswith(beginning)
    assert len(memory.id) == 32
    assert set(memory.id) <= set("0123456789abcdef")


def test_a_text_that_is_too_long_becomes_parts_that_make_it_again() -> None:
    text = "\n\n".join(f"Paragraph {n} ü" * 50 for n in range(200))
    remarks: list[str] = []

    parts = memories_of(row(content=text), remarks.append)

    assert "".join(part.content for part in parts) == text
    assert len(parts) == 3
    assert all(len(part.content.encode()) <= checks.MAX_CONTENT_BYTES for part in parts)
    assert [part.id.startswith("1a2b3c4d") for part in parts] == [True, False, False], "so the old id names the first"
    assert parts[1].tags == ("part-of:1a2b3c4d", "part 2 of 3")
    assert remarks == [
        "memory 1a2b3c4d: its text is longer than one memory holds; it became 3 with the tag part-of:1a2b3c4d"
    ]


def test_values_that_do_not_fit_are_made_to_fit_and_remarked_on() -> None:
    remarks: list[str] = []
    odd = row(
        content="a\0b", source="one\nline", project_id=" ", client_id="x" * 300, tags=["t" * 200, *map(str, range(70))],
        certainty_score=1.5, quality_score=float("nan"), updated_at=2**62,
    )  # fmt: skip

    (memory,) = memories_of(odd, remarks.append)

    assert (memory.content, memory.source, memory.project_id) == ("a\ufffdb", "one line", None)
    assert (memory.client_id, len(memory.tags)) == ("x" * 256, 64)
    assert (memory.certainty_score, memory.quality_score) == (1.0, 0.7)
    assert memory.updated_at == memory.created_at == UNIX_EPOCH
    said = "\n".join(remarks)
    for part in ("NUL", "source was", "client_id was", "too long", "more tags", "certainty_score is 1.5", "nan"):
        assert part in said


def values() -> Iterator[tuple[str, st.SearchStrategy[Any]]]:
    text = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
    for name in {**MEMORIES, **SESSIONS}:
        if name in ("tags", "topics", "decisions", "open_questions"):
            yield name, st.none() | st.lists(text, max_size=80)
        elif name.endswith("_at"):
            yield name, st.none() | st.integers(-(2**62), 2**62)
        elif name.endswith("_score"):
            yield name, st.none() | st.floats()
        else:
            yield name, st.text(max_size=12) if name == "id" else text


@given(row=st.fixed_dictionaries(dict(values())))
def test_whatever_a_row_holds_what_becomes_of_it_is_a_memory_or_a_remark(row: dict[str, Any]) -> None:
    for make in (memories_of, memories_of_session):
        remarks: list[str] = []
        memories = make(row, remarks.append)
        assert memories or remarks
        for memory in memories:
            checks.content(memory.content)
            checks.names(memory, "source", "project_id", "client_id", "session_id")
            checks.scores(memory, "certainty_score", "quality_score")
            assert checks.tags(memory.tags) == memory.tags
            assert len(memory.id) == 32


@pytest.mark.parametrize("statement", ["CREATE TABLE invoices (a INTEGER)", "CREATE VIEW memories AS SELECT 1 AS id"])
def test_another_programs_file_is_refused(tmp_path: Path, statement: str) -> None:
    with duckdb.connect(tmp_path / "other.duckdb") as connection:
        connection.execute(statement)

    with pytest.raises(InvalidError, match="no store or export of claude-local-memory-server"):
        read(tmp_path / "other.duckdb")


def test_a_view_that_reads_other_files_is_not_followed(tmp_path: Path) -> None:
    """Who may send a file may not have the server read another."""
    (tmp_path / "secret.csv").write_text("secret\n", encoding="utf-8")
    with duckdb.connect(tmp_path / "evil.duckdb") as connection:
        view = f"SELECT 'a' AS id, secret AS content, 'fact' AS memory_type FROM read_csv('{tmp_path}/secret.csv')"
        connection.execute(f"CREATE VIEW memories AS {view}")

    with pytest.raises(InvalidError):
        read(tmp_path / "evil.duckdb")


@pytest.mark.parametrize("content", [b"", b"no database at all\n" * 100, b"12345678DUCK" + bytes(5000), b"PAR1 no"])
def test_what_is_no_database_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(InvalidError) as caught:
        read(tmp_path / "file")
    assert "\n" not in str(caught.value)


def test_an_export_of_ours_is_not_taken_for_one_of_theirs(tmp_path: Path) -> None:
    write_parquet(tmp_path / "ours.parquet", iter([]))

    with pytest.raises(InvalidError, match="no store or export of claude-local-memory-server"):
        read(tmp_path / "ours.parquet")
