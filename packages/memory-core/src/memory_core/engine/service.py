"""`Memories` over one Store and one EmbeddingQueue: what each verb does, and in which order.

SQL, models and transports stay out of it. Stores are plain blocking functions: they run in this service's own threads,
so that no call ever blocks the event loop. A caller who goes away cannot leave half a write: what has begun in a thread
ends there, with its transaction.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from msgspec import UNSET

from memory_core import checks
from memory_core.changes import History, Review, ReviewQuery
from memory_core.engine import context, ids
from memory_core.engine.backups.service import BackupService, NoBackups
from memory_core.engine.catalog import NO_EMBEDDER, NOTE, Catalog, listed
from memory_core.engine.changing import outside_trash
from memory_core.engine.doctor import StoreDoctor, Ward
from memory_core.engine.embedding import EmbeddingQueue
from memory_core.engine.fusion import Ranking
from memory_core.engine.moving import Moving
from memory_core.engine.ports import ModelChangedError, QueryVector, Store
from memory_core.engine.reranking import Reranking
from memory_core.engine.searching import Searcher, why_by_words, why_incomplete
from memory_core.engine.transfer import Files
from memory_core.engine.writing import TRASH_DAYS, Sight
from memory_core.errors import ConflictError, ForbiddenError, InvalidError, StorageFullError
from memory_core.memories import Memories
from memory_core.types import (
    BackfillReport,
    Context,
    ContextQuery,
    EmbeddingState,
    EmbeddingStatus,
    Health,
    ListQuery,
    Memory,
    MemoryPage,
    ModelChoice,
    ModelList,
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


class MemoryService(Moving):
    """The engine as a `Memories`. `start` before the first call, `close` after the last; `maintain` when idle.

    What has lain in the trash for `trash_days` is removed for good; null: nothing ever is.
    """

    def __init__(
        self,
        store: Store,
        embeddings: EmbeddingQueue,
        files: Files,
        catalog: Catalog,
        *,
        version: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], str] = ids.new_id,
        ranking: Ranking | None = None,
        reranking: Reranking | None = None,
        backups: BackupService | NoBackups | None = None,
        patience_s: float = PATIENCE_S,
        trash_days: int | None = TRASH_DAYS,
    ) -> None:
        super().__init__(store, embeddings, files, clock=clock, new_id=new_id, trash_days=trash_days)
        self._catalog = catalog
        self._version = version
        self._patience_s = patience_s
        self._reranking = reranking
        self.backups = backups or NoBackups("bare")
        self.doctor = StoreDoctor(
            Ward(
                store=store,
                embeddings=embeddings,
                reranking=reranking,
                backups=self.backups,
                version=version,
                clock=clock,
                trash_days=trash_days,
                embedder_fixed=catalog.fixed,
            )
        )
        self._searcher = Searcher(store, ranking or Ranking(), clock, reranking)

    def within(self, projects: Sequence[str]) -> Memories:  # noqa: ARG002
        """All of this as far as these projects go ("" for memories of no project)."""
        raise ForbiddenError("keys cannot be limited to projects yet")

    async def start(self) -> None:
        """Begin to load the models and to embed what has no vector; returns at once."""
        self._embeddings.start()
        if self._reranking is not None:
            self._reranking.start()

    async def close(self) -> None:
        """Let what has begun come to its end, then close the store. Later calls raise UnavailableError."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self.backups.give_up()
        self.doctor.give_up()
        self._threads.close()
        self._embeddings.close()
        if self._reranking is not None:
            self._reranking.close()
        self._store.close()
        self.backups.close()
        self.doctor.close()

    async def maintain(self) -> None:
        """Idle work; call it when nobody is waiting."""
        await self._compare()
        await self._threads.write(self._tidy)

    def _tidy(self) -> None:
        with contextlib.suppress(StorageFullError):  # then all of it waits for room
            self._put_in_order()
        self._store.maintain()

    async def get(self, memory_id: str) -> Memory:
        return await self._seen(lambda _: self._get(memory_id))

    def _get(self, memory_id: str) -> Memory:
        return outside_trash(self._store.get(self._resolve(memory_id), trashed=None))

    async def list(self, query: ListQuery) -> MemoryPage:
        before = None if query.cursor is None else ids.place(query.cursor)
        # One more than asked for says whether there is another page.
        found = await self._seen(lambda at: self._store.newest(at(query), limit=query.limit + 1, before=before))
        page = tuple(found[: query.limit])
        more = len(found) > query.limit
        return MemoryPage(memories=page, count=len(page), next_cursor=ids.cursor(page[-1]) if more else None)

    async def search(self, query: SearchQuery) -> SearchResult:
        _refuse_trash(query)
        text = query.query.strip()
        if not text:
            return await self._seen(lambda at: self._searcher.newest(at(query)))
        if query.search_mode is SearchMode.KEYWORD:
            return await self._seen(lambda at: self._searcher.search(text, None, at(query)))
        return await self._once_more(lambda: self._searched(text, query))

    async def _searched(self, text: str, query: SearchQuery) -> SearchResult:
        vector = await self._query_vector(text)
        return await self._seen(lambda at: self._found(text, vector, at(query)))

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
        return await self._once_more(lambda: self._seen(lambda _: self._similar(memory_id, limit)))

    def _similar(self, memory_id: str, limit: int) -> SearchResult:
        return self._searcher.similar(self._get(memory_id), limit=limit)

    async def context(self, query: ContextQuery) -> Context:
        """Waits for no model: a session that starts must not be kept waiting."""
        _refuse_trash(query)
        text = (query.query or "").strip()
        if not text:
            return await self._seen(lambda at: self._context(at(query), query.as_of or self._clock()))
        return await self._once_more(lambda: self._relevant(text, query))

    async def _relevant(self, text: str, query: ContextQuery) -> Context:
        vector = await self._embeddings.query_vector(text, wait_s=0)
        limit = query.max_memories
        found = await self._seen(lambda at: self._searcher.relevant(text, vector, at(query), limit=limit))
        return _chosen(found, query, query.as_of or self._clock())

    def _context(self, query: ContextQuery, now: datetime) -> Context:
        changed_after = None if query.days is None else now - timedelta(days=query.days)
        found = self._store.ranked(query, context.ORDER, changed_after=changed_after, limit=_CONSIDERED_FOR_CONTEXT)
        return _chosen(found, query, now)

    async def stats(self, scope: Scope) -> Stats:
        _refuse_trash(scope)
        counts, size = await self._seen(lambda at: (self._store.counts(at(scope)), self._store.size_bytes()))
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

    async def history(self, memory_id: str) -> History:
        def read(_: Sight) -> History:
            whole = self._resolve(memory_id)
            revisions = self._store.history(whole)
            return History(memory_id=whole, count=len(revisions), revisions=tuple(revisions))

        return await self._seen(read)

    async def review(self, query: ReviewQuery) -> Review:
        def read(_: Sight) -> Review:
            project_id = None if query.project_id is UNSET else query.project_id
            waiting, pairs = self._store.pairs(project_id, limit=query.limit)
            due, overdue = self._store.overdue(project_id, self._clock(), limit=query.limit)
            return Review(open=waiting, due=due, pairs=tuple(pairs), overdue=tuple(overdue))

        return await self._seen(read)

    async def backfill(self) -> BackfillReport:
        self._embeddings.retry()
        status = await self._status()
        return BackfillReport(pending=status.pending, failed=status.failed, embedding=status)

    async def models(self) -> ModelList:
        return await self._threads.read(self._models)

    def _models(self) -> ModelList:
        embedding = self._embeddings.status()
        models = listed(self._store.models(), self._catalog.installed(), embedding)
        return ModelList(models=models, embedding=embedding, fixed=self._catalog.fixed)

    async def use_model(self, choice: ModelChoice) -> EmbeddingStatus:
        if self._catalog.fixed:
            raise ConflictError("the settings of this server name its embedder; change MEMORY_EMBEDDER and restart it")
        self._catalog.check(choice.embedder)
        await self._threads.write(self._store.write_note, NOTE, choice.embedder)
        self._embeddings.use(None if choice.embedder == NO_EMBEDDER else choice.embedder)
        return await self._status()

    async def health(self) -> Health:
        embedding = await self._status()
        reranker = None if self._reranking is None else self._reranking.status()
        # What is wrong has a detail, of the model in use, of the one that is to follow, or of the reranker.
        degraded = any(part is not None and part.detail is not None for part in (embedding, embedding.next, reranker))
        status = "degraded" if degraded else "ok"
        return Health(status=status, version=self._version, embedding=embedding, reranker=reranker)

    async def _once_more(self, asked: Callable[[], Awaitable[T]]) -> T:
        """Another model may take over between embedding a query and comparing it; embedded anew, it fits that one."""
        try:
            return await asked()
        except ModelChangedError:
            await self._embeddings.wait_for_change()
            return await asked()

    async def _status(self) -> EmbeddingStatus:
        return await self._threads.read(self._embeddings.status)


def _refuse_trash(scope: Scope) -> None:
    if scope.trashed:
        raise InvalidError("trashed is for list alone; a memory in the trash is found by nothing else until restored")


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
