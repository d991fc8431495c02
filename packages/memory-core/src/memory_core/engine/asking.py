"""The verbs of `Memories` that look: what each asks of the store, and in which order. A base of the service."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from memory_core import checks
from memory_core.changes import History, Review, ReviewQuery
from memory_core.engine import contexts, ids, prompts
from memory_core.engine.changing import outside_trash
from memory_core.engine.context import NOTHING
from memory_core.engine.naming import Naming
from memory_core.engine.ports import ModelChangedError, QueryVector, Rows
from memory_core.engine.searching import Searcher, why_by_words, why_incomplete
from memory_core.engine.transfer import Files
from memory_core.engine.writing import Means, Sight
from memory_core.errors import InvalidError
from memory_core.observing import Stage, timed
from memory_core.types import (
    Context,
    ContextQuery,
    EmbeddingState,
    EmbeddingStatus,
    ListQuery,
    Memory,
    MemoryPage,
    Scope,
    SearchMode,
    SearchQuery,
    SearchResult,
    Stats,
)

T = TypeVar("T")

PATIENCE_S = 2.0
"""How long a search waits for a model that is loading and for what was stored a moment ago."""

_QUICK_S = 0.4  # for the vector of a prompt; without it, its words have to do


class Asking(Naming):
    def __init__(self, store: Rows, means: Means, files: Files, searcher: Searcher, *, patience_s: float) -> None:
        super().__init__(store, means, files)
        self._searcher = searcher
        self._patience_s = patience_s

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
        began = time.perf_counter()
        result = await self._search(query)
        seconds = time.perf_counter() - began
        self._searcher.observer.search(asked=query.search_mode, answered=result.search_mode, seconds=seconds)
        return result

    async def _search(self, query: SearchQuery) -> SearchResult:
        _refuse_trash(query)
        text = query.query.strip()
        if not text:
            return await self._seen(lambda at: self._searcher.newest(at(query)))
        if query.search_mode is SearchMode.KEYWORD:
            return await self._seen(lambda at: self._searcher.search(text, None, at(query)))
        return await self._once_more(lambda: self._searched(text, query))

    async def _searched(self, text: str, query: SearchQuery) -> SearchResult:
        vector = await self._query_vector(text, query.search_mode)
        return await self._seen(lambda at: self._found(text, vector, at(query)))

    def _found(self, text: str, vector: QueryVector | None, query: SearchQuery) -> SearchResult:
        status = self._standing()
        notice = why_by_words(status) if vector is None else why_incomplete(status)
        return self._searcher.search(text, vector, query, notice=notice)

    async def _query_vector(self, text: str, mode: SearchMode) -> QueryVector | None:
        """Null if no model can be had in time. What was stored before this call can then be found by its vector."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        observer = self._searcher.observer
        with timed(observer, Stage.EMBED, mode):
            vector = await self._embeddings.query_vector(text, wait_s=self._patience_s)
        if vector is not None:
            with timed(observer, Stage.SETTLE, mode):
                await self._embeddings.settle(wait_s=max(0.0, deadline - loop.time()))
        return vector

    async def similar(self, memory_id: str, *, limit: int = 10) -> SearchResult:
        checks.limit(limit)
        return await self._once_more(lambda: self._seen(lambda _: self._similar(memory_id, limit)))

    def _similar(self, memory_id: str, limit: int) -> SearchResult:
        return self._searcher.similar(self._get(memory_id), limit=limit)

    async def context(self, query: ContextQuery) -> Context:
        """Waits for no model: a session that starts must not be kept waiting, nor a prompt."""
        _refuse_trash(query)
        query = self._named(query)  # the answer names its project
        if not (query.query or "").strip():
            return await self._seen(lambda at: contexts.of_session(self._store, at(query), self._now_for(query)))
        asked = prompts.asked(query.query or "")
        if asked is None:
            return contexts.answered(NOTHING, query)
        return await self._once_more(lambda: self._relevant(asked, query))

    async def _relevant(self, asked: prompts.Asked, query: ContextQuery) -> Context:
        try:
            async with asyncio.timeout(_QUICK_S):
                vector = await self._embeddings.query_vector(asked.text, wait_s=0)
        except TimeoutError:  # of a model that is busy, or runs elsewhere
            vector = None
        searcher, now = self._searcher, self._now_for(query)
        return await self._seen(lambda at: contexts.of_prompt(searcher, asked, vector, at(query), now))

    def _now_for(self, query: ContextQuery) -> datetime:
        return query.as_of or self._clock()

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
            storage_path=self._store.location or None,
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
            projects = self._names.all([query.project_id]) if isinstance(query.project_id, str) else None
            waiting, pairs = self._store.pairs(projects, limit=query.limit)
            due, overdue = self._store.overdue(projects, self._clock(), limit=query.limit)
            return Review(open=waiting, due=due, pairs=tuple(pairs), overdue=tuple(overdue))

        return await self._seen(read)

    async def _once_more(self, asked: Callable[[], Awaitable[T]]) -> T:
        """Another model may take over between embedding a query and comparing it; embedded anew, it fits that one."""
        try:
            return await asked()
        except ModelChangedError:
            await self._embeddings.wait_for_change()
            return await asked()

    def _standing(self) -> EmbeddingStatus:
        """Of the model in use, for what is said of a search."""
        return self._embeddings.status(with_next=False)

    async def _status(self) -> EmbeddingStatus:
        return await self._threads.watch(self._embeddings.status)


def _refuse_trash(scope: Scope) -> None:
    if scope.trashed:
        raise InvalidError("trashed is for list alone; a memory in the trash is found by nothing else until restored")
