"""The memory that a session comes to: written once, then brought up to date, and left alone where somebody wrote it."""

import asyncio
import hashlib
from collections.abc import Sequence

import msgspec
from msgspec import structs

from memory_core import session_text
from memory_core.changes import By
from memory_core.errors import NotFoundError
from memory_core.memories import Memories
from memory_core.sessions import Author, Session, SessionSummary
from memory_core.types import MAX_LIMIT, ListQuery, Memory, MemoryType, NewMemory
from memory_server.sessions.entries import Note, Row, Written
from memory_server.sessions.ports import InJournal

MAX_TAGS = 64
_FEW = 3


async def memory_of(memories: Memories, row: Row) -> Memory | None:
    """Null where there is none, or it is in the trash."""
    if row.memory_id is None:
        return None
    try:
        return await memories.get(row.memory_id)
    except NotFoundError:
        return None


async def extract(journal: InJournal, memories: Memories, row: Row, by: By) -> Row:
    """What was noted becomes the memory of its session, unless somebody else has written that, or threw it away."""
    if not row.has_news or row.noted_at is None:
        return row
    until, before = row.noted_at, SessionSummary()
    if row.memory_id is not None:
        memory = await memory_of(memories, row)
        if row.written_by is Author.AGENT or memory is None or _said(memory) != row.written:
            return await journal(lambda book: book.known_until(row.session_id, until))
        before = session_text.read(memory.content)
    notes = await journal(lambda book: book.notes(row.session_id))
    summary = await asyncio.to_thread(_digested, notes, row.title, before)
    if summary.is_empty:
        return await journal(lambda book: book.known_until(row.session_id, until))
    return await write(journal, memories, row, summary, Author.EXTRACT, by)


async def write(journal: InJournal, memories: Memories, row: Row, said: SessionSummary, author: Author, by: By) -> Row:
    """`said` becomes the memory of the session, also where there was one before."""
    before = await memory_of(memories, row) if author is Author.AGENT else None
    tags = tuple(dict.fromkeys((*said.topics, *(before.tags if before else ()))))[:MAX_TAGS]
    new = NewMemory(
        content=session_text.written(said),
        memory_type=MemoryType.SESSION,
        tags=tags,
        project_id=row.project_id,
        client_id=row.client_id,
        session_id=row.session_id,
        topic_key=f"session:{row.session_id}",
    )
    # Known by its topic, and so the same again changes nothing; the key of the request was for another text, perhaps.
    kept = await memories.add(new, by=structs.replace(by, request=None))
    written = Written(memory_id=kept.id, author=author, digest=_said(kept), until=row.noted_at or row.last_seen_at)
    return await journal(lambda book: book.written(row.session_id, written))


async def session_of(memories: Memories, row: Row) -> Session:
    return _with(row, await memory_of(memories, row))


async def sessions_of(memories: Memories, rows: Sequence[Row]) -> tuple[Session, ...]:
    """One question for most of them: those that were there last are mostly those that were summarised last."""
    known: dict[str, Memory] = {}
    if sum(row.memory_id is not None for row in rows) > _FEW:
        query = ListQuery(memory_type=MemoryType.SESSION, global_search=True, limit=MAX_LIMIT)
        known = {memory.id: memory for memory in (await memories.list(query)).memories}
    return tuple([_with(row, known.get(row.memory_id or "") or await memory_of(memories, row)) for row in rows])


def _with(row: Row, memory: Memory | None) -> Session:
    """What its memory says now, which may have been edited."""
    said = session_text.read(memory.content, memory.tags) if memory else SessionSummary()
    return Session(
        session_id=row.session_id,
        project_id=row.project_id,
        client_id=row.client_id,
        agent=row.agent,
        title=row.title,
        status=row.status,
        started_at=row.started_at,
        last_seen_at=row.last_seen_at,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        summary=said.summary,
        decisions=said.decisions,
        open_questions=said.open_questions,
        topics=said.topics,
        written_by=row.written_by if memory else None,
        memory_id=memory.id if memory else None,
        told=row.told,
    )


def _digested(notes: Sequence[Note], title: str | None, before: SessionSummary) -> SessionSummary:
    from memory_server.sessions.digest import digest  # its patterns take a start 60 ms

    return digest(notes, title=title, before=before)


def _said(memory: Memory) -> bytes:
    return hashlib.sha256(msgspec.json.encode((memory.content, sorted(memory.tags)))).digest()
