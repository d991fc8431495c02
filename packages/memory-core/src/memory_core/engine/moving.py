"""The verbs of `Memories` that move all memories out of a store or into it, as files. A base of the service.

What a file holds is the formats'; what becomes of a batch of it is in `transfer`.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from memory_core.changes import ANYONE, Action, By
from memory_core.engine import transfer
from memory_core.engine.changing import act, new_batch
from memory_core.engine.once import answered, file_fingerprint, keep
from memory_core.engine.ports import Act, Rows, Transaction
from memory_core.engine.quotas import refuse_growth
from memory_core.engine.writing import Means, Writing
from memory_core.memories import AS_IT_IS, WHOLE, Progress
from memory_core.types import ExportQuery, ImportQuery, ImportReport

T = TypeVar("T")


class Moving(Writing):
    def __init__(self, store: Rows, means: Means, files: transfer.Files) -> None:
        super().__init__(store, means)
        self._files = files

    async def export_file(self, path: Path, query: ExportQuery = WHOLE, *, progress: Progress | None = None) -> int:
        write = self._files.write[query.format]
        return await self._threads.read(lambda: write(path, transfer.outgoing(self._store, query), progress))

    async def import_file(
        self, path: Path, query: ImportQuery = AS_IT_IS, *, progress: Progress | None = None, by: By = ANYONE
    ) -> ImportReport:
        """Read twice: what cannot be read to its end is refused before anything of it is taken.

        Each batch is a transaction, so that other writes have their turn; repeating finishes what broke off. A request
        with a key that was finished gets its answer again.
        """
        by = self._vetting.by(by)
        self._vetting.name("project_id", query.project_id)
        if by.request is None or query.dry_run:
            return await self._imported(path, query, progress, by)
        asked = ("import", query, await self._threads.read(file_fingerprint, path))
        known = await self._threads.write(self._with, lambda tx: answered(tx, by, asked, ImportReport))
        if known is not None:
            return known
        report = await self._imported(path, query, progress, by)
        await self._threads.write(self._with, lambda tx: keep(tx, by, asked, report, self._clock()))
        return report

    def _with(self, work: Callable[[Transaction], T]) -> T:
        with self._store.transaction() as tx:
            return work(tx)

    async def _imported(self, path: Path, query: ImportQuery, progress: Progress | None, by: By) -> ImportReport:
        forecast = await self._forecast(path, query, by)
        if query.dry_run or not forecast.imported:
            return forecast
        done_as = act(Action.IMPORT, self._clock(), by, new_batch(Action.IMPORT))
        report = ImportReport(imported=0, unchanged=0, batch_id=done_as.batch_id, remarks=forecast.remarks)
        done = 0
        async for batch in self._incoming(path, query):
            report = transfer.together(report, await self._threads.write(self._take_in, batch, done_as, query, by))
            done += len(batch.entries)
            if progress is not None:
                progress(done, None)
        self._embeddings.notify()
        return report

    async def _forecast(self, path: Path, query: ImportQuery, by: By) -> ImportReport:
        """Raises QuotaError where that would be more than `by` may keep."""
        remarks: list[str] = []
        report = ImportReport(imported=0, unchanged=0, dry_run=query.dry_run)
        forecast = transfer.Forecast(self._store, query)
        async for batch in self._incoming(path, query, remarks.append):
            placed = transfer.named(batch, self._names)
            report = transfer.together(report, await self._threads.read(forecast.of, placed))
        await self._threads.read(refuse_growth, self._store, by, forecast.growth)
        return replace(report, remarks=tuple(remarks))

    async def _incoming(
        self, path: Path, query: ImportQuery, remark: Callable[[str], None] = lambda _: None
    ) -> AsyncIterator[transfer.Incoming]:
        batches = transfer.incoming(self._files.read(path, remark), query, self._vetting)
        while batch := await self._threads.read(next, batches, None):
            yield batch

    def _take_in(self, batch: transfer.Incoming, done_as: Act, query: ImportQuery, by: By) -> ImportReport:
        batch = transfer.named(batch, self._names)  # here, because names may have changed since it was read
        if by.quota is not None:  # other requests of the key may have had their turn since the forecast
            once_more = transfer.Forecast(self._store, query)
            once_more.of(batch)
            refuse_growth(self._store, by, once_more.growth)
        return transfer.take_in(self._store, batch, self._embeddings.model, done_as, query, as_own=not by.vouches)
