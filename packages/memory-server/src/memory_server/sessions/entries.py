"""What the journal takes and gives: a session as it stands there, and what is to be written of one."""

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct

from memory_core.sessions import Author, NoteKind, SessionStatus


class Row(Struct, frozen=True, kw_only=True):
    """A session as the journal has it. What it came to is in its memory."""

    session_id: str
    project_id: str | None
    client_id: str | None
    agent: str | None
    directory: str | None
    title: str | None
    started_at: datetime
    last_seen_at: datetime
    window_at: datetime | None
    told_at: datetime | None
    noted_at: datetime | None
    summed_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    memory_id: str | None
    written_by: Author | None
    written: bytes | None
    key: str | None
    quota: str | None
    told: int

    @property
    def status(self) -> SessionStatus:
        return SessionStatus.OPEN if self.ended_at is None else SessionStatus.ENDED

    @property
    def has_news(self) -> bool:
        """Something was noted that its memory does not know."""
        return self.noted_at is not None and (self.summed_at is None or self.noted_at > self.summed_at)


class Note(Struct, frozen=True, kw_only=True):
    at: datetime
    kind: NoteKind
    text: str


class Seen(Struct, frozen=True, kw_only=True):
    """A session that was heard of: by whom, and what is known of it now."""

    session_id: str
    at: datetime
    project_id: str | None = None
    client_id: str | None = None
    agent: str | None = None
    directory: str | None = None
    title: str | None = None


class Noted(Struct, frozen=True, kw_only=True):
    """What was said in a session. `now` is when it came here, `key` and `quota` of whoever brought it."""

    kind: NoteKind
    text: str
    now: datetime
    key: str | None = None
    quota: str | None = None


class Written(Struct, frozen=True, kw_only=True):
    """The memory of a session: `digest` is of what it says; it knows what was noted `until` then."""

    memory_id: str
    author: Author
    digest: bytes
    until: datetime


class Asked(Struct, frozen=True, kw_only=True):
    """Which sessions a page has: those of `projects`, under all of their names; null for all."""

    projects: Sequence[str] | None
    client_id: str | None
    status: SessionStatus | None
    before: tuple[datetime, str] | None
    limit: int


Check = Callable[[Row], None]
"""Raises where the caller may not have to do with that session."""
