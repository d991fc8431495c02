"""GET /metrics: what was counted, and what can be read off the engine, in the text that Prometheus takes.

Numbers of the engine are kept for some seconds, so that a scrape, however often it comes, is no work for the store.
Where they cannot be had, the rest is shown without them: that is when somebody looks.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from msgspec import Struct

from memory_core.backups import Backup, Backups, BackupState
from memory_core.errors import MemoryServiceError, UnavailableError
from memory_core.types import EmbeddingState, EmbeddingStatus, RerankerState
from memory_core.watching import Gauges, Standing, Watch
from memory_server import __version__
from memory_server.access import Level
from memory_server.meters import Meters
from memory_server.remembered import Remembered
from memory_server.routes import PlainText, Route

if TYPE_CHECKING:
    from prometheus_client.core import Metric

GAUGES_KEEP_S = 5.0
BACKUPS_KEEP_S = 60.0  # each is a file to read

log = logging.getLogger("memory_server")


class Shelf(Struct, frozen=True, kw_only=True):
    """How many backups there are, and the last that is not broken."""

    count: int
    last: Backup | None


class CountedBackups:
    """`Backups` that tells the meters how it went."""

    def __init__(self, backups: Backups, meters: Meters) -> None:
        self._backups = backups
        self._meters = meters
        self.list, self.verify = backups.list, backups.verify

    async def create(self, *, verify: bool = True) -> Backup:
        began = time.perf_counter()
        try:
            made = await self._backups.create(verify=verify)
        except BaseException:
            self._meters.backed_up(None)
            raise
        self._meters.backed_up(time.perf_counter() - began)
        return made


class MetricsRoutes:
    def __init__(self, meters: Meters, watch: Watch, backups: Backups) -> None:
        self._meters = meters
        self._backups = backups
        self._gauges = Remembered(watch.gauges, keep_s=GAUGES_KEEP_S)
        self._shelf = Remembered(self._looked_at_shelf, keep_s=BACKUPS_KEEP_S)

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/metrics", needs=Level.READ, whole=True,
                  summary="What Prometheus scrapes", handler=self.scrape, tag="server", returns=PlainText),
        ]  # fmt: skip

    async def scrape(self, request: Request) -> Response:
        gauges, shelf = await asyncio.gather(self._gauges.get(), self._shelf.get(), return_exceptions=True)
        for part in (gauges, shelf):
            if isinstance(part, BaseException) and not isinstance(part, MemoryServiceError):
                raise part
        accept = request.headers.get("accept", "")
        known = gauges if isinstance(gauges, Gauges) else None
        # In a thread: the library is imported by the first, and a page of numbers takes some milliseconds.
        text, media = await asyncio.to_thread(
            _page, self._meters, known, shelf if isinstance(shelf, Shelf) else None, accept
        )
        return Response(text, headers={"content-type": media})

    async def _looked_at_shelf(self) -> Shelf | None:
        try:
            listed = (await self._backups.list()).backups
        except UnavailableError:
            return None  # a kind of store that is backed up by tools of its own
        good = [backup for backup in listed if backup.state is not BackupState.BROKEN]
        return Shelf(count=len(listed), last=max(good, key=lambda backup: backup.created_at, default=None))


def _page(meters: Meters, gauges: Gauges | None, shelf: Shelf | None, accept: str) -> tuple[bytes, str]:
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import choose_encoder

    families = [*_counted(meters), *_of_server(gauges), *_of_shelf(shelf)]
    if gauges is not None:
        families += [*_of_store(gauges), *_of_models(gauges)]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families([*families, *ProcessCollector(registry=None).collect()]))
    encode, media = choose_encoder(accept)
    return encode(registry), media


class _Families:
    def __init__(self, families: Iterable["Metric"]) -> None:
        self._families = families

    def collect(self) -> Iterable["Metric"]:
        return self._families


def _counted(meters: Meters) -> Iterable["Metric"]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    for counter in meters.counters():
        total = CounterMetricFamily(counter.name, counter.about, labels=counter.labels)
        for labels, value in counter.values().items():
            total.add_metric(labels, value)
        yield total
    for histogram in meters.histograms():
        spread = HistogramMetricFamily(histogram.name, histogram.about, labels=histogram.labels)
        for labels, (buckets, total_s) in histogram.values().items():
            spread.add_metric(labels, buckets, total_s)
        yield spread


def _of_server(gauges: Gauges | None) -> Iterable["Metric"]:
    from prometheus_client.core import InfoMetricFamily

    yield InfoMetricFamily("memory_build", "The version that runs", value={"version": __version__})
    yield _gauge("memory_store_up", "1 where the store could be read", gauges is not None)
    if gauges is not None and gauges.schema_version is not None:
        yield _gauge("memory_store_schema_version", "Of the store's file", gauges.schema_version)


def _of_store(gauges: Gauges) -> Iterable["Metric"]:
    sizes = (
        ("memory_store_size_bytes", "The whole store on disk", gauges.size_bytes),
        ("memory_store_log_bytes", "Its write-ahead log, which is part of that", gauges.log_bytes),
        ("memory_store_disk_free_bytes", "Room on its disk", gauges.free_bytes),
        ("memory_store_disk_floor_bytes", "Below so much room it refuses writes", gauges.floor_bytes),
    )
    yield from (_gauge(name, about, value) for name, about, value in sizes if value is not None)
    counts = {(tally.memory_type.value, tally.standing.value): tally.count for tally in gauges.memories}
    kinds = sorted({kind for kind, _ in counts}) or ["observation"]
    # A state that nothing is in is 0 and not absent: else a sum over it would have no answer.
    all_of_them = {(kind, state.value): counts.get((kind, state.value), 0) for kind in kinds for state in Standing}
    yield _gauges("memory_memories", "Memories", ("type", "state"), all_of_them)


def _of_models(gauges: Gauges) -> Iterable["Metric"]:
    embedding, reranker = gauges.embedding, gauges.reranker
    yield _gauge("memory_embedding_pending", "Memories that have no vector of the model in use", embedding.pending)
    yield _gauge("memory_embedding_failed", "Those of them that were tried in vain", embedding.failed)
    yield _gauges(
        "memory_embedding_next_pending",
        "Memories that have no vector of the model that is to follow",
        (),
        {(): embedding.next.pending if embedding.next is not None else 0},
    )
    yield _gauges("memory_embedding_model_state", "1 for the state it is in", ("state",), _states(embedding))
    named = {} if embedding.model is None else {(embedding.model, str(embedding.dimension)): 1}
    yield _gauges("memory_embedding_model_info", "The model in use", ("model", "dimension"), named)
    state = "off" if reranker is None else reranker.state.value
    states = {(each,): int(each == state) for each in ("off", *(each.value for each in RerankerState))}
    yield _gauges("memory_reranker_state", "1 for the state it is in", ("state",), states)


def _states(embedding: EmbeddingStatus) -> dict[tuple[str, ...], float]:
    return {(state.value,): int(embedding.state is state) for state in EmbeddingState}


def _of_shelf(shelf: Shelf | None) -> Iterable["Metric"]:
    if shelf is None:
        return
    yield _gauge("memory_backups_kept", "Backups in the folder for them", shelf.count)
    if shelf.last is not None:
        made_at = shelf.last.created_at.timestamp()
        yield _gauge("memory_backup_last_success_timestamp_seconds", "When the last good backup was made", made_at)
        yield _gauge("memory_backup_last_size_bytes", "Its size", shelf.last.bytes)


def _gauge(name: str, about: str, value: float) -> "Metric":
    return _gauges(name, about, (), {(): value})


def _gauges(name: str, about: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, about, labels=labels)  # Any: a mapping's keys are invariant, their length varies
    for each, value in values.items():
        family.add_metric(each, value)
    return family
