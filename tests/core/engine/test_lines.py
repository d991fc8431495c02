"""JSON lines with vectors: lossless, and refused with the number of the line where something is wrong."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from msgspec.structs import replace

from memory_core.engine.incoming import read_file
from memory_core.engine.lines import BATCH, read_lines, write_lines
from memory_core.engine.parquet import write_parquet
from memory_core.engine.ports import EmbeddedEntry
from memory_core.errors import ConflictError, InvalidError
from memory_core.formats.jsonl import Embedding, Record, line_of
from support.entries import MODEL, entry, random_vectors


def an_entry(number: int, *, pieces: int = 1) -> EmbeddedEntry:
    memory = entry(f"memory {number}").memory
    return EmbeddedEntry(memory=memory, model=MODEL, vectors=random_vectors(number, pieces=pieces))


def back(path: Path) -> list[EmbeddedEntry]:
    return [one for batch in read_file(path, print) for one in batch]


def test_everything_comes_back_exactly_and_in_order(tmp_path: Path) -> None:
    written = [an_entry(number, pieces=1 + number % 3) for number in range(5)]
    written.append(EmbeddedEntry(memory=entry("no vectors").memory, model=None, vectors=None))
    path = tmp_path / "all.jsonl"

    assert write_lines(path, iter([written[:2], [], written[2:]])) == 6

    assert [(one.memory, one.model) for one in back(path)] == [(one.memory, one.model) for one in written]
    for one, other in zip(back(path), written, strict=True):
        assert (one.vectors is None) == (other.vectors is None)
        if one.vectors is not None and other.vectors is not None:
            assert one.vectors.dtype == np.float32
            assert np.array_equal(one.vectors, other.vectors)


@given(arrays(np.float32, 8, elements=st.floats(-1, 1, width=32)).filter(lambda row: np.linalg.norm(row) > 1e-3))
def test_any_vector_of_unit_length_comes_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, row: "np.ndarray[tuple[int], np.dtype[np.float32]]"
) -> None:
    vectors = (row / np.linalg.norm(row.astype(np.float64))).astype(np.float32)[np.newaxis]
    path = tmp_path_factory.mktemp("any") / "one.jsonl"
    one = EmbeddedEntry(memory=entry("x").memory, model=replace(MODEL, dimension=8), vectors=vectors)
    write_lines(path, iter([[one]]))

    (only,) = back(path)

    assert only.vectors is not None
    assert np.array_equal(only.vectors.view(np.uint32), vectors.view(np.uint32))


def test_which_format_a_file_has_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    written = [an_entry(number) for number in range(3)]
    write_lines(tmp_path / "misnamed.parquet", iter([written]))
    write_parquet(tmp_path / "misnamed.jsonl", iter([written]))

    lines, parquet = back(tmp_path / "misnamed.parquet"), back(tmp_path / "misnamed.jsonl")

    assert [one.memory for one in lines] == [one.memory for one in parquet] == [one.memory for one in written]


def test_a_long_file_comes_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(b"\n".join(line_of(entry(f"memory {number}").memory) for number in range(BATCH + 1)))

    assert [len(batch) for batch in read_lines(path)] == [BATCH, 1]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{broken", "JSON"),
        (b"PAR", "JSON"),
        (b"\xff\xfe", "line 3"),
        (line_of(entry("x").memory).replace(b'"content":"x"', b'"content":"\\ud800"'), "surrogate"),
        (line_of(entry("x").memory).replace(b'"content":"x"', b'"content":" "'), "content is empty"),
        (
            line_of(
                Record(
                    memory=entry("x").memory,
                    embedding=Embedding(model="m", revision="1", dimension=2, vectors=((3.0, 4.0),)),
                )
            ),
            "unit length",
        ),
    ],
    ids=["broken", "of another format", "no text", "a surrogate", "blank", "a vector too long"],
)
def test_a_bad_line_is_refused_by_its_number(tmp_path: Path, line: bytes, words: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(line_of(entry("good").memory) + b"\n" + line + b"\n")

    with pytest.raises(InvalidError, match=r"line 3 of the file cannot be taken") as refused:
        back(path)

    assert words in str(refused.value)


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text("precious", encoding="utf-8")

    with pytest.raises(ConflictError):
        write_lines(path, iter([[an_entry(1)]]))

    assert path.read_text(encoding="utf-8") == "precious"
