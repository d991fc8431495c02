"""`Doctor` of a store that is in use: what its parts say of themselves, and repairs that cannot lose anything.

The slow part has a thread of its own, so that neither reads nor writes wait for it. Knows no SQL: what can be wrong in
a store, and how it is mended, the store knows.
"""

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Protocol, TypeVar, runtime_checkable

from msgspec import Struct

from memory_core.backups import BackupList, Backups, BackupState
from memory_core.diagnosis import MENDED, Diagnosis, Flaw, FlawKind, KeptSecrets, RepairReport, StoreState
from memory_core.engine.backups.ports import GoOn
from memory_core.engine.embedding import EmbeddingQueue
from memory_core.engine.lexical import ANALYSER_VERSION, entry
from memory_core.engine.ports import Entry, Store
from memory_core.engine.redaction.vetting import Vetting
from memory_core.engine.repeats import text_digest
from memory_core.engine.reranking import Reranking
from memory_core.engine.threads import submitted
from memory_core.errors import InternalError, UnavailableError
from memory_core.types import Memory, SecretPolicy

T = TypeVar("T")

_log = logging.getLogger(__name__)
_SHOWN = 20


@runtime_checkable
class Examinable(Protocol):
    """What a kind of store can do so that it is examined and repaired from here."""

    def state(self) -> StoreState:
        """Quick."""
        ...

    def examine(self, digest: Callable[[str], int], go_on: GoOn) -> list[Flaw]:
        """Read everything; what does not fit. `digest` is what `Entry.digest` should be of a content."""
        ...

    def repair(
        self, analyser: int, analysed: Callable[[Memory], Entry], digest: Callable[[str], int], go_on: GoOn
    ) -> list[str]:
        """Mend what `examine` calls remains or repairable, in one transaction; a sentence for each thing done."""
        ...


class Ward(Struct, frozen=True, kw_only=True):
    """Whom the doctor looks after."""

    store: Store
    embeddings: EmbeddingQueue
    reranking: Reranking | None
    backups: Backups
    version: str
    clock: Callable[[], datetime]
    trash_days: int | None
    embedder_fixed: bool
    secrets: SecretPolicy = SecretPolicy.REDACT


class StoreDoctor:
    """See `Doctor`. `close` in two steps, as `BackupService`."""

    def __init__(self, ward: Ward) -> None:
        self._ward = ward
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="memory-doctor")

    async def diagnose(self, *, integrity: bool = False) -> Diagnosis:
        ward, store = self._ward, self._ward.store
        flaws = await self._alone(self._flaws) if integrity and isinstance(store, Examinable) else None
        return Diagnosis(
            version=ward.version,
            at=ward.clock(),
            location=store.location,
            embedding=await asyncio.to_thread(ward.embeddings.status),
            embedder_fixed=ward.embedder_fixed,
            trash_days=ward.trash_days,
            reranker=None if ward.reranking is None else ward.reranking.status(),
            store=await asyncio.to_thread(store.state) if isinstance(store, Examinable) else None,
            backups=await self._known_backups(),
            flaws=None if flaws is None else tuple(flaws),
            secrets=await self._alone(self._secrets) if integrity and _is_sound(flaws or ()) else None,
        )

    async def repair(self) -> RepairReport:
        store = self._examinable()
        flaws = await self._alone(self._flaws)
        backup, done = None, []
        if any(flaw.kind in MENDED for flaw in flaws):
            backup = await self._backed_up()
            done = await self._alone(
                functools.partial(store.repair, ANALYSER_VERSION, entry, text_digest, self._require_going_on)
            )
            flaws = await self._alone(self._flaws)
            _log.warning("the store was repaired, after backup %s: %s", backup, "; ".join(done))
        if failed := self._ward.embeddings.status().failed:
            done.append(f"tries again to embed what had failed, memories: {failed:,}")
        self._ward.embeddings.retry()
        done += await self._alone(self._tidied)
        return RepairReport(backup=backup, done=tuple(done), left=tuple(flaws))

    def give_up(self) -> None:
        self._stopping.set()

    def close(self) -> None:
        self.give_up()
        self._thread.shutdown()

    async def _known_backups(self) -> BackupList | None:
        try:
            return await self._ward.backups.list()
        except UnavailableError:
            return None

    async def _backed_up(self) -> str:
        """Verified, but not as `create` does it: that lets an older one go, which may be the better one just now."""
        made = await self._ward.backups.create(verify=False)
        found = await self._ward.backups.verify(made.name)
        if found.state is not BackupState.VERIFIED:
            raise InternalError(f"nothing was repaired, because backup {made.name} is broken: {found.problem}")
        return made.name

    def _flaws(self) -> list[Flaw]:
        return self._examinable().examine(text_digest, self._require_going_on)

    def _secrets(self) -> KeptSecrets | None:
        if self._ward.secrets is SecretPolicy.OFF:
            return None
        vetting, found = Vetting(SecretPolicy.REDACT), dict[str, tuple[str, ...]]()
        for batch in self._ward.store.export():
            self._require_going_on()
            found |= {each.memory.id: kinds for each in batch if (kinds := vetting.entry(each)[1])}
        all_kinds = dict.fromkeys(kind for each in found.values() for kind in each)
        return KeptSecrets(count=len(found), kinds=tuple(all_kinds), memories=tuple(found)[:_SHOWN])

    def _tidied(self) -> list[str]:
        before = self._examinable().state().wal_bytes
        self._ward.store.maintain()
        written = before - self._examinable().state().wal_bytes
        return [f"wrote the log of {written:,} bytes into the file"] if written > 0 else []

    def _examinable(self) -> Examinable:
        if not isinstance(self._ward.store, Examinable):
            raise UnavailableError("a store of this kind is examined and repaired by tools of its own, not from here")
        return self._ward.store

    async def _alone(self, function: Callable[[], T]) -> T:
        return await asyncio.wrap_future(submitted(self._thread, function))

    def _require_going_on(self) -> None:
        if self._stopping.is_set():
            raise UnavailableError("the server is stopping, so the store was not examined to the end; ask again later")


def _is_sound(flaws: Sequence[Flaw]) -> bool:
    """Whether all of it can be read as it should be."""
    return not any(flaw.kind in (FlawKind.REPAIRABLE, FlawKind.LASTING) for flaw in flaws)
