"""The engine as a `Memories`: the verbs over one Store and one EmbeddingQueue, and what keeps those in order.

SQL, models and transports stay out of it. Stores are plain blocking functions: they run in this service's own threads,
so that no call ever blocks the event loop. A caller who goes away cannot leave half a write: what has begun in a thread
ends there, with its transaction.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import structs

from memory_core.changes import ANYONE, Alike, TrashQuery, TrashReport
from memory_core.engine import ids, lexical
from memory_core.engine.asking import PATIENCE_S, Asking
from memory_core.engine.backups.service import BackupService, NoBackups
from memory_core.engine.catalog import NO_EMBEDDER, NOTE, Catalog, listed
from memory_core.engine.doctor import StoreDoctor, Ward
from memory_core.engine.embedding import EmbeddingQueue
from memory_core.engine.fusion import Ranking
from memory_core.engine.names import Names
from memory_core.engine.once import REMEMBERED
from memory_core.engine.ports import ModelChangedError, Store
from memory_core.engine.reach.memories import Reached
from memory_core.engine.reach.reach import Reach
from memory_core.engine.reach.rows import ReachedRows
from memory_core.engine.reranking import Reranking
from memory_core.engine.searching import Searcher
from memory_core.engine.threads import Threads
from memory_core.engine.transfer import Files
from memory_core.engine.watching import EngineWatch
from memory_core.engine.writing import Means
from memory_core.errors import ConflictError, StorageFullError
from memory_core.memories import Memories
from memory_core.observing import UNOBSERVED, Observer
from memory_core.types import BackfillReport, EmbeddingStatus, Health, ModelChoice, ModelList, SecretPolicy

_log = logging.getLogger(__name__)
_SAMPLE = 20
_COMPARED_AT_ONCE = 100

TRASH_DAYS = 30
"""How long what was deleted can be restored, by default."""


class MemoryService(Asking):
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
        observer: Observer = UNOBSERVED,
        patience_s: float = PATIENCE_S,
        trash_days: int | None = TRASH_DAYS,
        secrets: SecretPolicy = SecretPolicy.REDACT,
    ) -> None:
        searcher = Searcher(store, ranking or Ranking(), clock, reranking, observer)
        means = Means(embeddings, clock, new_id, secrets, Threads(), Names(store.aliases()))
        super().__init__(store, means, files, searcher, patience_s=patience_s)
        self._kept = store
        self._trash_days = trash_days
        self._catalog = catalog
        self._version = version
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
                secrets=secrets,
            )
        )
        self.names = self._names
        self.watch = EngineWatch(store, embeddings, reranking)

    def within(self, projects: Sequence[str]) -> Memories:
        """All of this as far as these projects go ("" for memories of no project), under whichever of their names."""
        reach = Reach(tuple(projects), self._names)
        rows = ReachedRows(self._kept, reach)
        searcher = structs.replace(self._searcher, store=rows)
        return Reached(rows, self._means, self._files, searcher, reach=reach, patience_s=self._patience_s)

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
        self._kept.close()
        self.backups.close()
        self.doctor.close()

    async def maintain(self) -> None:
        """Idle work; call it when nobody is waiting."""
        await self._compare()
        await self._threads.write(self._tidy)

    def _tidy(self) -> None:
        with contextlib.suppress(StorageFullError):  # then all of it waits for room
            self._put_in_order()
        self._kept.maintain()

    def _put_in_order(self) -> None:
        """What time does: to what has expired, to the trash, and to answers that nobody will ask for again."""
        now = self._clock()
        with self._store.transaction() as tx:
            self._changes.expire(tx)
            if self._trash_days is not None:
                gone = self._changes.empty_trash(tx, now - timedelta(days=self._trash_days))
                if gone.removed:
                    _log.info("%d removed for good after %d days in the trash", gone.removed, self._trash_days)
            tx.forget_answers(now - REMEMBERED)

    async def _compare(self) -> None:
        """What could not be compared by meaning when it came, as far as there is a model by now."""
        for memory in await self._threads.read(lambda: self._kept.uncompared(limit=_COMPARED_AT_ONCE)):
            vector = await self._embeddings.query_vector(lexical.indexed_text(memory), wait_s=0)
            if vector is None:
                return
            try:
                alike = await self._threads.read(self._alikes.of, memory, vector)
            except ModelChangedError:
                return
            await self._threads.write(self._link, memory.id, alike)

    def _link(self, memory_id: str, alike: Sequence[Alike]) -> None:
        with self._store.transaction() as tx:
            tx.link(memory_id, alike, self._clock())
            tx.compared([memory_id])

    async def empty_trash(self, query: TrashQuery) -> TrashReport:
        before = self._clock() - timedelta(days=query.older_than_days)
        if query.dry_run:
            found, sample = await self._seen(lambda _: self._kept.lain_since(before, sample=_SAMPLE))
            return TrashReport(dry_run=True, matched=len(found), removed=0, sample=tuple(sample))
        return await self._done(ANYONE, (), TrashReport, lambda tx, _: self._changes.empty_trash(tx, before))

    async def backfill(self) -> BackfillReport:
        self._embeddings.retry()
        status = await self._status()
        return BackfillReport(pending=status.pending, failed=status.failed, embedding=status)

    async def models(self) -> ModelList:
        return await self._threads.read(self._models)

    def _models(self) -> ModelList:
        embedding = self._embeddings.status()
        models = listed(self._kept.models(), self._catalog.installed(), embedding)
        return ModelList(models=models, embedding=embedding, fixed=self._catalog.fixed)

    async def use_model(self, choice: ModelChoice) -> EmbeddingStatus:
        if self._catalog.fixed:
            raise ConflictError("the settings of this server name its embedder; change MEMORY_EMBEDDER and restart it")
        self._catalog.check(choice.embedder)
        await self._threads.write(self._kept.write_note, NOTE, choice.embedder)
        self._embeddings.use(None if choice.embedder == NO_EMBEDDER else choice.embedder)
        return await self._status()

    async def health(self) -> Health:
        embedding = await self._status()
        reranker = None if self._reranking is None else self._reranking.status()
        # What is wrong has a detail, of the model in use, of the one that is to follow, or of the reranker.
        degraded = any(part is not None and part.detail is not None for part in (embedding, embedding.next, reranker))
        status = "degraded" if degraded else "ok"
        return Health(status=status, version=self._version, embedding=embedding, reranker=reranker)
