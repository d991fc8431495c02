"""Between a store and a Parquet file: what is taken in, what is left as it is, and how that is counted."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from memory_core.changes import Revision
from memory_core.engine import lexical
from memory_core.engine.ports import Act, EmbeddedEntry, ModelIdentity, Past, Store, Vectors
from memory_core.memories import Progress
from memory_core.types import ImportReport


class Parquet(NamedTuple):
    """How a file is written and read. Given from outside: the library that does it is the store's, not the service's.

    `write` gives how many memories there were, and raises ConflictError if the file exists; `read` raises InvalidError
    where the file is no export.
    """

    write: Callable[[Path, Iterator[list[EmbeddedEntry]], Progress | None], int]
    read: Callable[[Path], Iterator[list[EmbeddedEntry]]]


def take_in(store: Store, batch: Sequence[EmbeddedEntry], model: ModelIdentity | None, act: Act) -> ImportReport:
    """Insert what is not here, with vectors of `model` if that is in use; other memories are embedded anew."""
    known = store.import_entries(
        [(lexical.entry(each.memory), _vectors(each, model)) for each in batch],
        model=model,
        act=act,
        pasts={each.memory.id: _past(each.history) for each in batch if each.history},
    )
    here = {memory.id: memory for memory in known}
    conflicts = [e.memory.id for e in batch if e.memory.id in here and e.memory != here[e.memory.id]]
    return ImportReport(
        imported=len(batch) - len(known), unchanged=len(known) - len(conflicts), conflicts=tuple(conflicts)
    )


def _past(history: Sequence[Revision]) -> Past:
    now, *before = history
    return Past(act=_act(now), states=[(lexical.entry(each.memory), _act(each)) for each in before])


def _act(revision: Revision) -> Act:
    named = ("action", "at", "key", "client_id", "reason", "batch_id")
    return Act(**{name: getattr(revision, name) for name in named})


def together(first: ImportReport, second: ImportReport) -> ImportReport:
    return ImportReport(
        imported=first.imported + second.imported,
        unchanged=first.unchanged + second.unchanged,
        conflicts=first.conflicts + second.conflicts,
        batch_id=first.batch_id,
    )


def _vectors(entry: EmbeddedEntry, model: ModelIdentity | None) -> Vectors | None:
    return entry.vectors if model is not None and entry.model == model else None
