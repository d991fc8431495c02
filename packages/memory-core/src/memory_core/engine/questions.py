"""Which questions the last sessions left open, and nothing has answered since. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from memory_core import session_text
from memory_core.types import Memory, MemoryType

ASKED = 5
"""So many sessions are asked: what an older one left open, nobody has come back to."""

_WORD = re.compile(r"\w+")
_FEW = 3  # words; a shorter question counts as answered only by what begins with it


class Question(Struct, frozen=True):
    text: str
    session: Memory


def still_open(memories: Sequence[Memory]) -> list[Question]:
    """Of the newest sessions among `memories`, which come the last changed first: each question once.

    One is answered by a decision of a later session, or by a later memory, that has all its words in a row.
    """
    sessions = [memory for memory in memories if memory.memory_type is MemoryType.SESSION][:ASKED]
    asking = {session.id: session_text.read(session.content) for session in sessions}
    since: list[tuple[datetime, str]] = []
    found: dict[str, Question] = {}
    for memory in memories[: memories.index(sessions[-1]) + 1] if sessions else ():
        said = asking.get(memory.id)
        for text in said.open_questions if said else ():
            asked = _words(text)
            answered = any(at > memory.updated_at and _answers(told, asked) for at, told in since)
            if asked.strip() and asked not in found and not answered:
                found[asked] = Question(text, memory)
        since += [(memory.updated_at, _words(text)) for text in (said.decisions if said else (memory.content,))]
    return list(found.values())


def _answers(told: str, asked: str) -> bool:
    return told.startswith(asked) or (len(asked.split()) >= _FEW and asked in told)


def _words(text: str) -> str:
    """Between blanks, so that what is looked for begins and ends with a word."""
    return f" {' '.join(_WORD.findall(unicodedata.normalize('NFKC', text).casefold()))} "
