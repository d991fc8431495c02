"""The verbs of sessions for one caller: as far as its key reaches, for its machine, with its project by default."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec
from msgspec import UNSET, structs

from memory_core.changes import ANYONE, By
from memory_core.engine.telling import estimate_tokens
from memory_core.errors import InvalidError, NotFoundError, StorageFullError, UnavailableError
from memory_core.places import Place
from memory_core.sessions import (
    BUDGETS,
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
from memory_core.types import ContextQuery
from memory_server.sessions.asking import (
    EVERYTHING,
    GOES_ON,
    SHORT_ID,
    introduction,
    is_introduced,
    query_of,
    shown_of,
)
from memory_server.sessions.entries import Asked, Noted, Row
from memory_server.sessions.naming import checked, cursor, place
from memory_server.sessions.reaching import NAMED, Reaching
from memory_server.sessions.summing import extract, session_of, sessions_of, write

_SLACK = timedelta(seconds=2)  # how long a request waited on its way is known in whole seconds


class CallerSessions(Reaching):
    """Those of `memory_core.sessions.Sessions`, and `forget`."""

    async def context(self, session_id: str, asked: ContextRequest) -> SessionContext:
        try:
            return await self._context(session_id, asked)
        except (StorageFullError, UnavailableError):
            if asked.occasion is Occasion.PROMPT:  # each would be told the same
                raise
            return await self._without_journal(session_id, asked)

    async def _without_journal(self, session_id: str, asked: ContextRequest) -> SessionContext:
        """A full disk or a damaged journal is no reason to go without memory. `doctor` says what is wrong."""
        project_id = self._within(self._claims.project_id)
        budget = asked.max_tokens or BUDGETS[asked.occasion]
        context = await self._memories.context(ContextQuery(project_id=project_id, max_tokens=budget))
        return SessionContext(
            session_id=checked(session_id), project_id=project_id, text=context.summary, tokens=context.tokens
        )

    async def _context(self, session_id: str, asked: ContextRequest) -> SessionContext:
        seen = self._seen(session_id, self._by, agent=asked.agent, directory=asked.directory, prompt=asked.prompt)
        async with self._service.turn(session_id):
            row = self._named(await self._service.journal(lambda book: book.seen(seen, self._may_change)))
            news = await self._news(asked)
            told: tuple[str, ...] = ()
            if asked.occasion is Occasion.PROMPT:
                told = await self._service.journal(lambda book: book.told_since(session_id, row.window_at))
            at = self._service.clock()  # before it is looked: what is kept meanwhile is news the next time
            context = await self._memories.context(query_of(row, asked, told))
            shown = shown_of(context, asked.occasion, at)
            await self._told(row, asked.occasion, at, shown)
            text = news or ""
            if context.has_context:
                text = "\n".join(filter(None, (text, context.summary)))
                if is_introduced(asked.occasion):
                    text = f"{introduction(row, await self._short(session_id))}\n{text}"
        return SessionContext(
            session_id=session_id, project_id=row.project_id, text=text, tokens=estimate_tokens(text), shown=shown
        )

    async def _news(self, asked: ContextRequest) -> str | None:
        """That the directory was another project before. Its place is known from now on."""
        place = await self._at_place(asked.directory, self._within(self._claims.project_id))
        return await self._service.places.news(place, self._memories) if is_introduced(asked.occasion) else None

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
        if not self._service.notes:
            return await self._answer(await self._service.journal(lambda book: book.seen(seen, self._may_change)))
        noted = Noted(
            kind=note.kind,
            text=self._vetted(note.text),
            now=self._service.clock(),
            key=by.key,
            quota=None if by.quota is None else msgspec.json.encode(by.quota).decode(),
        )
        async with self._service.turn(session_id):
            row = await self._service.journal(lambda book: book.note(seen, noted, self._may_change))
            if note.kind is NoteKind.COMPACTION or row.ended_at is not None:
                row = await extract(self._service.journal, self._memories, row, by)
        return await self._answer(row)

    async def summarise(self, session_id: str | None, said: SessionSummary, *, by: By = ANYONE) -> Session:
        if said.is_empty:
            raise InvalidError("there is nothing in it; give a summary, decisions or open_questions")
        row = await (self._current(by) if session_id is None else self._one(session_id))
        self._may_change(row)
        async with self._service.turn(row.session_id):
            row = await self._service.journal(lambda book: book.one(row.session_id))
            row = await write(self._service.journal, self._memories, row, said, Author.AGENT, by)
        return await self._answer(row)

    async def end(self, session_id: str, how: SessionEnd, *, by: By = ANYONE) -> Session:
        row = await self._one(session_id)
        self._may_change(row)
        at, reason = self._at(by), how.reason and self._vetted(how.reason)
        async with self._service.turn(row.session_id):
            row = await self._service.journal(lambda book: book.one(row.session_id))
            was_seen_since = bool(by.ago_s) and at + _SLACK < row.last_seen_at
            if row.ended_at is None and not was_seen_since:
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
        sessions = await sessions_of(self._memories, [self._named(row) for row in page])
        following = cursor(page[-1]) if len(found) > query.limit else None
        return SessionPage(sessions=sessions, count=len(sessions), next_cursor=following)

    async def shown(self, session_id: str) -> ShownList:
        row = await self._one(session_id)
        shown = await self._service.journal(lambda book: book.shown(row.session_id))
        if self._reach is not None:  # it may have been told of other projects by another key
            within = {known for known in {one.memory_id for one in shown} if await self._is_within(known)}
            shown = [one for one in shown if one.memory_id in within]
        return ShownList(session_id=row.session_id, count=len(shown), shown=tuple(shown))

    async def forget(self, session_id: str) -> Session:
        """Drop what the journal has of it; its memory stays."""
        row = await self._one(session_id)
        self._may_change(row)
        gone = await self._answer(row)
        async with self._service.turn(row.session_id):
            await self._service.journal(lambda book: book.forget(row.session_id))
        return gone

    async def _told(self, row: Row, occasion: Occasion, at: datetime, shown: Sequence[Shown]) -> None:
        everything, goes_on = occasion in EVERYTHING or row.window_at is None, occasion in GOES_ON
        if shown or goes_on:
            await self._service.journal(
                lambda book: book.told(row.session_id, at, shown, everything=everything, goes_on=goes_on)
            )

    async def _current(self, by: By) -> Row:
        """The one open session of the caller's machine and project; a new one where there is none."""
        here = self._service.names.called((self._within(self._claims.project_id) or "",))
        rows = await self._service.journal(lambda book: book.open_ones(here, self._claims.client_id, limit=NAMED + 1))
        if len(rows) > 1:
            more = ", …" if len(rows) > NAMED else ""
            named = ", ".join(f"{row.session_id[:SHORT_ID]} ({row.title or 'no title'})" for row in rows[:NAMED])
            raise InvalidError(f"several sessions are open here: {named}{more}; say which by session_id")
        if rows:
            return rows[0]
        seen = self._seen(uuid4().hex, by)
        return await self._service.journal(lambda book: book.seen(seen, self._may_change))

    async def _answer(self, row: Row) -> Session:
        return await session_of(self._memories, self._named(row))

    async def _is_within(self, memory_id: str) -> bool:
        try:
            await self._memories.get(memory_id)
        except NotFoundError:
            return False
        return True
