"""The routes of sessions. What a hook sends before each prompt is a read; what it notes afterwards is a write."""

from collections.abc import Callable
from typing import Annotated, Any

import fastapi
from fastapi import Request, Response

from memory_core.sessions import (
    ContextRequest,
    NewSession,
    Session,
    SessionContext,
    SessionEnd,
    SessionNote,
    SessionPage,
    SessionQuery,
    SessionSummary,
    ShownList,
)
from memory_server.access import Level
from memory_server.auth import caller_of
from memory_server.decoding import read_query, read_struct
from memory_server.routes import Route, encoded
from memory_server.sessions.calling import CallerSessions

SessionId = Annotated[str, fastapi.Path(description="The agent's own id of the session")]
SessionName = Annotated[str, fastapi.Path(description="An id, or its unique beginning of at least four characters")]


class SessionRoutes:
    """`sessions` are those that the key of a request reaches."""

    def __init__(self, sessions: Callable[[Request], CallerSessions], *, max_body_bytes: int) -> None:
        self._sessions = sessions
        self._max_body_bytes = max_body_bytes

    def routes(self) -> list[Route]:
        one = "/sessions/{session_id}"
        missing, kept = (404, 409, 503), (404, 409, 503, 507)
        return [
            Route(method="POST", path="/sessions", needs=Level.WRITE, summary="Begin a session, or go on with one",
                  handler=self.start_session, tag="sessions", body=NewSession, returns=Session, status=201,
                  errors=(404, 503, 507)),
            Route(method="POST", path="/sessions/summary", needs=Level.WRITE,
                  summary="What the one open session of a machine and project came to; a new one where none is open",
                  handler=self.summarise_open_session, tag="sessions", body=SessionSummary, returns=Session,
                  changes=True, errors=kept),
            Route(method="GET", path="/sessions", needs=Level.READ, summary="Sessions, the latest first",
                  handler=self.list_sessions, tag="sessions", query=SessionQuery, returns=SessionPage, errors=(503,)),
            Route(method="GET", path=one, needs=Level.READ, summary="A session, and what it came to",
                  handler=self.get_session, tag="sessions", returns=Session, errors=missing),
            Route(method="DELETE", path=one, needs=Level.WRITE,
                  summary="Drop what was noted in a session and what it was told; its memory stays",
                  handler=self.forget_session, tag="sessions", returns=Session, errors=kept),
            Route(method="GET", path=one + "/shown", needs=Level.READ, summary="What a session was told, and why",
                  handler=self.session_shown, tag="sessions", returns=ShownList, errors=missing),
            Route(method="POST", path=one + "/context", needs=Level.READ, summary="What to tell a session now",
                  handler=self.session_context, tag="sessions", body=ContextRequest, returns=SessionContext,
                  errors=(404, 503, 507)),
            Route(method="POST", path=one + "/notes", needs=Level.WRITE,
                  summary="Keep what was said, for the summary of a session", handler=self.note_session,
                  tag="sessions", body=SessionNote, returns=Session, changes=True, errors=(404, 503, 507)),
            Route(method="POST", path=one + "/summary", needs=Level.WRITE,
                  summary="What a session came to, in its agent's own words", handler=self.summarise_session,
                  tag="sessions", body=SessionSummary, returns=Session, changes=True, errors=kept),
            Route(method="POST", path=one + "/end", needs=Level.WRITE, summary="Close a session",
                  handler=self.end_session, tag="sessions", body=SessionEnd, returns=Session, changes=True,
                  errors=kept),
        ]  # fmt: skip

    async def start_session(self, request: Request) -> Response:
        new = await self._body(request, NewSession)
        return encoded(await self._sessions(request).start(new), status=201)

    async def list_sessions(self, request: Request) -> Response:
        return encoded(await self._sessions(request).list(read_query(request, SessionQuery)))

    async def get_session(self, session_id: SessionName, request: Request) -> Response:
        return encoded(await self._sessions(request).get(session_id))

    async def forget_session(self, session_id: SessionName, request: Request) -> Response:
        return encoded(await self._sessions(request).forget(session_id))

    async def session_shown(self, session_id: SessionName, request: Request) -> Response:
        return encoded(await self._sessions(request).shown(session_id))

    async def session_context(self, session_id: SessionId, request: Request) -> Response:
        asked = await self._body(request, ContextRequest)
        return encoded(await self._sessions(request).context(session_id, asked))

    async def note_session(self, session_id: SessionId, request: Request) -> Response:
        note = await self._body(request, SessionNote)
        return encoded(await self._sessions(request).note(session_id, note, by=caller_of(request).by))

    async def summarise_session(self, session_id: SessionName, request: Request) -> Response:
        said = await self._body(request, SessionSummary)
        return encoded(await self._sessions(request).summarise(session_id, said, by=caller_of(request).by))

    async def summarise_open_session(self, request: Request) -> Response:
        said = await self._body(request, SessionSummary)
        return encoded(await self._sessions(request).summarise(None, said, by=caller_of(request).by))

    async def end_session(self, session_id: SessionName, request: Request) -> Response:
        how = await self._body(request, SessionEnd)
        return encoded(await self._sessions(request).end(session_id, how, by=caller_of(request).by))

    async def _body(self, request: Request, kind: type[Any]) -> Any:  # the handler's annotation says which struct
        return await read_struct(request, kind, max_bytes=self._max_body_bytes)
