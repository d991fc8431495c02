"""Is a memory relevant enough to a prompt to be shown without having been asked for? Usually none is. Pure.

What is shown in error costs attention each time, what is not shown can still be searched for: so both the words and the
meaning have to speak for a memory. `python -m benchmarks.relevance` prints what these floors let through; they were
chosen on its prompts for tuning and on the development sets.
"""

import re

from memory_core.engine import lexical
from memory_core.engine.fusion import nearness
from memory_core.engine.ports import Candidate
from memory_core.engine.prompts import Asked
from memory_core.visible import one_line

EVIDENCE = 0.8
"""Of 2: the coverage of the prompt's words and the nearness in meaning, together."""

EITHER = 0.2
"""Of 1: what each of the two must have."""

BY_WORDS = 0.5
"""The coverage that stands for both where no meaning is known, with two words of the subject."""

_NEAR = 0.5  # in meaning; what is as near needs no word of the subject
_SHOWN = 5  # words
_SHOWN_CHARS = 30
_WORD = re.compile(r"\S+")


def words_for(candidate: Candidate, asked: Asked, noise: float) -> tuple[str, ...] | None:
    """The words of the subject that the memory has; null where it is not relevant enough."""
    near = nearness(candidate, noise)
    if not _has_evidence(candidate.coverage, near):
        return None
    matched = asked.subject & lexical.terms(lexical.indexed_text(candidate.memory)).keys()
    return _as_written(matched, asked.text) if len(matched) >= _least(asked, near) else None


def why(score: float, words: tuple[str, ...]) -> str:
    """In one line, whatever the prompt holds."""
    told = ", ".join(f"'{one_line(word)[:_SHOWN_CHARS]}'" for word in words[:_SHOWN])
    return f"relevant to the prompt: score {score:.2f}, {f'words {told}' if told else 'by its meaning'}"


def _has_evidence(coverage: float, near: float | None) -> bool:
    if near is None:
        return coverage >= BY_WORDS
    return coverage + near >= EVIDENCE and min(coverage, near) >= EITHER


def _least(asked: Asked, near: float | None) -> int:
    """How many words of the subject a memory must have. One odd word in an order, such as "tests first", names none."""
    if near is None:
        return min(2, len(asked.subject))
    if near >= _NEAR:
        return 0
    return 1 if len(asked.subject) > 1 else 2


def _as_written(matched: frozenset[str], text: str) -> tuple[str, ...]:
    words = (word for word in _WORD.findall(text) if not matched.isdisjoint(lexical.terms(word)))
    return tuple(dict.fromkeys(word.strip(".,;:!?()[]\"'`").casefold() for word in words))
