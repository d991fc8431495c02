"""What a session is to be told on which occasion: the question put to the memories, and the line before their answer.

Pure.
"""

from collections.abc import Sequence
from datetime import datetime

from memory_core.engine import telling
from memory_core.sessions import BUDGETS, ContextRequest, Occasion, Shown
from memory_core.types import MAX_EXCLUDED, Context, ContextQuery
from memory_server.sessions.entries import Row

SHORT_ID = 8
EVERYTHING = frozenset({Occasion.START, Occasion.COMPACT})
"""On these a session is told all there is within the budget, whatever it was told before."""

GOES_ON = EVERYTHING | {Occasion.RESUME}
"""After these it has been told all that there was."""

MIN_TOKENS = 50


def query_of(row: Row, asked: ContextRequest, told: Sequence[str]) -> ContextQuery:
    """Of what it was `told`, a prompt leaves out all. What the session itself came to, it need not be told.

    On resume a memory that was told and has changed since is news.
    """
    line = telling.estimate_tokens(introduction(row, row.session_id))
    budget = asked.max_tokens or BUDGETS[asked.occasion]
    own = () if row.memory_id is None else (row.memory_id,)
    return ContextQuery(
        project_id=row.project_id,
        max_tokens=max(MIN_TOKENS, budget - (line if is_introduced(asked.occasion) else 0)),
        exclude=(*own, *told)[:MAX_EXCLUDED],
        changed_after=row.told_at if asked.occasion is Occasion.RESUME else None,
        query=asked.prompt if asked.occasion is Occasion.PROMPT else None,
    )


def is_introduced(occasion: Occasion) -> bool:
    return occasion in GOES_ON


def introduction(row: Row, name: str) -> str:
    """A fact, by which an agent can name its session."""
    project = f", project {telling.name(row.project_id)}" if row.project_id else ""
    return f"claude-memory session {telling.name(name)}{project}."


def shown_of(context: Context, occasion: Occasion, at: datetime) -> tuple[Shown, ...]:
    """Of each memory in `context`, why it is there."""
    chosen = {one.memory_id: one for one in context.chosen}
    return tuple(
        Shown(
            memory_id=memory.id,
            occasion=occasion,
            at=at,
            tokens=chosen[memory.id].tokens if memory.id in chosen else telling.estimate_tokens(memory.content),
            section=chosen[memory.id].section if memory.id in chosen else memory.memory_type.value,
            why=chosen[memory.id].why if memory.id in chosen else "",
        )
        for memory in context.memories
    )
