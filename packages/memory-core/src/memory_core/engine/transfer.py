"""Between a store and a file: what is taken in, what is left as it is, and how that is counted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from memory_core.changes import Revision
from memory_core.engine import lexical
from memory_core.engine.names import Names
from memory_core.engine.ports import Act, EmbeddedEntry, ModelIdentity, Past, Rows, Usage, Vectors
from memory_core.engine.redaction.vetting import Vetting
from memory_core.memories import Progress
from memory_core.types import ExportQuery, FileFormat, ImportQuery, ImportReport, Memory


class Files(NamedTuple):
    """How files are written and read. Given from outside: the libraries that do it are the store's, not the service's.

    `write` gives how many memories there were, and raises ConflictError if the file exists; `read` raises InvalidError
    where the file is no export, and is told what to do with a remark on what it leaves out or changes.
    """

    write: Mapping[FileFormat, Callable[[Path, Iterator[list[EmbeddedEntry]], Progress | None], int]]
    read: Callable[[Path, Callable[[str], None]], Iterator[list[EmbeddedEntry]]]


def outgoing(store: Rows, query: ExportQuery) -> Iterator[list[EmbeddedEntry]]:
    for batch in store.export():
        yield [EmbeddedEntry(memory=each.memory, model=None, vectors=None) for each in batch] if query.bare else batch


class Incoming(NamedTuple):
    """A batch of a file as it is to be here; `redacted` are the ids of what had a secret in it.

    `renamed` are those of what is there in a project whose name means another one here.
    """

    entries: Sequence[EmbeddedEntry]
    redacted: frozenset[str]
    vetting: Vetting
    renamed: frozenset[str] = frozenset()


def incoming(batches: Iterator[list[EmbeddedEntry]], query: ImportQuery, vetting: Vetting) -> Iterator[Incoming]:
    """Raises InvalidError for a secret, where those are refused."""
    for batch in batches:
        placed = batch if query.project_id is None else [_placed(each, query.project_id) for each in batch]
        cleared = [vetting.entry(each) for each in placed]
        redacted = frozenset(entry.memory.id for entry, kinds in cleared if kinds)
        yield Incoming([entry for entry, _ in cleared], redacted, vetting)


def named(batch: Incoming, names: Names) -> Incoming:
    """The same in the projects that the names in it mean; of the past, each state keeps the name that it had."""
    if not names.known:
        return batch
    entries = [structs.replace(each, memory=names.memory(each.memory)) for each in batch.entries]
    pairs = zip(batch.entries, entries, strict=True)
    renamed = (after.memory.id for before, after in pairs if before.memory.project_id != after.memory.project_id)
    return batch._replace(entries=entries, renamed=batch.renamed.union(renamed))


def take_in(
    store: Rows,
    batch: Incoming,
    model: ModelIdentity | None,
    act: Act,
    query: ImportQuery,
    *,
    as_own: bool = False,
) -> ImportReport:
    """Insert what is not here, with vectors of `model` if that is in use; other memories are embedded anew.

    `as_own`: whatever keys the file names, all of it was done by the key of `act`.
    """
    key = act.key if as_own else None
    known = store.import_entries(
        [(lexical.entry(each.memory), _vectors(each, model)) for each in batch.entries],
        model=model,
        act=act,
        pasts={each.memory.id: _past(each.history, key) for each in batch.entries if each.history},
    )
    return _report(batch, known, query)


class Forecast:
    """What an import would do, batch by batch, with nothing done. Raises nothing: what can be read can be taken in.

    `growth` is how much more would be kept.
    """

    def __init__(self, store: Rows, query: ImportQuery) -> None:
        self._store = store
        self._query = query
        self._incoming: dict[str, Memory] = {}
        self.growth = Usage(memories=0, content_bytes=0)

    def of(self, batch: Incoming) -> ImportReport:
        ids = [each.memory.id for each in batch.entries]
        here = {memory.id: memory for memory in self._store.among(ids)}
        known = []
        for each in batch.entries:
            earlier = here.get(each.memory.id) or self._incoming.get(each.memory.id)
            if earlier is None:
                self._incoming[each.memory.id] = each.memory
                self._grow(each.memory)
            else:
                known.append(earlier)
        return _report(batch, known, self._query)

    def _grow(self, memory: Memory) -> None:
        if memory.deleted_at is None:
            size = self.growth.content_bytes + len(memory.content.encode())
            self.growth = Usage(memories=self.growth.memories + 1, content_bytes=size)


def together(first: ImportReport, second: ImportReport) -> ImportReport:
    return ImportReport(
        imported=first.imported + second.imported,
        unchanged=first.unchanged + second.unchanged,
        conflicts=first.conflicts + second.conflicts,
        in_trash=first.in_trash + second.in_trash,
        redacted=first.redacted + second.redacted,
        batch_id=first.batch_id,
        dry_run=first.dry_run,
        remarks=first.remarks + second.remarks,
    )


def _report(batch: Incoming, known: Sequence[Memory], query: ImportQuery) -> ImportReport:
    here = {memory.id: memory for memory in known}
    conflicts = [
        each.memory.id
        for each in batch.entries
        if each.memory.id in here and not _same(each.memory, here[each.memory.id], query, batch)
    ]
    return ImportReport(
        imported=len(batch.entries) - len(known),
        unchanged=len(known) - len(conflicts),
        conflicts=tuple(conflicts),
        in_trash=sum(here[memory_id].deleted_at is not None for memory_id in conflicts),
        redacted=len(batch.redacted - here.keys()),
    )


def _same(incoming: Memory, here: Memory, query: ImportQuery, batch: Incoming) -> bool:
    over, trashed = incoming.expires_at, here.deleted_at
    if over is not None and trashed is not None and over <= trashed:  # it left by itself
        incoming = structs.replace(incoming, deleted_at=trashed, revision=here.revision)
    if incoming.id in batch.renamed:  # the file is from before it was moved
        incoming = structs.replace(incoming, revision=here.revision)
    if query.ignore_times:
        incoming = structs.replace(incoming, created_at=here.created_at, updated_at=here.updated_at)
    # What was kept before secrets were looked for is the same memory still.
    return incoming == here or incoming == batch.vetting.memory(here)[0]


def _placed(entry: EmbeddedEntry, project_id: str) -> EmbeddedEntry:
    def placed(memory: Memory) -> Memory:
        return structs.replace(memory, project_id=project_id) if memory.project_id is None else memory

    history = [structs.replace(each, memory=placed(each.memory)) for each in entry.history]
    return structs.replace(entry, memory=placed(entry.memory), history=tuple(history))


def _past(history: Sequence[Revision], key: str | None) -> Past:
    now, *before = history if key is None else [structs.replace(each, key=key) for each in history]
    return Past(act=_act(now), states=[(lexical.entry(each.memory), _act(each)) for each in before])


def _act(revision: Revision) -> Act:
    named = ("action", "at", "key", "client_id", "reason", "batch_id")
    return Act(**{name: getattr(revision, name) for name in named})


def _vectors(entry: EmbeddedEntry, model: ModelIdentity | None) -> Vectors | None:
    return entry.vectors if model is not None and entry.model == model else None
