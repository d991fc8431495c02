"""Everything out in batches, as of one moment; and in again, without touching what is here."""

from collections.abc import Iterator, Mapping, Sequence

from memory_core.engine.ports import Act, EmbeddedEntry, Entry, ModelIdentity, Past, Vectors, check_vectors
from memory_core.engine.stores.duckdb import imports, reads, revisions, vectors, writes
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import COLUMNS, WIDTH, memory_of
from memory_core.engine.stores.duckdb.vectors import VectorTable
from memory_core.types import Memory

BATCH = 500

DOCS = "SELECT doc FROM memories ORDER BY doc"
BETWEEN = "SELECT {columns}, doc FROM memories WHERE doc BETWEEN $low AND $high ORDER BY doc"


def export(cursor: Cursor) -> Iterator[list[EmbeddedEntry]]:
    """In the order of writing. The transaction of `cursor` is the moment."""
    table = vectors.current_table(cursor)
    docs = [row[0] for row in cursor.execute(DOCS).fetchall()]
    for start in range(0, len(docs), BATCH):
        span = docs[start : start + BATCH]
        yield _batch(cursor, table, span[0], span[-1])


def _batch(cursor: Cursor, table: VectorTable | None, low: int, high: int) -> list[EmbeddedEntry]:
    rows = cursor.execute(BETWEEN.format(columns=COLUMNS), {"low": low, "high": high}).fetchall()
    embedded = vectors.vectors_between(cursor, table, low, high) if table else {}
    memories = [memory_of(row) for row in rows]
    histories = revisions.histories(cursor, [memory.id for memory in memories])
    return [
        EmbeddedEntry(
            memory=memory,
            model=table.model if table and row[WIDTH] in embedded else None,
            vectors=embedded.get(row[WIDTH]),
            history=histories.get(memory.id, ()),
        )
        for memory, row in zip(memories, rows, strict=True)
    ]


def import_entries(
    cursor: Cursor,
    entries: Sequence[tuple[Entry, Vectors | None]],
    model: ModelIdentity | None,
    act: Act | None,
    pasts: Mapping[str, Past] | None,
) -> list[Memory]:
    """What stays as it was, for each entry whose id was here already, one given twice included."""
    here = {memory.id: memory for memory in reads.among(cursor, [entry.memory.id for entry, _ in entries])}
    known: list[Memory] = []
    new: list[tuple[Entry, Vectors | None]] = []
    for entry, given in entries:
        if (memory := here.get(entry.memory.id)) is not None:
            known.append(memory)
        else:
            here[entry.memory.id] = entry.memory
            new.append((entry, given))
    docs = writes.insert(cursor, [entry for entry, _ in new], act, pasts)
    if act is not None and pasts:
        imports.remember(cursor, act, [entry.memory for entry, _ in new if entry.memory.id in pasts])
    embedded = {doc: given for doc, (_, given) in zip(docs, new, strict=True) if given is not None}
    if embedded:
        _embed(cursor, embedded, model)
    return known


def _embed(cursor: Cursor, embedded: dict[int, Vectors], model: ModelIdentity | None) -> None:
    table = vectors.table_in_use(cursor)
    if model is not None and table.model != model:
        return  # another one took over since these were read
    for given in embedded.values():
        check_vectors(given, table.model)
    vectors.insert_vectors(cursor, table, embedded)
    vectors.unqueue(cursor, embedded)
