"""What is kept of deletions, exports and administration: who did what to which memories, and never what they said."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from memory_core import checks

Facts = dict[str, str | int | bool]
"""Ids, scopes and counts by their names."""


class AuditOutcome(StrEnum):
    BEGUN = "begun"  # and, where no later entry is `of` it, never ended: the server was killed, or the disk full
    DONE = "done"
    FAILED = "failed"  # it was tried, and nothing or not all of it was done; `error` says why
    REFUSED = "refused"  # the key did not allow it, or there was none


class AuditEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the audit log. `number` grows by one from line to line; `of` is the one with which this began.

    `action` is a method and a route, or the name of a tool; `target` what it was about, `result` what came of it.
    `key` is the name of a key, `client_id` what the caller says of itself. Before this one, `left_out` refused attempts
    were not written down, because there were too many.
    """

    number: int
    at: datetime
    action: str
    outcome: AuditOutcome
    request_id: str | None = None
    key: str | None = None
    client_id: str | None = None
    address: str | None = None
    target: Facts = {}
    result: Facts = {}
    status: int | None = None
    error: str | None = None
    of: int | None = None
    left_out: int = 0


class AuditQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`before` is the number of an entry: what is asked for is older."""

    limit: int = 50
    before: int | None = None

    def __post_init__(self) -> None:
        checks.between("limit", self.limit, 1, 1000)


class AuditPage(Struct, frozen=True, kw_only=True):
    """The newest first; an action that has ended is one entry. `next_before` asks for the next page, if any."""

    entries: tuple[AuditEntry, ...]
    count: int
    next_before: int | None = None


class Audit(Protocol):
    async def list(self, query: AuditQuery) -> AuditPage: ...
