"""Which questions the last sessions left open, and nothing has answered since. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

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
    found: dict[str, Question] = {}
    for session in sessions:
        since = [_words(text) for text in _told_after(session, memories)]
        for text in session_text.read(session.content).open_questions:
            asked = _words(text)
            if asked.strip() and asked not in found and not any(_answers(told, asked) for told in since):
                found[asked] = Question(text, session)
    return list(found.values())


def _told_after(session: Memory, memories: Iterable[Memory]) -> Iterator[str]:
    for memory in memories:
        if memory.updated_at <= session.updated_at:
            return
        if memory.memory_type is MemoryType.SESSION:
            yield from session_text.read(memory.content).decisions
        else:
            yield memory.content


def _answers(told: str, asked: str) -> bool:
    return told.startswith(asked) or (len(asked.split()) >= _FEW and asked in told)


def _words(text: str) -> str:
    """Between blanks, so that what is looked for begins and ends with a word."""
    return f" {' '.join(_WORD.findall(unicodedata.normalize('NFKC', text).casefold()))} "
