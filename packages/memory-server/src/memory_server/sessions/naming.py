"""How sessions are named: their ids, their titles, and the place in a list after which it goes on. Pure."""

import re
from datetime import datetime

from memory_core.engine import ids
from memory_core.errors import InvalidError, NotFoundError
from memory_server.sessions.entries import Row

MAX_ID_CHARS = 200
TITLE_CHARS = 120
_FEW_WORDS = 3
_TAG = re.compile(r"</?[a-z][\w-]{0,40}>")


def subject_of(prompt: str) -> str:
    """Empty for a command or a mere order, such as "go on", which names no session: the next prompt may."""
    is_short = prompt.isascii() and len(prompt.split()) < _FEW_WORDS
    return "" if is_short or prompt.lstrip().startswith(("/", "!")) else prompt


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
    return ids.cursor_at(row.last_seen_at, row.session_id)


def place(cursor: str) -> tuple[datetime, str]:
    """Where the page before ended."""
    return ids.place(cursor, str)
