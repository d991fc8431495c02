"""Who deleted, exported or administered what: written down before it is done, and again when it has ended.

What would change something and cannot be written down is not done: an action that leaves no trace is what such a log
is there to prevent. Who only looks under /admin is let through then, because that is how one finds out. Entries hold
ids, scopes and counts, taken from a list of names; what a memory says is in none of them.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, Struct, UnsetType
from starlette.requests import Request

from memory_core.auditing import AuditEntry, AuditOutcome, AuditPage, AuditQuery, Facts
from memory_core.engine.redaction.finding import redact
from memory_core.errors import ForbiddenError, MemoryServiceError, StorageFullError, UnauthorizedError
from memory_server import request_ids
from memory_server.audit_file import AuditFile
from memory_server.meters import Meters

log = logging.getLogger("memory_server")

MAX_CHARS = 100
REFUSALS_A_MINUTE = 60
_NAMED = (
    "memory_id", "batch_id", "keep", "other", "decision", "name", "project_id", "global_search", "memory_type",
    "client_id", "session_id", "older_than_days", "created_before", "created_after", "dry_run", "embedder", "format",
    "revision", "verify", "integrity", "scope", "projects", "expires_at", "max_memories", "max_bytes",
    "alias", "source", "target", "to", "memory_ids",
)  # fmt: skip


class Actor(Struct, frozen=True, kw_only=True):
    """Who does it, as far as it is known."""

    key: str | None = None
    client_id: str | None = None
    address: str | None = None


class Answered(Struct, frozen=True, kw_only=True):
    """What is taken from an answer: ids and counts."""

    id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    deleted: str | UnsetType = UNSET
    batch_id: str | UnsetType | None = UNSET
    dry_run: bool | UnsetType = UNSET
    matched: int | UnsetType = UNSET
    purged: int | UnsetType = UNSET
    moved: int | UnsetType = UNSET
    removed: int | UnsetType = UNSET
    undone: int | UnsetType = UNSET
    imported: int | UnsetType = UNSET
    unchanged: int | UnsetType = UNSET


class Auditor:
    def __init__(
        self,
        file: AuditFile,
        meters: Meters,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._meters = meters
        self._clock = clock
        self._ticks = ticks
        self._minute = 0.0
        self._refusals = self._left_out = 0

    async def list(self, query: AuditQuery) -> AuditPage:
        return await asyncio.to_thread(self._file.page, query)

    async def begin(self, action: str, actor: Actor, target: Facts, *, changes: bool) -> "Action":
        """Raises StorageFullError where it `changes` something and the log takes no line."""
        entry = self._entry(action, actor, AuditOutcome.BEGUN, target=target)
        if not changes:
            return Action(self, entry, None)
        try:
            begun = await asyncio.to_thread(self._file.append, entry)
        except OSError as error:
            self._complain(error)
            raise StorageFullError(
                f"nothing was done, because the audit log cannot be written ({error.strerror}); make room on its disk, "
                "or let the server write there"
            ) from error
        return Action(self, begun, begun.number)

    async def refuse(self, action: str, actor: Actor, *, status: int) -> None:
        """Not without end: who is refused has all the time in the world, and this server's disk has not."""
        if self._ticks() - self._minute >= 60:
            self._minute, self._refusals = self._ticks(), 0
        self._refusals += 1
        if self._refusals > REFUSALS_A_MINUTE:
            self._left_out += 1
            return
        entry = self._entry(action, actor, AuditOutcome.REFUSED, status=status, left_out=self._left_out)
        self._left_out = 0
        await self.write(entry)

    async def write(self, entry: AuditEntry) -> None:
        """Where the log takes no line that is said in the other one: the action itself is over."""
        try:
            await asyncio.to_thread(self._file.append, entry)
        except OSError as error:
            self._complain(error)

    def ended(self, entry: AuditEntry, **fields: Any) -> AuditEntry:  # Any: fields of an entry
        return msgspec.structs.replace(entry, at=self._clock(), **fields)

    def _entry(self, action: str, actor: Actor, outcome: AuditOutcome, **fields: Any) -> AuditEntry:
        return AuditEntry(
            number=0,
            at=self._clock(),
            action=action,
            outcome=outcome,
            request_id=request_ids.current(),
            key=actor.key,
            client_id=actor.client_id and redact(actor.client_id)[0][:MAX_CHARS],
            address=actor.address,
            **fields,
        )

    def _complain(self, error: OSError) -> None:
        self._meters.audit_failures.add()
        log.error("the audit log cannot be written: %s", error.strerror)


class Action:
    """Something that has begun. `end` counts once."""

    def __init__(self, auditor: Auditor, entry: AuditEntry, of: int | None) -> None:
        self._auditor = auditor
        self._entry = entry
        self._of = of
        self._ended = False

    async def end(
        self,
        outcome: AuditOutcome,
        *,
        status: int | None = None,
        error: str | None = None,
        target: Facts | None = None,
        result: Facts | None = None,
    ) -> None:
        if self._ended:
            return
        self._ended = True
        await self._auditor.write(
            self._auditor.ended(
                self._entry,
                outcome=outcome,
                status=status,
                error=error,
                target=self._entry.target | (target or {}),
                result=result or {},
                of=self._of,
            )
        )

    async def fail(self, error: BaseException, *, target: Facts | None = None) -> None:
        refused = isinstance(error, UnauthorizedError | ForbiddenError)
        outcome = AuditOutcome.REFUSED if refused else AuditOutcome.FAILED
        known = error if isinstance(error, MemoryServiceError) else None
        status, code = (known.status, known.code) if known else (500, type(error).__name__)
        await self.end(outcome, status=status, error=code, target=target)


def actor_of(request: Request) -> Actor:
    principal = getattr(request.state, "principal", None)
    claimed = unquote(request.headers.get("x-client-id", "")).strip() or None
    return Actor(
        key=principal.key_hint if principal is not None else None,
        client_id=principal.client_id or claimed if principal is not None else claimed,
        address=request.client.host if request.client else None,
    )


def facts(asked: Iterable[Struct]) -> Facts:
    """Of what was asked for, what may be written down."""
    found: dict[str, Any] = {}
    for struct in asked:
        found |= {name: getattr(struct, name) for name in _NAMED if name in struct.__struct_fields__}
    return plain(found)


def plain(values: Mapping[str, Any]) -> Facts:
    """What says something, as text, numbers and truth."""
    return {
        name: value if isinstance(value, bool | int) else _text(value)
        for name, value in values.items()
        if value is not None and value is not UNSET
    }


def result_of(body: bytes) -> Facts:
    try:
        return plain(msgspec.structs.asdict(msgspec.json.decode(body, type=Answered)))
    except msgspec.MsgspecError:
        return {}


def _text(value: object) -> str:
    built = msgspec.to_builtins(value)
    text = ", ".join(map(str, built)) if isinstance(built, list | tuple) else str(built)
    return redact(text)[0][:MAX_CHARS]
