"""Memories and their vectors as JSON lines, exactly and both ways. What a line holds is `formats.jsonl`'s.

Numbers are written as short as they can be without becoming another float32: all digits that a float64 has would
double the file.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from memory_core.engine.ports import EmbeddedEntry, ModelIdentity, Vectors, check_vectors
from memory_core.errors import InvalidError
from memory_core.formats.jsonl import Embedding, Record, record_of, write_jsonl
from memory_core.memories import Progress

BATCH = 500
_DECIMALS = 9  # of most numbers of a vector of unit length that is all there is in a float32


def write_lines(path: Path, batches: Iterator[list[EmbeddedEntry]], progress: Progress | None = None) -> int:
    """Write all of `batches` to the new file `path`, which appears whole or not at all; how many entries it has."""

    def records() -> Iterator[Record]:
        done = 0
        for batch in batches:
            yield from map(_record, batch)
            done += len(batch)
            if progress is not None:
                progress(done, None)

    return write_jsonl(path, records())


def read_lines(path: Path) -> Iterator[list[EmbeddedEntry]]:
    """What `write_lines` wrote, in its order. Raises InvalidError at the first line that is no memory."""
    batch: list[EmbeddedEntry] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                batch.append(_entry(record_of(line)))
            except InvalidError as error:
                raise InvalidError(f"line {number} of the file cannot be taken: {error}") from error
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _record(entry: EmbeddedEntry) -> Record:
    embedding = None
    if entry.vectors is not None and entry.model is not None:
        model = entry.model
        embedding = Embedding(
            model=model.name, revision=model.revision, dimension=model.dimension, vectors=_numbers(entry.vectors)
        )
    return Record(memory=entry.memory, history=entry.history, embedding=embedding)


def _numbers(vectors: Vectors) -> tuple[tuple[float, ...], ...]:
    exact = vectors.astype(np.float64)
    short = exact.round(_DECIMALS)
    return tuple(map(tuple, np.where(short.astype(np.float32) == vectors, short, exact).tolist()))


def _entry(record: Record) -> EmbeddedEntry:
    found = record.embedding
    if found is None:
        return EmbeddedEntry(memory=record.memory, model=None, vectors=None, history=record.history)
    model = ModelIdentity(name=found.model, revision=found.revision, dimension=found.dimension)
    vectors = np.array(found.vectors, dtype=np.float32)
    check_vectors(vectors, model)
    return EmbeddedEntry(memory=record.memory, model=model, vectors=vectors, history=record.history)
