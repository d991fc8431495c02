"""Memories and their vectors as one Parquet file, exactly and both ways. Stays out of it: where they come from or go.

A scratch DuckDB in memory is the codec; what does not fit its memory limit waits in a folder beside the file. Times
are UTC with their microseconds, embeddings a list of pieces of float32. A file from elsewhere is checked value by
value before anything of it is taken.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import MAXYEAR, UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from msgspec import convert, json
from numpy.typing import NDArray

from memory_core import system
from memory_core.changes import Revision
from memory_core.engine import scratch
from memory_core.engine.ports import EmbeddedEntry, ModelIdentity, Vectors, check_vectors
from memory_core.errors import ConflictError, InvalidError, StorageFullError, UnavailableError
from memory_core.files import first_line, sync_file
from memory_core.formats.found import BROKEN_JSON, check, check_history
from memory_core.memories import Progress
from memory_core.types import Memory

BATCH = 500
TYPES = {
    "id": "VARCHAR",
    "content": "VARCHAR",
    "memory_type": "VARCHAR",
    "tags": "VARCHAR[]",
    "source": "VARCHAR",
    "project_id": "VARCHAR",
    "client_id": "VARCHAR",
    "session_id": "VARCHAR",
    "certainty_score": "DOUBLE",
    "quality_score": "DOUBLE",
    "created_at": "TIMESTAMP",
    "updated_at": "TIMESTAMP",
    "deleted_at": "TIMESTAMP",
    "expires_at": "TIMESTAMP",
    "review_by": "TIMESTAMP",
    "topic_key": "VARCHAR",
    "superseded_by": "VARCHAR",
    "revision": "INTEGER",
    "history": "VARCHAR",
    "embedding_model": "VARCHAR",
    "embedding_revision": "VARCHAR",
    "embedding_dimension": "INTEGER",
}
TIMES = ("created_at", "updated_at", "deleted_at", "expires_at", "review_by")
COLUMNS = (*TYPES, "embedding")
LATER = frozenset({"expires_at", "review_by", "topic_key", "superseded_by", "revision", "history"})
"""What exports of earlier versions do not have."""
CREATE = "CREATE TABLE entries (place BIGINT, {columns}, embedding FLOAT[][])"
# The numbers come as one long column, cut into pieces here: binding lists of lists costs ten times as much.
APPEND = """
INSERT INTO entries
SELECT scalars.*, pieces.embedding
FROM (SELECT unnest(range($start, $end)) AS place, {columns}) AS scalars
LEFT JOIN (
    SELECT place, list(piece ORDER BY number) AS embedding
    FROM (SELECT place, number, list(value ORDER BY position) AS piece FROM numbers GROUP BY place, number)
    GROUP BY place
) AS pieces USING (place)
ORDER BY place
"""
# With their zone, so that every reader of the file takes the times for UTC.
_ZONED = ", ".join(f"{name} AT TIME ZONE 'UTC' AS {name}" for name in TIMES)
WRITE = (
    "COPY (SELECT * EXCLUDE (place) REPLACE ({zoned}) FROM entries ORDER BY place) "
    "TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
)
DESCRIBE = "SELECT column_name FROM (DESCRIBE FROM read_parquet($path))"
READ = "SELECT {columns}, embedding::FLOAT[][] FROM read_parquet($path)"


def write_parquet(path: Path, batches: Iterator[list[EmbeddedEntry]], progress: Progress | None = None) -> int:
    """Write all of `batches` to the new file `path`, which appears whole or not at all; how many entries it has."""
    if path.exists():
        raise ConflictError(f"{path} exists already; choose another name, nothing is overwritten")
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        with scratch.opened(spill=temporary.with_name(temporary.name + ".spill")) as connection:
            total = _fill(connection, batches, progress)
            with temporary.open("xb"):
                temporary.chmod(0o600)
            connection.execute(WRITE.format(zoned=_ZONED, path=_quoted(temporary))).fetchall()
        _publish(temporary, path)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written: {error.strerror}") from error
    except duckdb.IOException as error:
        if system.says_full(str(error)):
            raise StorageFullError(f"the disk of {path.parent} is full; nothing was exported") from error
        raise UnavailableError(f"{path} cannot be written: {first_line(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return total


def read_parquet(path: Path) -> Iterator[list[EmbeddedEntry]]:
    """What `write_parquet` wrote, in its order. Raises InvalidError at the first thing that is no memory."""
    if not path.is_file():
        raise InvalidError(f"there is no file {path}")
    with scratch.opened() as connection:
        try:
            columns = _casts(_present_columns(connection, path))
            rows = connection.execute(READ.format(columns=columns), {"path": str(path)})
            start = 0
            while batch := rows.fetchmany(BATCH):
                yield [_entry(row, place) for place, row in enumerate(batch, start=start + 1)]
                start += len(batch)
        except duckdb.Error as error:
            raise InvalidError(f"{path.name} cannot be read as an export: {first_line(error)}") from error


def _fill(
    connection: duckdb.DuckDBPyConnection, batches: Iterator[list[EmbeddedEntry]], progress: Progress | None
) -> int:
    connection.execute(CREATE.format(columns=", ".join(f"{name} {kind}" for name, kind in TYPES.items()))).fetchall()
    total = 0
    for batch in batches:
        _append(connection, batch, total)
        total += len(batch)
        if progress is not None:
            progress(total, None)
    return total


def _append(connection: duckdb.DuckDBPyConnection, batch: Sequence[EmbeddedEntry], start: int) -> None:
    if not batch:
        return
    columns = zip(*map(_scalars, batch), strict=True)
    values: dict[str, Any] = dict(zip(TYPES, map(list, columns), strict=True))
    connection.register("numbers", _numbers(batch, start))
    lists = ", ".join(f"unnest(${name}::{kind}[]) AS {name}" for name, kind in TYPES.items())
    connection.execute(APPEND.format(columns=lists), values | {"start": start, "end": start + len(batch)}).fetchall()
    connection.unregister("numbers")


def _scalars(entry: EmbeddedEntry) -> tuple[Any, ...]:
    memory, model = entry.memory, entry.model
    values = [getattr(memory, name) for name in Memory.__struct_fields__]
    values = [v.astimezone(UTC).replace(tzinfo=None) if isinstance(v, datetime) else v for v in values]
    history = json.encode(entry.history).decode() if entry.history else None
    identity = (model.name, model.revision, model.dimension) if model else (None, None, None)
    return (*values, history, *identity)


def _numbers(batch: Sequence[EmbeddedEntry], start: int) -> dict[str, NDArray[Any]]:
    """Every number of every piece, with where it belongs."""
    shapes = [(0, 0) if entry.vectors is None else entry.vectors.shape for entry in batch]
    flat = [np.asarray(entry.vectors, dtype=np.float32).ravel() for entry in batch if entry.vectors is not None]
    empty = [np.zeros(0, dtype=np.int64)]
    return {
        "place": np.repeat(np.arange(start, start + len(batch)), [pieces * size for pieces, size in shapes]),
        "number": np.concatenate(empty + [np.repeat(np.arange(pieces), size) for pieces, size in shapes]),
        "position": np.concatenate(empty + [np.tile(np.arange(size), pieces) for pieces, size in shapes]),
        "value": np.concatenate([np.zeros(0, dtype=np.float32), *flat]),
    }


def _publish(temporary: Path, path: Path) -> None:
    """Durable before it has its name; a file that took the name meanwhile stays."""
    sync_file(temporary)
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise ConflictError(f"{path} exists already; choose another name, nothing is overwritten") from error
    except OSError:  # a file system without hard links
        system.replace(temporary, path)


def _present_columns(connection: duckdb.DuckDBPyConnection, path: Path) -> set[str]:
    present = {row[0] for row in connection.execute(DESCRIBE, {"path": str(path)}).fetchall()}
    if missing := [name for name in COLUMNS if name not in present | LATER]:
        raise InvalidError(f"{path.name} is not an export of memories: it has no column {', '.join(missing)}")
    return present


def _casts(present: set[str]) -> str:
    return ", ".join(f"{name if name in present else 'NULL'}::{kind}" for name, kind in TYPES.items())


def _entry(row: tuple[Any, ...], line: int) -> EmbeddedEntry:
    fields = dict(zip(COLUMNS, row, strict=True))
    try:
        memory = _memory(fields)
        model = _model(fields)
        return EmbeddedEntry(
            memory=memory,
            model=model,
            vectors=_vectors(fields["embedding"], model),
            history=_history(fields["history"], memory),
        )
    except (InvalidError, *BROKEN_JSON) as error:
        raise InvalidError(f"memory {line} of the file cannot be taken: {error}") from error


def _memory(fields: dict[str, Any]) -> Memory:
    given = {name: fields[name] for name in Memory.__struct_fields__}
    for name in TIMES:
        given[name] = _moment(name, given[name])
    if given["revision"] is None:
        del given["revision"]
    return check(convert(given, Memory))


def _history(text: str | None, memory: Memory) -> tuple[Revision, ...]:
    if text is None:
        return ()
    history = json.decode(text, type=tuple[Revision, ...])
    if not history:
        raise InvalidError("history is empty")
    check_history(history, memory)
    return history


def _moment(name: str, value: Any) -> datetime | None:  # Any: what Python cannot hold comes as text
    if value is None:
        return None
    if not isinstance(value, datetime) or value.year == MAXYEAR:  # which is how infinity comes
        raise InvalidError(f"{name} is no time of this era")
    return value.replace(tzinfo=UTC)


def _model(fields: dict[str, Any]) -> ModelIdentity | None:
    if fields["embedding"] is None:
        return None
    given = {"name": fields["embedding_model"], "revision": fields["embedding_revision"]}
    return convert(given | {"dimension": fields["embedding_dimension"]}, ModelIdentity)


def _vectors(pieces: list[list[float] | None] | None, model: ModelIdentity | None) -> Vectors | None:
    if pieces is None or model is None:
        return None
    if not pieces or any(len(piece or ()) != model.dimension for piece in pieces):
        raise InvalidError(f"embedding has pieces that are not of {model.dimension} numbers")
    vectors = np.array(pieces, dtype=np.float32)
    check_vectors(vectors, model)
    return vectors


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
