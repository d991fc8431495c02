"""The store: who reads and writes when, and what is on disk before anything is acknowledged."""

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace

from memory_core.changes import Pair
from memory_core.engine.ports import (
    Act,
    Candidate,
    Counts,
    EmbeddedEntry,
    Entry,
    KeptModel,
    ModelIdentity,
    Past,
    Pending,
    Probe,
    StoreOptions,
    Vectors,
    Wanted,
    check_vectors,
)  # fmt: skip
from memory_core.errors import InvalidError, NotFoundError, StorageFullError, UnavailableError
from memory_core.files import FileLock, replacing, sync_folder
from memory_core.types import Memory, Scope
from memory_store_plain import search
from memory_store_plain.kept import Kept, Model, State
from memory_store_plain.reading import Reading, matching, newest_first, state_of
from memory_store_plain.scopes import is_here, of_projects, within
from memory_store_plain.writing import PlainTransaction

_ANALYSER = "analyser"


def open_store(location: str, options: StoreOptions) -> "PlainStore":
    """`location` is what stands after the colon of MEMORY_STORE: a file, from the data directory on."""
    return PlainStore(options.data_dir / (location or "memories.plain"), options.min_free_bytes)


class PlainStore(Reading):
    def __init__(self, path: Path, min_free_bytes: int) -> None:
        self._path, self._floor = path.absolute(), min_free_bytes
        self._writer = threading.RLock()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FileLock(path.with_name(f"{path.name}.lock"))
        if not self._lock.acquire():
            raise UnavailableError(f"{path} is in use by another process; stop that one first")
        try:
            self._kept: Kept | None = self._read()
        except BaseException:
            self._lock.release()
            raise

    @property
    def kept(self) -> Kept:
        """The last state that is on disk. It is never changed, so that readers wait for nobody."""
        if (kept := self._kept) is None:
            raise UnavailableError(f"{self._path} is closed")
        return kept

    @contextmanager
    def transaction(self) -> Iterator[PlainTransaction]:
        with self._writer:
            draft = PlainTransaction(self.kept.copy())
            if shutil.disk_usage(self._path.parent).free < self._floor:
                raise StorageFullError(f"the disk of {self._path} is nearly full; make room, reading goes on")
            yield draft
            with replacing(self._path) as file:
                file.write(msgspec.msgpack.encode(draft.kept))
            sync_folder(self._path.parent)
            self._kept = draft.kept

    def insert(self, entries: Sequence[Entry], act: Act | None = None) -> None:
        with self.transaction() as tx:
            tx.insert(entries, act)

    def change(self, memory_id: str, edit: Callable[[Memory], Entry | None], act: Act | None = None) -> Memory:
        with self.transaction() as tx:
            return tx.change(memory_id, edit, act)

    def get(self, memory_id: str, *, trashed: bool | None = False) -> Memory:
        memory = state_of(self.kept, memory_id).memory
        if trashed is not None and trashed != (memory.deleted_at is not None):
            where = "not in the trash" if trashed else "in the trash; restore it first"
            raise NotFoundError(f"memory {memory_id} is {where}")
        return memory

    def ids_like(self, prefix: str, *, limit: int, projects: Sequence[str] | None = None) -> list[str]:
        memories = self.kept.memories.items()
        found = (each for each, state in memories if each.startswith(prefix) and of_projects(state.memory, projects))
        return sorted(found)[:limit]

    def newest(self, scope: Scope, *, limit: int, before: tuple[datetime, str] | None = None) -> list[Memory]:
        memories = newest_first(within(self.kept, scope))
        return [each for each in memories if before is None or (each.created_at, each.id) < before][:limit]

    def candidates(self, probe: Probe, scope: Scope) -> list[Candidate]:
        return search.candidates(self.kept, probe, scope)

    def opening(self, scope: Scope, wanted: Wanted) -> tuple[int, list[Memory]]:
        after, out = wanted.changed_after, set(wanted.exclude)
        fitting = [
            state.memory
            for state in within(self.kept, scope)
            if state.memory.id not in out and (after is None or state.memory.updated_at >= after)
        ]
        kinds: dict[str | None, list[Memory]] = {}
        for memory in sorted(fitting, key=lambda each: (each.updated_at, each.id), reverse=True):
            typed = memory.memory_type if memory.memory_type in wanted.types else None
            kinds.setdefault("pinned" if wanted.tag in memory.tags else typed, []).append(memory)
        return len(fitting), [memory for kind in kinds.values() for memory in kind[: wanted.each]]

    def counts(self, scope: Scope) -> Counts:
        kept = self.kept
        states = within(kept, scope)
        model = kept.model(None)
        return Counts(
            total=len(states),
            with_vectors=sum(state.doc in model.vectors for state in states) if model else 0,
            in_trash=len(within(kept, replace(scope, trashed=True))),
            by_type=_counted([state.memory.memory_type.value for state in states]),
            by_client=_counted([state.memory.client_id or "" for state in states]),
            by_project=_counted([state.memory.project_id or "" for state in states]),
        )

    def matching(self, scope: Scope, *, content_contains: str | None, limit: int) -> tuple[int, list[Memory]]:
        found = newest_first(matching(self.kept, scope, content_contains))
        return len(found), found[:limit]

    def next_expiry(self) -> datetime | None:
        standing = (state.memory for state in self.kept.memories.values() if state.memory.deleted_at is None)
        return min((each.expires_at for each in standing if each.expires_at is not None), default=None)

    def pairs(self, projects: Sequence[str] | None, *, limit: int) -> tuple[int, list[Pair]]:
        kept = self.kept
        found = []
        for link in kept.links:
            newer, older = kept.memories[link.newer].memory, kept.memories[link.alike.memory_id].memory
            if link.settled is None and all(is_here(each) and of_projects(each, projects) for each in (newer, older)):
                said = {name: getattr(link.alike, name) for name in ("kind", "similarity", "differences")}
                found.append(Pair(newer=newer, older=older, found_at=link.found_at, **said))
        found.sort(key=lambda pair: (pair.newer.id, pair.older.id))
        found.sort(key=lambda pair: pair.found_at, reverse=True)
        return len(found), found[:limit]

    def overdue(self, projects: Sequence[str] | None, at: datetime, *, limit: int) -> tuple[int, list[Memory]]:
        here = (state.memory for state in self.kept.memories.values() if is_here(state.memory))
        due = [(each.review_by, each.id) for each in here if each.review_by and of_projects(each, projects)]
        ids = [memory_id for review_by, memory_id in sorted(due) if review_by <= at]
        return len(ids), self.among(ids[:limit])

    def uncompared(self, *, limit: int) -> list[Memory]:
        return [each for each in self.among(sorted(self.kept.uncompared)) if is_here(each)][:limit]

    def export(self) -> Iterator[list[EmbeddedEntry]]:
        kept = self.kept  # the moment; what is written meanwhile is another one
        model = kept.model(None)
        for state in sorted(kept.memories.values(), key=lambda each: each.doc):
            vectors = _vectors_of(model, state.doc)
            yield [
                EmbeddedEntry(
                    memory=state.memory,
                    model=model.model if model and vectors is not None else None,
                    vectors=vectors,
                    history=tuple(PlainTransaction(kept).history(state.memory.id)),
                )
            ]

    def import_entries(
        self,
        entries: Sequence[tuple[Entry, Vectors | None]],
        *,
        model: ModelIdentity | None = None,
        act: Act | None = None,
        pasts: Mapping[str, Past] | None = None,
    ) -> list[Memory]:
        with self.transaction() as tx:
            known: list[Memory] = []
            vectors: dict[int, Vectors] = {}
            for entry, rows in entries:
                if entry.memory.id in tx.kept.memories:
                    known.append(tx.get(entry.memory.id))
                    continue
                past = (pasts or {}).get(entry.memory.id)
                doc = tx.add(entry, act, past)
                vectors |= {} if rows is None else {doc: rows}
                if past is not None and act is not None and act.batch_id is not None:
                    brought = tx.kept.brought.get(act.batch_id, {})
                    tx.kept.brought[act.batch_id] = brought | {entry.memory.id: entry.memory.revision}
            current = tx.kept.model(None)
            if vectors and (model is None or (current is not None and current.model == model)):
                _embed(tx.kept, vectors, None)
            return known

    def model(self) -> ModelIdentity | None:
        current = self.kept.model(None)
        return current.model if current else None

    def models(self) -> list[KeptModel]:
        kept = self.kept
        docs = {state.doc for state in kept.memories.values()}
        return [
            KeptModel(
                model=each.model,
                spec=each.spec,
                is_current=each.is_current,
                is_next=each.is_next,
                memories=len(docs & each.vectors.keys()),
            )
            for each in kept.models
        ]

    def use_model(self, model: ModelIdentity, *, spec: str | None = None) -> None:
        with self.transaction() as tx:
            known = _with(tx.kept, model, spec)
            tx.kept.models = [replace(each, is_current=each.model == model, is_next=False) for each in known]

    def prepare_model(self, model: ModelIdentity | None, *, spec: str | None = None) -> None:
        with self.transaction() as tx:
            known = _with(tx.kept, model, spec) if model else tx.kept.models
            tx.kept.models = [replace(each, is_next=each.model == model) for each in known]

    def pending(self, *, limit: int, exclude: Sequence[int] = (), model: ModelIdentity | None = None) -> list[Pending]:
        lacking = {state.doc: state.memory for state in _lacking(self.kept, model)}
        docs = sorted(lacking.keys() - {*exclude}, reverse=True)[:limit]
        return [Pending(doc=doc, memory=lacking[doc]) for doc in docs]

    def count_pending(self, model: ModelIdentity | None = None) -> int:
        return len(_lacking(self.kept, model))

    def set_vectors(self, vectors: Mapping[int, Vectors], *, model: ModelIdentity | None = None) -> int:
        with self.transaction() as tx:
            return _embed(tx.kept, vectors, model)

    def vectors_of(self, memory_id: str) -> Vectors | None:
        kept = self.kept
        return _vectors_of(kept.model(None), state_of(kept, memory_id).doc)

    def note(self, name: str) -> str | None:
        return self.kept.notes.get(name)

    def write_note(self, name: str, value: str | None) -> None:
        with self.transaction() as tx:
            given = tx.kept.notes | {name: value}
            tx.kept.notes = {name: note for name, note in given.items() if note is not None}

    def reindex(self, analyser: int, analysed: Callable[[Memory], Entry]) -> int:
        if self.note(_ANALYSER) == str(analyser):
            return 0
        with self.transaction() as tx:
            states = [state for memory_id in tx.kept.memories for state in tx.kept.states(memory_id)]
            fresh = {state.doc: analysed(state.memory) for state in states}
            tx.kept.terms = {doc: dict(entry.terms) for doc, entry in fresh.items()}
            for memory_id, now in tx.kept.memories.items():
                tx.kept.memories[memory_id] = replace(now, digest=fresh[now.doc].digest)
            for memory_id, past in tx.kept.past.items():
                tx.kept.past[memory_id] = tuple(replace(each, digest=fresh[each.doc].digest) for each in past)
            tx.kept.notes[_ANALYSER] = str(analyser)
            return len(fresh)

    def maintain(self) -> None:
        """Other models' vectors go once the one in use has caught up."""
        if self.count_pending() == 0 and self.model() is not None:
            with self.transaction() as tx:
                tx.kept.models = [each for each in tx.kept.models if each.is_current or each.is_next]

    def size_bytes(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0

    @property
    def location(self) -> str:
        return str(self._path)

    def close(self) -> None:
        with self._writer:  # the writer under way ends first
            self._kept = None
            self._lock.release()

    def _read(self) -> Kept:
        if not self._path.exists():
            return Kept()
        try:
            return msgspec.msgpack.decode(self._path.read_bytes(), type=Kept)
        except msgspec.MsgspecError as error:
            raise UnavailableError(f"{self._path} is no store of this kind: {error}") from error


def _counted(names: Sequence[str]) -> dict[str, int]:
    return {name: names.count(name) for name in sorted({*names})}


def _with(kept: Kept, model: ModelIdentity, spec: str | None) -> list[Model]:
    """All models, `model` among them, with its spec if there is one to say."""
    known = kept.models if kept.model(model) else [*kept.models, Model(model=model)]
    return [replace(each, spec=spec or each.spec) if each.model == model else each for each in known]


def _lacking(kept: Kept, model: ModelIdentity | None) -> list[State]:
    known = kept.model(model)
    standing = [state for state in kept.memories.values() if state.memory.deleted_at is None]
    return [state for state in standing if known is None or state.doc not in known.vectors]


def _embed(kept: Kept, vectors: Mapping[int, Vectors], model: ModelIdentity | None) -> int:
    """Those of texts that wait for some; how many."""
    known = kept.model(model)
    if known is None:
        raise InvalidError("vectors were given of a model that was never announced")
    for rows in vectors.values():
        check_vectors(rows, known.model)
    waiting = {state.doc for state in _lacking(kept, known.model)}
    new = {doc: rows.astype(np.float32).tobytes() for doc, rows in vectors.items() if doc in waiting}
    kept.models = [
        replace(each, vectors=each.vectors | new) if each.model == known.model else each for each in kept.models
    ]
    return len(new)


def _vectors_of(model: Model | None, doc: int) -> Vectors | None:
    return search.vectors_in(model.vectors[doc], model.model.dimension) if model and doc in model.vectors else None
