"""Sessions as people read them, as text: a line a session, one in full, and what it was told. Pure."""

from collections.abc import Sequence
from datetime import tzinfo

from memory_cli.render import ID_DIGITS, columns, one_line, place, table, visible, when
from memory_core import session_text
from memory_core.counting import counted, memories
from memory_core.sessions import Author, Session, SessionStatus, SessionSummary, Shown, ShownList
from memory_core.types import Context

_TITLE_CHARS = 60
_WRITTEN_BY = {Author.AGENT: "its agent", Author.EXTRACT: "rules, from what was said in it"}


def sessions_text(found: Sequence[Session], *, project_id: str | None, zone: tzinfo | None = None) -> str:
    """Id, when it was seen last, whether it is open, how much it was told, and what it was about."""
    names = short_names([one.session_id for one in found])
    rows = []
    for name, one in zip(names, found, strict=True):
        where = [one.client_id or "-"]
        if one.project_id != project_id:
            where.append(one.project_id or "no project")
        told = f"told {memories(one.told)}" if one.told else ""
        rows.append((name, when(one.last_seen_at, zone), one.status.value, " ".join(where), told, _about(one)))
    return columns(rows)


def short_names(session_ids: Sequence[str]) -> list[str]:
    """As much of each id as tells it from the others, eight characters at least."""
    digits = ID_DIGITS
    longest = max(map(len, session_ids), default=0)
    while digits < longest and len({one[:digits] for one in session_ids}) < len(set(session_ids)):
        digits += 1
    return [one[:digits] for one in session_ids]


def session_in_full(session: Session, zone: tzinfo | None = None) -> str:
    ended = "" if session.ended_at is None else when(session.ended_at, zone)
    rows = {
        "session": session.session_id,
        "title": session.title or "",
        "project": session.project_id or "none",
        "client": session.client_id or "",
        "agent": session.agent or "",
        "began": when(session.started_at, zone),
        "last seen": when(session.last_seen_at, zone),
        "ended": f"{ended} ({session.end_reason})" if session.end_reason and ended else ended,
        "was told": memories(session.told) if session.told else "",
        "memory": (session.memory_id or "")[:ID_DIGITS],
        "written by": _WRITTEN_BY[session.written_by] if session.written_by else "",
        "topics": ", ".join(session.topics),
    }
    said = session_text.written(said_of(session))
    return f"{table(rows)}\n\n{visible(said)}" if said else f"{table(rows)}\n\nNo summary yet"


def said_of(session: Session) -> SessionSummary:
    return SessionSummary(summary=session.summary, decisions=session.decisions, open_questions=session.open_questions)


def began(session: Session) -> str:
    return f"Session {session.session_id} is {_state(session)} ({place(session.project_id)})"


def ended(session: Session) -> str:
    memory = f"what it came to is {session.memory_id[:ID_DIGITS]}" if session.memory_id else "nothing was said in it"
    return f"Session {session.session_id} is {_state(session)}; {memory}"


def told_text(told: ShownList, *, why: bool, zone: tzinfo | None = None) -> str:
    """A line a memory, the latest first."""
    return columns([_told_row(one, why=why, zone=zone) for one in told.shown])


def _told_row(one: Shown, *, why: bool, zone: tzinfo | None) -> list[str]:
    row = [when(one.at, zone), one.occasion.value, one.memory_id[:ID_DIGITS], one.section]
    return [*row, counted(one.tokens, "token"), one.why] if why else row


def chosen_text(context: Context) -> str:
    """Why each memory of a context is there: id, section, tokens, and what speaks for it."""
    rows = [(one.memory_id[:ID_DIGITS], one.section, counted(one.tokens, "token"), one.why) for one in context.chosen]
    left = f"; {memories(context.omitted)} did not fit" if context.omitted else ""
    total = f"{memories(len(context.memories))} in about {counted(context.tokens, 'token')}{left}"
    return f"{columns(rows)}\n{total}" if rows else total


def _state(session: Session) -> str:
    return "open" if session.status is SessionStatus.OPEN else "closed"


def _about(session: Session) -> str:
    about = one_line(session.title or session.summary or "")
    return about if len(about) <= _TITLE_CHARS else f"{about[: _TITLE_CHARS - 1]}…"
