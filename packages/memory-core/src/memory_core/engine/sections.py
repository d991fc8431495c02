"""Under which heading a memory opens a session, in what order, in which words, and why. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from memory_core import session_text
from memory_core.engine import questions, telling
from memory_core.types import PINNED, Memory, MemoryType


class Section(StrEnum):
    """The headings, in their order."""

    PINNED = "Pinned"
    LAST_SESSION = "Last session"
    DECISIONS = "Decisions"
    PREFERENCES = "Preferences"
    FACTS = "Facts"
    OPEN_QUESTIONS = "Open questions"
    RECENT = "Recent"
    RELEVANT = "Relevant"


SHARES: Mapping[Section, int] = {
    Section.PINNED: 30,
    Section.LAST_SESSION: 15,
    Section.DECISIONS: 25,
    Section.PREFERENCES: 15,
    Section.FACTS: 15,
    Section.OPEN_QUESTIONS: 10,
    Section.RECENT: 10,
}
"""Of the budget, among the sections that have something to say. What one leaves, the others have, in their order."""

KINDS: Mapping[MemoryType, Section] = {
    MemoryType.DECISION: Section.DECISIONS,
    MemoryType.PREFERENCE: Section.PREFERENCES,
    MemoryType.FACT: Section.FACTS,
}
"""The types that have a section of their own."""


class Item(Struct, frozen=True, kw_only=True):
    """One line to be, of `memory`: what it says, where that comes from, and why it is there."""

    memory: Memory
    section: Section
    text: str
    origin: str
    why: str

    def line(self, most_tokens: int | None = None) -> str:
        return telling.line(self.text, self.origin, most_tokens=most_tokens)


def sorted_into(
    memories: Sequence[Memory], now: datetime, *, project_id: str | None = None, told: Sequence[Memory] = ()
) -> dict[Section, list[Item]]:
    """Of each section the last changed first, whatever the order of `memories`; nothing of those `told` before."""
    known = {memory.id for memory in told}
    ordered = sorted(
        {memory.id: memory for memory in (*memories, *told)}.values(),
        key=lambda memory: (memory.updated_at, memory.id),
        reverse=True,
    )
    left = [memory for memory in ordered if memory.id not in known]
    # Of those left: a session that was compacted knows of its own summary, and is told of the one before it.
    last = next((memory for memory in left if _is_session_of(memory, project_id)), None)
    found: dict[Section, list[Item]] = {section: [] for section in SHARES}
    for memory in left:
        section = Section.LAST_SESSION if memory is last else _section(memory)
        found[section].append(_item(memory, section, now))
    left_open = [each for each in questions.still_open(ordered) if each.session.id not in known]
    found[Section.OPEN_QUESTIONS] += [_question(each, now) for each in left_open]
    return found


def relevant(memory: Memory, why: str, now: datetime) -> Item:
    kind = memory.memory_type.value
    return Item(
        memory=memory,
        section=Section.RELEVANT,
        text=_told(memory),
        origin=telling.origin(memory, now, kind=kind),
        why=why,
    )


def _section(memory: Memory) -> Section:
    if PINNED in memory.tags:
        return Section.PINNED
    return KINDS.get(memory.memory_type, Section.RECENT)


def _is_session_of(memory: Memory, project_id: str | None) -> bool:
    """Not pinned: a pin says more."""
    is_of_project = project_id is None or memory.project_id == project_id
    return memory.memory_type is MemoryType.SESSION and is_of_project and PINNED not in memory.tags


def _item(memory: Memory, section: Section, now: datetime) -> Item:
    named = section in (*KINDS.values(), Section.LAST_SESSION)
    return Item(
        memory=memory,
        section=section,
        text=_told(memory),
        origin=telling.origin(memory, now, kind=None if named else memory.memory_type.value),
        why=_why(memory, section, now),
    )


def _why(memory: Memory, section: Section, now: datetime) -> str:
    if section is Section.PINNED:
        return "pinned"
    changed = telling.age(memory.updated_at, now)
    if section is Section.LAST_SESSION:
        return f"the last session, {changed}"
    kind = memory.memory_type.value
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}, changed {changed}"


def _question(question: questions.Question, now: datetime) -> Item:
    session = question.session
    return Item(
        memory=session,
        section=Section.OPEN_QUESTIONS,
        text=question.text,
        origin=telling.origin(session, now, kind=session.memory_type.value),
        why=f"a session that left a question open, {telling.age(session.updated_at, now)}",
    )


def _told(memory: Memory) -> str:
    """Of a session what it came to; what it left open has a section of its own."""
    if memory.memory_type is not MemoryType.SESSION:
        return memory.content
    said = session_text.read(memory.content)
    decided = f"Decided: {'; '.join(said.decisions)}" if said.decisions else None
    return " ".join(filter(None, (said.summary, decided))) or memory.content
