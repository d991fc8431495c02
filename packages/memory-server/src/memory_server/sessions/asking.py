"""What a session is to be told on which occasion: the question put to the memories, and the line before their answer.

Pure.
"""

from collections.abc import Sequence
from datetime import datetime

from memory_core.engine.telling import estimate_tokens
from memory_core.sessions import BUDGETS, ContextRequest, Occasion
from memory_core.types import ContextQuery
from memory_core.visible import one_line, unfenced
from memory_server.sessions.entries import Row

SHORT_ID = 8
EVERYTHING = frozenset({Occasion.START, Occasion.COMPACT})
"""On these a session is told all there is within the budget, whatever it was told before."""

GOES_ON = EVERYTHING | {Occasion.RESUME}
"""After these it has been told all that there was."""

MIN_TOKENS = 50
_NAME_CHARS = 100


def told_before(row: Row, occasion: Occasion) -> tuple[bool, datetime | None]:
    """Whether what it was told is to be left out, and since when that counts."""
    if occasion is Occasion.PROMPT:
        return True, row.window_at
    if occasion is Occasion.RESUME and row.told_at is not None:
        return True, row.told_at
    return False, None


def query_of(row: Row, asked: ContextRequest, told: Sequence[str]) -> ContextQuery:
    """`told` are the memories that are to be left out. What the session itself came to, it need not be told."""
    line = estimate_tokens(first_line(row, row.session_id))
    budget = asked.max_tokens or BUDGETS[asked.occasion]
    own = () if row.memory_id is None else (row.memory_id,)
    return ContextQuery(
        project_id=row.project_id,
        max_tokens=max(MIN_TOKENS, budget - (line if has_first_line(asked.occasion) else 0)),
        exclude=(*own, *told),
        changed_after=row.told_at if asked.occasion is Occasion.RESUME else None,
        query=asked.prompt if asked.occasion is Occasion.PROMPT else None,
    )


def has_first_line(occasion: Occasion) -> bool:
    return occasion in GOES_ON


def first_line(row: Row, name: str) -> str:
    """A fact, by which an agent can name its session."""
    project = f", project {_shown(row.project_id)}" if row.project_id else ""
    return f"claude-memory session {_shown(name)}{project}."


def _shown(text: str) -> str:
    return unfenced(one_line(text))[:_NAME_CHARS]
