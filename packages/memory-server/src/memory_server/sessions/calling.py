"""The verbs of sessions for one caller: as far as its key reaches, for its machine, with its project by default."""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
from msgspec import UNSET, structs

from memory_core.changes import ANYONE, By
from memory_core.engine.reach.reach import Reach
from memory_core.engine.redaction.finding import redact
from memory_core.engine.telling import estimate_tokens
from memory_core.errors import AmbiguousIdError, ForbiddenError, InvalidError, NotFoundError
from memory_core.memories import Memories
from memory_core.places import Place
from memory_core.sessions import (
    Author,
    ContextRequest,
    NewSession,
    NoteKind,
    Occasion,
    Session,
    SessionContext,
    SessionEnd,
    SessionNote,
    SessionPage,
    SessionQuery,
    SessionSummary,
    Shown,
    ShownList,
)
from memory_core.types import Context, SecretPolicy
from memory_server.auth import Caller
from memory_server.sessions.asking import (
    EVERYTHING,
    GOES_ON,
    SHORT_ID,
    first_line,
    has_first_line,
    query_of,
    told_before,
)
from memory_server.sessions.entries import Asked, Noted, Row, Seen
from memory_server.sessions.summing import extract, session_of, write

if TYPE_CHECKING:
    from memory_server.sessions.service import SessionService

MAX_ID_CHARS = 200
MIN_BEGINNING = 4
TITLE_CHARS = 120
_NAMED = 5
_TAG = re.compile(r"</?[a-z][\w-]{0,40}>")
_SLACK = timedelta(seconds=2)  # how long a request waited on its way is known in whole seconds


