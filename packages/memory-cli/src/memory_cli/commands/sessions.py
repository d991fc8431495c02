"""Commands about sessions: begin and end one by hand, and see what each came to and what it was told."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Group, Parameter
from msgspec import UNSET

from memory_cli import session_words
from memory_cli.commands.keeping import read_text
from memory_cli.options import Global, Here, flag, limit, scope_in_words
from memory_cli.render import ID_DIGITS
from memory_cli.session import Session
from memory_core.errors import NotFoundError
from memory_core.sessions import (
    NewSession,
    NoteKind,
    SessionEnd,
    SessionNote,
    SessionQuery,
    SessionStatus,
    SessionSummary,
)

if TYPE_CHECKING:
    from memory_client.sdk import MemoryClient

sessions = App(
    name="session",
    help="What agents did in their sessions, what each came to, and what it was told.",
    help_epilogue="",
    group_commands=Group("Commands"),
)

Which = Annotated[
    str | None, Parameter(help="The id of a session, or its beginning; without it the last one of this machine here.")
]
Lines = tuple[str, ...]


def each(name: str, text: str) -> Parameter:
    """An option that may be given several times."""
    return Parameter(name=name, help=text, negative=(), show_default=False)


@sessions.command
async def start(
    *,
    title: Annotated[str | None, Parameter(help="What it is about.")] = None,
    named: Annotated[str | None, Parameter(name="--session", help="Its id; one that is known goes on.")] = None,
    session: Here,
) -> None:
    """Begin a session, or go on with one. Prints its id."""
    new = NewSession(session_id=named, title=title)
    async with session.memories() as store:
        begun = await store.sessions.start(new)
    session.out.give(begun, session_words.began(begun) if session.out.is_terminal else begun.session_id)


@sessions.command
async def end(
    session_id: Which = None,
    /,
    *,
    summary: Annotated[str | None, Parameter(help="What it came to; `-` reads it from standard input.")] = None,
    decisions: Annotated[Lines, each("--decision", "What was decided; may be repeated.")] = (),
    questions: Annotated[Lines, each("--question", "What is still open; may be repeated.")] = (),
    topics: Annotated[Lines, each("--topic", "A tag; may be repeated.")] = (),
    session: Here,
) -> None:
    """Close a session, and keep what it came to: what is said here, else what was noted in it."""
    said = SessionSummary(
        summary=None if summary is None else read_text(summary),
        decisions=decisions,
        open_questions=questions,
        topics=topics,
    )
    async with session.memories() as store:
        name = session_id or await _last(store, session, SessionStatus.OPEN)
        if not said.is_empty or said.topics:
            await store.sessions.summarise(name, said)
        closed = await store.sessions.end(name, SessionEnd(reason="claude-memory"))
    session.out.give(closed, session_words.ended(closed))


@sessions.command(name="list")
async def list_(
    *,
    most: Annotated[int, limit("sessions")] = 20,
    everywhere: Global = False,
    only_open: Annotated[bool, flag("Only those that are open.", "--open")] = False,
    cursor: Annotated[str | None, Parameter(help="Go on where the list before ended: its `next_cursor`.")] = None,
    session: Here,
) -> None:
    """Show the sessions of the current project, of all machines, the latest first. Outside of a project: all."""
    query = SessionQuery(
        project_id=session.project_id or UNSET,
        global_search=everywhere or session.project_id is None,
        status=SessionStatus.OPEN if only_open else None,
        limit=most,
        cursor=cursor,
    )
    async with session.memories() as store:
        page = await store.sessions.list(query)
    if session.out.as_json:
        session.out.json(page)
    elif page.sessions:
        session.out.say(session_words.sessions_text(page.sessions, project_id=session.project_id))
        if page.next_cursor is not None:
            session.out.note(f"there are more; the next ones: --cursor {page.next_cursor}")
    else:
        session.out.note(f"no session yet in {scope_in_words(session, everywhere=everywhere)}")


@sessions.command
async def show(
    session_id: Which = None,
    /,
    *,
    shown: Annotated[bool, flag("What of memory it was told, when, and why.")] = False,
    session: Here,
) -> None:
    """Show what a session came to: summary, decisions, open questions."""
    async with session.memories() as store:
        name = session_id or await _last(store, session)
        if not shown:
            found = await store.sessions.get(name)
            session.out.give(found, session_words.session_in_full(found))
            return
        told = await store.sessions.shown(name)
    session.out.give(told, session_words.told_text(told, why=True) if told.shown else "It was told nothing yet")


@sessions.command
async def note(
    text: Annotated[str, Parameter(help="What was said; `-` reads it from standard input.")],
    /,
    *,
    named: Annotated[str | None, Parameter(name="--session", help="Its id; without it the last open one.")] = None,
    compaction: Annotated[bool, flag("It stands for the whole conversation so far.")] = False,
    session: Here,
) -> None:
    """Note something said in a session, for the summary that is made when it ends."""
    said = SessionNote(kind=NoteKind.COMPACTION if compaction else NoteKind.TURN, text=read_text(text))
    async with session.memories() as store:
        name = named or await _last(store, session, SessionStatus.OPEN)
        noted = await store.sessions.note(name, said)
    session.out.give(noted, f"Noted in session {noted.session_id}")


@sessions.command
async def delete(
    session_id: Annotated[str, Parameter(help="The id of a session, or its beginning.")], /, *, session: Here
) -> None:
    """Drop what was noted in a session and what it was told. The memory that it came to stays."""
    async with session.memories() as store:
        gone = await store.sessions.forget(session_id)
    stays = f"; its memory {gone.memory_id[:ID_DIGITS]} stays" if gone.memory_id else ""
    session.out.give(gone, f"Dropped session {gone.session_id}{stays}")


async def _last(store: "MemoryClient", session: Session, status: SessionStatus | None = None) -> str:
    """The session of this machine and project that was there last."""
    query = SessionQuery(
        project_id=session.project_id or UNSET, client_id=session.target.client_id, status=status, limit=1
    )
    page = await store.sessions.list(query)
    if not page.sessions:
        kind = "open session" if status is SessionStatus.OPEN else "session"
        place = scope_in_words(session, everywhere=False)
        raise NotFoundError(
            f"there is no {kind} of this machine in {place}; name one, `claude-memory session list --global` shows all"
        )
    return page.sessions[0].session_id
