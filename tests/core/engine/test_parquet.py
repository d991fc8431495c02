"""An export file: lossless, whole or absent, and never trusted when it comes back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory_core.engine.parquet import read_parquet, write_parquet
from memory_core.engine.ports import EmbeddedEntry
from memory_core.errors import ConflictError, InvalidError, UnavailableError
from memory_core.types import MemoryType
from support.disks import small_disk
from support.entries import MODEL, OTHER_MODEL, START, entry, random_vectors

FULL = entry(
    "Straße 🦆\nsecond line",
    memory_type=MemoryType.DECISION,
    tags=("a", "ü,;'\""),
    source="a book",
    project_id="github.com/acme/shop",
    client_id="laptop",
    session_id="s1",
    certainty_score=0.1 + 0.2,
    quality_score=1.0,
    created_at=datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    deleted_at=START,
)


def without_vectors(number: int = 0) -> EmbeddedEntry:
    return EmbeddedEntry(memory=entry(f"memory {number}").memory, model=None, vectors=None)


def back(path: Path) -> list[EmbeddedEntry]:
    return [one for batch in read_parquet(path) for one in batch]


def assert_same(left: list[EmbeddedEntry], right: list[EmbeddedEntry]) -> None:
    assert [(one.memory, one.model) for one in left] == [(one.memory, one.model) for one in right]
    for one, other in zip(left, right, strict=True):
        assert (one.vectors is None) == (other.vectors is None)
        if one.vectors is not None and other.vectors is not None:
            assert other.vectors.dtype == np.float32
            assert np.array_equal(one.vectors, other.vectors)


def test_everything_comes_back_exactly_and_in_order(tmp_path: Path) -> None:
    written = [
        EmbeddedEntry(memory=FULL.memory, model=MODEL, vectors=random_vectors(1, pieces=3)),
        without_vectors(),
        EmbeddedEntry(memory=entry("one piece").memory, model=MODEL, vectors=random_vectors(2)),
        EmbeddedEntry(memory=entry("other").memory, model=OTHER_MODEL, vectors=random_vectors(3, dimension=64)),
    ]

    assert write_parquet(tmp_path / "all.parquet", iter([written[:1], [], written[1:]])) == 4

    assert_same(written, back(tmp_path / "all.parquet"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip),
    at=st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds the zone
    score=st.floats(0, 1),
    pieces=st.integers(1, 4),
)
def test_any_text_time_and_score_survives(
    tmp_path: Path, content: str, at: datetime, score: float, pieces: int
) -> None:
    path = tmp_path / "any.parquet"
    path.unlink(missing_ok=True)
    memory = entry(content, created_at=at, updated_at=at, certainty_score=score).memory
    written = [EmbeddedEntry(memory=memory, model=MODEL, vectors=random_vectors(pieces, pieces))]

    write_parquet(path, iter([written]))

    assert_same(written, back(path))


def test_many_batches_come_back_in_their_order(tmp_path: Path) -> None:
    batches = [[without_vectors(start + n) for n in range(400)] for start in range(0, 2000, 400)]
    steps: list[tuple[int, int | None]] = []

    write_parquet(tmp_path / "many.parquet", iter(batches), lambda done, total: steps.append((done, total)))

    assert [one.memory.content for one in back(tmp_path / "many.parquet")] == [f"memory {n}" for n in range(2000)]
    assert steps == [(done, None) for done in range(400, 2001, 400)]


def test_an_export_of_nothing_is_a_file_of_nothing(tmp_path: Path) -> None:
    assert write_parquet(tmp_path / "empty.parquet", iter([])) == 0

    assert back(tmp_path / "empty.parquet") == []


def test_other_programs_read_the_times_as_utc(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", iter([[without_vectors()]]))

    with duckdb.connect() as plain:
        plain.execute("SET TimeZone = 'Asia/Tokyo'")
        query = f"SELECT epoch_us(created_at), typeof(created_at) FROM '{tmp_path}/a.parquet'"
        assert plain.execute(query).fetchall() == [(int(START.timestamp() * 1e6), "TIMESTAMP WITH TIME ZONE")]


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.parquet").write_text("precious", encoding="utf-8")

    with pytest.raises(ConflictError, match="exists already"):
        write_parquet(tmp_path / "mine.parquet", iter([[without_vectors()]]))

    assert (tmp_path / "mine.parquet").read_text(encoding="utf-8") == "precious"


def test_a_file_that_took_the_name_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    def batches() -> Iterator[list[EmbeddedEntry]]:
        yield [without_vectors()]
        (tmp_path / "mine.parquet").write_text("precious", encoding="utf-8")

    with pytest.raises(ConflictError):
        write_parquet(tmp_path / "mine.parquet", batches())

    assert [(file.name, file.read_text(encoding="utf-8")) for file in tmp_path.iterdir()] == [
        ("mine.parquet", "precious")
    ]


def test_a_failure_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    def batches() -> Iterator[list[EmbeddedEntry]]:
        yield [without_vectors()]
        raise UnavailableError("the store is closing")

    with pytest.raises(UnavailableError, match="closing"):
        write_parquet(tmp_path / "half.parquet", batches())

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be written"):
        write_parquet(tmp_path / "nowhere" / "a.parquet", iter([[without_vectors()]]))


def test_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    entries = [EmbeddedEntry(memory=entry("x").memory, model=MODEL, vectors=random_vectors(n, 50)) for n in range(200)]
    with small_disk(tmp_path / "disk", 1) as disk:
        with pytest.raises(Exception, match="disk") as caught:
            write_parquet(disk / "big.parquet", iter([entries]))

        assert caught.type.__name__ == "StorageFullError"
        assert list(disk.iterdir()) == []


def test_odd_names_are_names(tmp_path: Path) -> None:
    for name in ("it's.parquet", "a b.parquet", "50%.parquet"):
        write_parquet(tmp_path / name, iter([[without_vectors()]]))
        assert len(back(tmp_path / name)) == 1


# Reading what is not ours


def written_by_another(path: Path, query: str) -> Path:
    with duckdb.connect() as plain:
        plain.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def tampered(tmp_path: Path, change: str) -> Path:
    written = [EmbeddedEntry(memory=entry("fine").memory, model=MODEL, vectors=random_vectors(1))]
    write_parquet(tmp_path / "good.parquet", iter([written]))
    return written_by_another(tmp_path / "bad.parquet", f"SELECT * REPLACE ({change}) FROM '{tmp_path}/good.parquet'")


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = written_by_another(tmp_path / "other.parquet", "SELECT 1 AS id, 'x' AS content")

    with pytest.raises(InvalidError, match="no column memory_type, tags, source"):
        back(path)


@pytest.mark.parametrize("content", [b"", b"id,content\n1,x\n", b"PAR1" + bytes(100) + b"PAR1"])
def test_what_is_no_parquet_is_said_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "no.parquet").write_bytes(content)

    with pytest.raises(InvalidError, match="cannot be read as an export") as caught:
        back(tmp_path / "no.parquet")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="there is no file"):
        back(tmp_path / "none.parquet")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("'' AS content", "content is empty"),
        ("repeat('x', 70000) AS content", "content is 70,000 bytes"),
        ("chr(0) || 'x' AS content", "NUL"),
        ("'song' AS memory_type", "song"),
        ("NULL AS memory_type", "memory_type"),
        ("'short' AS id", "id is 'short'"),
        ("NULL AS id", "id"),
        ("NULL AS created_at", "created_at"),
        ("TIMESTAMP '200000-01-01' AS created_at", "cannot be|created_at"),
        ("'infinity'::TIMESTAMP AS updated_at", "updated_at"),
        ("'yesterday' AS created_at", "cannot be read"),
        ("2.0 AS certainty_score", "certainty_score is 2.0"),
        ("'nan'::DOUBLE AS quality_score", "quality_score is nan"),
        ("['a', 'a'] AS tags", "a tag is given twice"),
        ("['a', NULL] AS tags", "tags"),
        ("'tags' AS tags", "cannot be read"),
        ("'line' || chr(10) AS project_id", "project_id contains a control character"),
        ("NULL AS embedding_model", "embedding_model|name"),
        ("7 AS embedding_dimension", "not of 7 numbers"),
        ("[[0.0]]::FLOAT[][] AS embedding", "not of 100 numbers"),
        ("[list_transform(range(100), lambda i: 'nan'::FLOAT)] AS embedding", "not finite"),
        ("[list_transform(range(100), lambda i: 0::FLOAT)] AS embedding", "unit length"),
        ("[NULL]::FLOAT[][] AS embedding", "embedding"),
        ("[]::FLOAT[][] AS embedding", "not of 100 numbers"),
    ],
)
def test_a_value_that_no_memory_has_is_refused(tmp_path: Path, change: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words) as caught:
        back(tampered(tmp_path, change))
    assert "\n" not in str(caught.value)


def test_a_reader_may_stop_early(tmp_path: Path) -> None:
    write_parquet(tmp_path / "many.parquet", iter([[without_vectors(n) for n in range(1500)]]))

    batches = read_parquet(tmp_path / "many.parquet")
    assert len(next(batches)) > 0
    batches.close()  # type: ignore[attr-defined]  # a generator, as is every iterator of batches
