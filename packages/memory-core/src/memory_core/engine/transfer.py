"""Between a store and a Parquet file: what is taken in, what is left as it is, and how that is counted."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from memory_core.engine import lexical
from memory_core.engine.ports import EmbeddedEntry, ModelIdentity, Store, Vectors
from memory_core.memories import Progress
from memory_core.types import ImportReport, Memory, NewMemory


class Parquet(NamedTuple):
    """How a file is written and read. Given from outside: the library that does it is the store's, not the service's.

    `write` gives how many memories there were, and raises ConflictError if the file exists; `read` raises InvalidError
    where the file is no export.
    """

    write: Callable[[Path, Iterator[list[EmbeddedEntry]], Progress | None], int]
    read: Callable[[Path], Iterator[list[EmbeddedEntry]]]


def take_in(store: Store, batch: Sequence[EmbeddedEntry], model: ModelIdentity | None) -> ImportReport:
    """Insert what is not here; another model's vectors are left behind, those memories are embedded anew."""
    arriving = {entry.memory.id: entry for entry in batch}
    for entry in arriving.values():
        _check(entry.memory)
    here = store.import_entries([(lexical.entry(e.memory), _vectors(e, model)) for e in arriving.values()])
    conflicts = [i for i in here if store.get(i, trashed=None) != arriving[i].memory]
    return ImportReport(
        imported=len(arriving) - len(here), unchanged=len(here) - len(conflicts), conflicts=tuple(conflicts)
    )


def together(first: ImportReport, second: ImportReport) -> ImportReport:
    return ImportReport(
        imported=first.imported + second.imported,
        unchanged=first.unchanged + second.unchanged,
        conflicts=first.conflicts + second.conflicts,
    )


def _vectors(entry: EmbeddedEntry, model: ModelIdentity | None) -> Vectors | None:
    return entry.vectors if model is not None and entry.model == model else None


def _check(memory: Memory) -> None:
    """A file can hold anything: what could not have been added cannot be imported. Raises InvalidError."""
    NewMemory(**{name: getattr(memory, name) for name in NewMemory.__struct_fields__})
