"""`Memories` over one Store and one EmbeddingQueue: what each verb does, and in which order.

SQL, models and transports stay out of it. Stores are plain blocking functions: they run in this service's own threads,
so that no call ever blocks the event loop. A caller who goes away cannot leave half a write: what has begun in a thread
ends there, with its transaction.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from msgspec import UNSET, structs

from memory_core import checks
from memory_core.engine import context, ids, lexical, transfer
from memory_core.engine.catalog import NO_EMBEDDER, NOTE, Catalog, listed
from memory_core.engine.embedding import EmbeddingQueue
from memory_core.engine.fusion import Ranking
from memory_core.engine.ports import EmbeddedEntry, Entry, ModelChangedError, QueryVector, Store
from memory_core.engine.reranking import Reranking
from memory_core.engine.searching import Searcher, why_by_words, why_incomplete
from memory_core.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from memory_core.memories import Progress
from memory_core.types import (
    BackfillReport,
    Context,
    ContextQuery,
    EmbeddingState,
    EmbeddingStatus,
    Health,
    ImportReport,
    ListQuery,
    Memory,
    MemoryPage,
    MemoryPatch,
    ModelChoice,
    ModelList,
    NewMemory,
    PurgeQuery,
    PurgeReport,
    Scope,
    SearchMode,
    SearchQuery,
    SearchResult,
    Stats,
)

T = TypeVar("T")

PATIENCE_S = 2.0
"""How long a search waits for a model that is loading and for what was stored a moment ago."""

_SAMPLE = 20
_READERS = 4
_CONSIDERED_FOR_CONTEXT = 500


class MemoryService:
    """The engine as a `Memories`. `start` before the first call, `close` after the last; `maintain` when idle."""

    def __init__(
        self,
        store: Store,
        embeddings: EmbeddingQueue,
        parquet: transfer.Parquet,
        catalog: Catalog,
        *,
        version: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], str] = ids.new_id,
        ranking: Ranking | None = None,
        reranking: Reranking | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._store = store
        self._embeddings = embeddings
        self._parquet = parquet
        self._catalog = catalog
        self._version = version
        self._clock = clock
        self._new_id = new_id
        self._patience_s = patience_s
        self._reranking = reranking
        self._searcher = Searcher(store, ranking or Ranking(), clock, reranking)
        # Writes of their own: a long import must not keep searches waiting, nor the other way round.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="memory-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="memory-reader")

    async def start(self) -> None:
        """Begin to load the models and to embed what has no vector; returns at once."""
        self._embeddings.start()
        if self._reranking is not None:
            self._reranking.start()

    async def close(self) -> None:
        """Let what has begun come to its end, then close the store. Later calls raise UnavailableError."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._embeddings.close()
        if self._reranking is not None:
            self._reranking.close()
        self._store.close()

    async def maintain(self) -> None:
        """Idle work of the store; call it when nobody is waiting."""
        await self._write(self._store.maintain)

    async def add(self, new: NewMemory) -> Memory:
        now = self._clock()
        fields = structs.asdict(new) | {"project_id": None if new.project_id is UNSET else new.project_id}
        memory = Memory(id=self._new_id(), created_at=now, updated_at=now, **fields)
        await self._write(self._insert, memory)
        return memory

    def _insert(self, memory: Memory) -> None:
        self._store.insert([lexical.entry(memory)])
        self._embeddings.notify()

    async def get(self, memory_id: str) -> Memory:
        return await self._read(self._get, memory_id)

    def _get(self, memory_id: str) -> Memory:
        return _outside_trash(self._store.get(self._resolve(memory_id), trashed=None))

    async def update(self, memory_id: str, patch: MemoryPatch) -> Memory:
        now = self._clock()

        def edit(memory: Memory) -> Entry | None:
            edited = structs.replace(_outside_trash(memory), **patch.changes())
            if edited == memory:
                return None
            # A clock that was set back must not make a change look older than the one before.
            return lexical.entry(structs.replace(edited, updated_at=max(now, memory.updated_at)))

        return await self._write(self._change, memory_id, edit)

    async def delete(self, memory_id: str) -> Memory:
        now = self._clock()
        return await self._write(
            self._change,
            memory_id,
            lambda memory: lexical.entry(structs.replace(_outside_trash(memory), deleted_at=now)),
        )

    async def restore(self, memory_id: str) -> Memory:
        """A memory that is not in the trash stays as it is: asking twice does no harm."""
        return await self._write(
            self._change,
            memory_id,
            lambda memory: lexical.entry(structs.replace(memory, deleted_at=None)) if memory.deleted_at else None,
        )

    def _change(self, memory_id: str, edit: Callable[[Memory], Entry | None]) -> Memory:
        changed = self._store.change(self._resolve(memory_id), edit)
        self._embeddings.notify()
        return changed

    async def list(self, query: ListQuery) -> MemoryPage:
        before = None if query.cursor is None else ids.place(query.cursor)
        # One more than asked for says whether there is another page.
        found = await self._read(self._store.newest, query, limit=query.limit + 1, before=before)
        page = tuple(found[: query.limit])
        more = len(found) > query.limit
        return MemoryPage(memories=page, count=len(page), next_cursor=ids.cursor(page[-1]) if more else None)

    async def search(self, query: SearchQuery) -> SearchResult:
        _refuse_trash(query)
        text = query.query.strip()
        if not text:
            return await self._read(self._searcher.newest, query)
        if query.search_mode is SearchMode.KEYWORD:
            return await self._read(self._searcher.search, text, None, query)
        return await self._once_more(lambda: self._searched(text, query))

    async def _searched(self, text: str, query: SearchQuery) -> SearchResult:
        return await self._read(self._found, text, await self._query_vector(text), query)

    def _found(self, text: str, vector: QueryVector | None, query: SearchQuery) -> SearchResult:
        status = self._embeddings.status(with_next=False)
        notice = why_by_words(status) if vector is None else why_incomplete(status)
        return self._searcher.search(text, vector, query, notice=notice)

    async def _query_vector(self, text: str) -> QueryVector | None:
        """Null if no model can be had in time. What was stored before this call can then be found by its vector."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        vector = await self._embeddings.query_vector(text, wait_s=self._patience_s)
        if vector is not None:
            await self._embeddings.settle(wait_s=max(0.0, deadline - loop.time()))
        return vector

    async def similar(self, memory_id: str, *, limit: int = 10) -> SearchResult:
        checks.limit(limit)
        similar = functools.partial(self._similar, memory_id, limit)
        return await self._once_more(lambda: self._read(similar))

    def _similar(self, memory_id: str, limit: int) -> SearchResult:
        return self._searcher.similar(self._get(memory_id), limit=limit)

    async def context(self, query: ContextQuery) -> Context:
        """Waits for no model: a session that starts must not be kept waiting."""
        _refuse_trash(query)
        text = (query.query or "").strip()
        if not text:
            return await self._read(self._context, query, self._clock())
        return await self._once_more(lambda: self._relevant(text, query))

    async def _relevant(self, text: str, query: ContextQuery) -> Context:
        vector = await self._embeddings.query_vector(text, wait_s=0)
        relevant = functools.partial(self._searcher.relevant, text, vector, query, limit=query.max_memories)
        return _chosen(await self._read(relevant), query, self._clock())

    def _context(self, query: ContextQuery, now: datetime) -> Context:
        changed_after = None if query.days is None else now - timedelta(days=query.days)
        found = self._store.ranked(query, context.ORDER, changed_after=changed_after, limit=_CONSIDERED_FOR_CONTEXT)
        return _chosen(found, query, now)

    async def stats(self, scope: Scope) -> Stats:
        _refuse_trash(scope)
        counts, size = await self._read(lambda: (self._store.counts(scope), self._store.size_bytes()))
        embedding = await self._status()
        return Stats(
            total_memories=counts.total,
            memories_with_embeddings=counts.with_vectors,
            embeddings_available=embedding.state is EmbeddingState.READY,
            embedding=embedding,
            in_trash=counts.in_trash,
            by_type=counts.by_type,
            by_client=counts.by_client,
            by_project=counts.by_project,
            storage_path=self._store.location,
            storage_bytes=size,
        )

    async def purge(self, query: PurgeQuery) -> PurgeReport:
        _refuse_trash(query)
        now = self._clock()
        scope = _purged_scope(query, now)
        matching = functools.partial(
            self._store.matching, scope, content_contains=query.content_contains, limit=_SAMPLE
        )
        if query.dry_run:
            matched, sample = await self._read(matching)
            return PurgeReport(dry_run=True, matched=matched, purged=0, sample=tuple(sample))

        def purge() -> PurgeReport:
            _, sample = matching()
            purged = self._store.trash(scope, content_contains=query.content_contains, at=now)
            return PurgeReport(dry_run=False, matched=purged, purged=purged, sample=tuple(sample))

        return await self._write(purge)

    async def backfill(self) -> BackfillReport:
        self._embeddings.retry()
        status = await self._status()
        return BackfillReport(pending=status.pending, failed=status.failed, embedding=status)

    async def models(self) -> ModelList:
        return await self._read(self._models)

    def _models(self) -> ModelList:
        embedding = self._embeddings.status()
        models = listed(self._store.models(), self._catalog.installed(), embedding)
        return ModelList(models=models, embedding=embedding, fixed=self._catalog.fixed)

    async def use_model(self, choice: ModelChoice) -> EmbeddingStatus:
        if self._catalog.fixed:
            raise ConflictError("the settings of this server name its embedder; change MEMORY_EMBEDDER and restart it")
        self._catalog.check(choice.embedder)
        await self._write(self._store.write_note, NOTE, choice.embedder)
        self._embeddings.use(None if choice.embedder == NO_EMBEDDER else choice.embedder)
        return await self._status()

    async def health(self) -> Health:
        embedding = await self._status()
        reranker = None if self._reranking is None else self._reranking.status()
        # What is wrong has a detail, of the model in use, of the one that is to follow, or of the reranker.
        degraded = any(part is not None and part.detail is not None for part in (embedding, embedding.next, reranker))
        status = "degraded" if degraded else "ok"
        return Health(status=status, version=self._version, embedding=embedding, reranker=reranker)

    async def export_parquet(self, path: Path, *, progress: Progress | None = None) -> int:
        return await self._read(lambda: self._parquet.write(path, self._store.export(), progress))

    async def import_parquet(self, path: Path, *, progress: Progress | None = None) -> ImportReport:
        """Each batch is a transaction, so that other writes have their turn; repeating finishes what broke off."""
        batches = self._parquet.read(path)
        report = ImportReport(imported=0, unchanged=0)
        done = 0
        while batch := await self._read(next, batches, None):
            report = transfer.together(report, await self._write(self._take_in, batch))
            done += len(batch)
            if progress is not None:
                progress(done, None)
        self._embeddings.notify()
        return report

    def _take_in(self, batch: Sequence[EmbeddedEntry]) -> ImportReport:
        return transfer.take_in(self._store, batch, self._embeddings.model)

    async def _once_more(self, asked: Callable[[], Awaitable[T]]) -> T:
        """Another model may take over between embedding a query and comparing it; embedded anew, it fits that one."""
        try:
            return await asked()
        except ModelChangedError:
            await self._embeddings.wait_for_change()
            return await asked()

    async def _status(self) -> EmbeddingStatus:
        return await self._read(self._embeddings.status)

    def _resolve(self, memory_id: str) -> str:
        beginning = ids.prefix(memory_id)
        found = self._store.ids_like(beginning, limit=ids.MAX_CANDIDATES + 1)
        if not found:
            raise NotFoundError(f"no memory has the id {beginning}")
        if len(found) > 1 and found[0] != beginning:
            raise ids.ambiguous(beginning, found)
        return found[0]

    async def _read(self, function: Callable[..., T], *args: object, **named: object) -> T:
        return await self._in(self._readers, functools.partial(function, *args, **named))

    async def _write(self, function: Callable[..., T], *args: object, **named: object) -> T:
        return await self._in(self._writer, functools.partial(function, *args, **named))

    async def _in(self, threads: Executor, function: Callable[[], T]) -> T:
        try:
            future = threads.submit(function)
        except RuntimeError as closed:
            raise UnavailableError("the memory service is stopping; try again in a moment") from closed
        return await asyncio.wrap_future(future)


def _outside_trash(memory: Memory) -> Memory:
    if memory.deleted_at is not None:
        raise NotFoundError(f"memory {memory.id[: ids.SHORT]} is in the trash; restore it first")
    return memory


def _refuse_trash(scope: Scope) -> None:
    if scope.trashed:
        raise InvalidError("trashed is for list alone; a memory in the trash is found by nothing else until restored")


def _purged_scope(query: PurgeQuery, now: datetime) -> Scope:
    scope = Scope(**{name: getattr(query, name) for name in Scope.__struct_fields__})
    if query.older_than_days is None:
        return scope
    oldest_kept = now - timedelta(days=query.older_than_days)
    return structs.replace(scope, created_before=min(oldest_kept, scope.created_before or oldest_kept))


def _chosen(found: Sequence[Memory], query: ContextQuery, now: datetime) -> Context:
    project_id = query.project_id if isinstance(query.project_id, str) and not query.global_search else None
    budget = context.Budget(max_memories=query.max_memories, max_tokens=query.max_tokens)
    choice = context.choose(found, budget, now=now, project_id=project_id)
    return Context(
        project_id=project_id,
        has_context=bool(choice.memories),
        summary=choice.text,
        memories=choice.memories,
        tokens=choice.tokens,
        omitted=choice.omitted,
    )