class CallerSessions:
    """`memories` are the product as far as the caller's key reaches, which is `projects`; null for all."""

    def __init__(
        self, service: "SessionService", memories: Memories, caller: Caller, projects: Sequence[str] | None
    ) -> None:
        self._service = service
        self._memories = memories
        self._claims = caller.claims
        self._by = caller.by
        self._reach = None if projects is None else Reach(tuple(projects), service.names)

    async def context(self, session_id: str, asked: ContextRequest) -> SessionContext:
        seen = self._seen(session_id, self._by, agent=asked.agent, directory=asked.directory, prompt=asked.prompt)
        async with self._service.turn(session_id):
            row = await self._service.journal(lambda book: book.seen(seen, self._may_change))
            news = await self._news(asked)
            leave_out, since = told_before(row, asked.occasion)
            told = await self._service.journal(lambda book: book.told_since(session_id, since)) if leave_out else ()
            context = await self._memories.context(query_of(row, asked, told))
            shown = shown_of(context, asked.occasion, self._service.clock())
            await self._told(row, asked.occasion, shown)
            text = news or ""
            if context.has_context:
                text = "\n".join(filter(None, (text, context.summary)))
                if has_first_line(asked.occasion):
                    text = f"{first_line(row, await self._short(session_id))}\n{text}"
        return SessionContext(
            session_id=session_id, project_id=row.project_id, text=text, tokens=estimate_tokens(text), shown=shown
        )

    async def _news(self, asked: ContextRequest) -> str | None:
        """That the directory was another project before. Its place is known from now on."""
        place = await self._at_place(asked.directory, self._within(self._claims.project_id))
        return await self._service.places.news(place, self._memories) if has_first_line(asked.occasion) else None

    async def _at_place(self, directory: str | None, project_id: str | None) -> Place | None:
        """What is said of a directory together with a project is known for those who say the directory alone."""
        if directory is None or project_id is None or self._vetted(directory) != directory:
            return None
        return await self._service.places.seen(self._claims.client_id, directory, project_id)

    async def start(self, new: NewSession) -> Session:
        project_id = self._claims.project_id if new.project_id is UNSET else new.project_id
        seen = self._seen(
            new.session_id or uuid4().hex, self._by, agent=new.agent, directory=new.directory, title=new.title
        )
        seen = structs.replace(seen, project_id=self._within(project_id))
        await self._at_place(new.directory, seen.project_id)
        return await self._answer(await self._service.journal(lambda book: book.seen(seen, self._may_change)))

    async def note(self, session_id: str, note: SessionNote, *, by: By = ANYONE) -> Session:
        seen = self._seen(session_id, by)
        noted = Noted(
            kind=note.kind,
            text=self._vetted(note.text),
            now=self._service.clock(),
            key=by.key,
            quota=None if by.quota is None else msgspec.json.encode(by.quota).decode(),
        )
        async with self._service.turn(session_id):
            row = await self._service.journal(lambda book: book.note(seen, noted, self._may_change))
            if note.kind is NoteKind.COMPACTION:
                row = await extract(self._service.journal, self._memories, row, by)
        return await self._answer(row)

    async def summarise(self, session_id: str | None, said: SessionSummary, *, by: By = ANYONE) -> Session:
        if said.is_empty:
            raise InvalidError("there is nothing in it; give a summary, decisions or open_questions")
        row = await (self._current(by) if session_id is None else self._one(session_id))
        self._may_change(row)
        async with self._service.turn(row.session_id):
            row = await write(self._service.journal, self._memories, row, said, Author.AGENT, by)
        return await self._answer(row)

    async def end(self, session_id: str, how: SessionEnd, *, by: By = ANYONE) -> Session:
        row = await self._one(session_id)
        self._may_change(row)
        at, reason = self._at(by), how.reason and self._vetted(how.reason)
        async with self._service.turn(row.session_id):
            if row.ended_at is None and at + _SLACK >= row.last_seen_at:  # else it was opened again meanwhile
                row = await self._service.journal(lambda book: book.end(row.session_id, at, reason))
            row = await extract(self._service.journal, self._memories, row, by)
        return await self._answer(row)

    async def get(self, session_id: str) -> Session:
        return await self._answer(await self._one(session_id))

    async def list(self, query: SessionQuery) -> SessionPage:
        project_id = self._claims.project_id if query.project_id is UNSET else query.project_id
        everywhere = query.global_search or (query.project_id is UNSET and project_id is None)
        asked = Asked(
            projects=self._listed(None if everywhere else (project_id or "",)),
            client_id=query.client_id,
            status=query.status,
            before=None if query.cursor is None else place(query.cursor),
            limit=query.limit + 1,  # one more says whether there is another page
        )
        found = await self._service.journal(lambda book: book.page(asked))
        page = found[: query.limit]
        sessions = tuple([await self._answer(row) for row in page])
        following = cursor(page[-1]) if len(found) > query.limit else None
        return SessionPage(sessions=sessions, count=len(sessions), next_cursor=following)

    async def shown(self, session_id: str) -> ShownList:
        row = await self._one(session_id)
        shown = await self._service.journal(lambda book: book.shown(row.session_id))
        if self._reach is not None:  # it may have been told of other projects by another key
            shown = [one for one in shown if await self._is_within(one.memory_id)]
        return ShownList(session_id=row.session_id, count=len(shown), shown=tuple(shown))

    async def forget(self, session_id: str) -> Session:
        """Drop what the journal has of it; its memory stays."""
        row = await self._one(session_id)
        self._may_change(row)
        gone = await self._answer(row)
        async with self._service.turn(row.session_id):
            await self._service.journal(lambda book: book.forget(row.session_id))
        return gone

    async def _told(self, row: Row, occasion: Occasion, shown: tuple[Shown, ...]) -> None:
        at = shown[0].at if shown else self._service.clock()
        everything, goes_on = occasion in EVERYTHING or row.window_at is None, occasion in GOES_ON
        if shown or goes_on:
            await self._service.journal(
                lambda book: book.told(row.session_id, at, shown, everything=everything, goes_on=goes_on)
            )

    async def _current(self, by: By) -> Row:
        """The one open session of the caller's machine and project; a new one where there is none."""
        here = self._service.names.called((self._within(self._claims.project_id) or "",))
        rows = await self._service.journal(lambda book: book.open_ones(here, self._claims.client_id, limit=_NAMED + 1))
        if len(rows) > 1:
            more = ", …" if len(rows) > _NAMED else ""
            named = ", ".join(f"{row.session_id[:SHORT_ID]} ({row.title or 'no title'})" for row in rows[:_NAMED])
            raise InvalidError(f"several sessions are open here: {named}{more}; say which by session_id")
        if rows:
            return rows[0]
        seen = self._seen(uuid4().hex, by)
        return await self._service.journal(lambda book: book.seen(seen, self._may_change))

    async def _one(self, name: str) -> Row:
        """By its id, or the unique beginning of it. Raises NotFoundError, AmbiguousIdError."""
        checked(name)
        found = await self._service.journal(lambda book: book.named(name))
        found = [row for row in found if self._reach is None or self._reach.holds(row.project_id)]
        exact = [row for row in found if row.session_id == name]
        if exact:
            return exact[0]
        if not found or len(name) < MIN_BEGINNING:
            raise unknown(name)
        if len(found) > 1:
            named = ", ".join(row.session_id for row in found[:_NAMED])
            raise AmbiguousIdError(f"several sessions begin with {name}: {named}; give more of the id")
        return found[0]

    async def _short(self, session_id: str) -> str:
        beginning = session_id[:SHORT_ID]
        found = await self._service.journal(lambda book: book.named(beginning))
        return beginning if len(found) == 1 and len(beginning) >= MIN_BEGINNING else session_id

    async def _answer(self, row: Row) -> Session:
        row = structs.replace(row, project_id=self._service.names.meant(row.project_id))
        return await session_of(self._memories, row)

    async def _is_within(self, memory_id: str) -> bool:
        try:
            await self._memories.get(memory_id)
        except NotFoundError:
            return False
        return True

    def _seen(
        self,
        session_id: str,
        by: By,
        *,
        agent: str | None = None,
        directory: str | None = None,
        title: str | None = None,
        prompt: str | None = None,
    ) -> Seen:
        return Seen(
            session_id=checked(session_id),
            at=self._at(by),
            project_id=self._within(self._claims.project_id),
            client_id=self._claims.client_id,
            agent=agent and self._vetted(agent),
            directory=directory and self._vetted(directory),
            title=title_of(self._vetted(title or prompt or "")),
        )

    def _at(self, by: By) -> datetime:
        return self._service.clock() - timedelta(seconds=by.ago_s)

    def _within(self, project_id: str | None) -> str | None:
        """As for memories: who reaches one project alone means that one. Raises ForbiddenError."""
        if self._reach is not None:
            if project_id is None and len(self._reach.projects) == 1:
                project_id = self._reach.projects[0] or None
            self._reach.check(project_id)
        return self._service.names.meant(project_id)

    def _listed(self, projects: Sequence[str] | None) -> Sequence[str] | None:
        """Of `projects`, null for all, those within reach, under all of their names."""
        if self._reach is not None:
            projects = tuple(self._reach.named(projects))
        return None if projects is None else self._service.names.called(projects)

    def _may_change(self, row: Row) -> None:
        """Raises NotFoundError for a session of another project, ForbiddenError for one of another machine."""
        if self._reach is not None and not self._reach.holds(row.project_id):
            raise unknown(row.session_id)
        if self._claims.is_bound and row.client_id not in (None, self._claims.client_id):
            raise ForbiddenError(f"your key speaks for the client {self._claims.client_id!r} and for no other")

    def _vetted(self, text: str) -> str:
        return text if self._service.secrets is SecretPolicy.OFF else redact(text)[0]


