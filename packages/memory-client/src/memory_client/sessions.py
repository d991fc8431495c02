"""The sessions of a server, over REST."""

from urllib.parse import quote

from memory_client.rest import Rest, query_params
from memory_client.writing import Writing
from memory_client.writing import said as headers_of
from memory_core.changes import ANYONE, By
from memory_core.errors import InvalidError
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


class RemoteSessions:
    """`Sessions`, and `forget`. Nothing of it is kept on this machine while the server is away."""

    def __init__(self, rest: Rest, writing: Writing) -> None:
        self._rest = rest
        self._writing = writing

    async def context(self, session_id: str, asked: ContextRequest) -> SessionContext:
        return await self._rest.call("POST", f"{_at(session_id)}/context", SessionContext, body=asked)

    async def start(self, new: NewSession) -> Session:
        return await self._writing.now("POST", "/sessions", Session, body=new)

    async def note(self, session_id: str, note: SessionNote, *, by: By = ANYONE) -> Session:
        return await self._writing.now("POST", f"{_at(session_id)}/notes", Session, body=note, headers=headers_of(by))

    async def summarise(self, session_id: str | None, said: SessionSummary, *, by: By = ANYONE) -> Session:
        path = "/sessions/summary" if session_id is None else f"{_at(session_id)}/summary"
        return await self._writing.now("POST", path, Session, body=said, headers=headers_of(by))

    async def end(self, session_id: str, how: SessionEnd, *, by: By = ANYONE) -> Session:
        return await self._writing.now("POST", f"{_at(session_id)}/end", Session, body=how, headers=headers_of(by))

    async def get(self, session_id: str) -> Session:
        return await self._rest.call("GET", _at(session_id), Session)

    async def list(self, query: SessionQuery) -> SessionPage:
        return await self._rest.call("GET", "/sessions", SessionPage, params=query_params(query))

    async def shown(self, session_id: str) -> ShownList:
        return await self._rest.call("GET", f"{_at(session_id)}/shown", ShownList)

    async def forget(self, session_id: str) -> Session:
        """Drop what was noted in it and what it was told; the memory that it came to stays."""
        return await self._writing.now("DELETE", _at(session_id), Session)


def _at(session_id: str) -> str:
    """The path of a session. What cannot be one part of a path would name another thing there."""
    if not session_id.strip() or "/" in session_id or session_id in (".", ".."):
        raise InvalidError(f"{session_id!r} is no id of a session that has an address; `session list` shows those")
    return f"/sessions/{quote(session_id, safe='')}"