def shown_of(context: Context, occasion: Occasion, at: datetime) -> tuple[Shown, ...]:
    """Of each memory in `context`, why it is there."""
    chosen = {one.memory_id: one for one in context.chosen}
    return tuple(
        Shown(
            memory_id=memory.id,
            occasion=occasion,
            at=at,
            tokens=chosen[memory.id].tokens if memory.id in chosen else estimate_tokens(memory.content),
            section=chosen[memory.id].section if memory.id in chosen else memory.memory_type.value,
            why=chosen[memory.id].why if memory.id in chosen else "",
        )
        for memory in context.memories
    )


def title_of(text: str) -> str | None:
    """The beginning of a prompt. What stands in tags around it was put there by a program."""
    line = " ".join(_TAG.sub(" ", text[: 10 * TITLE_CHARS]).split())
    return (line if len(line) <= TITLE_CHARS else f"{line[: TITLE_CHARS - 1]}…") or None


def checked(session_id: str) -> str:
    if not (0 < len(session_id) <= MAX_ID_CHARS and session_id.isprintable() and session_id.strip() == session_id):
        raise InvalidError(f"session_id is one line of 1 to {MAX_ID_CHARS} characters")
    return session_id


def unknown(name: str) -> NotFoundError:
    return NotFoundError(f"there is no session {name}")


def cursor(row: Row) -> str:
    place = f"{row.last_seen_at.isoformat()} {row.session_id}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place(cursor: str) -> tuple[datetime, str]:
    """Where the page before ended."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        moment, _, session_id = text.partition(" ")
        return datetime.fromisoformat(moment).astimezone(UTC), session_id
    except (binascii.Error, ValueError, OverflowError):
        raise InvalidError("cursor is not one that a page gave; begin again without it") from None
