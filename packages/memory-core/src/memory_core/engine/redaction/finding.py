"""Which secrets a text holds, and the text without them. Pure, and linear in the length of the text.

A secret gives way to a marker that says what stood there: `[redacted:aws-key]`. No marker is itself taken for a secret,
so a text that went through once comes out of a second time as it is.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from memory_core.engine.redaction.kinds import KINDS

# A shape says how long a secret is at least. What goes on without a break belongs to it.
_REST = re.compile(r"(?:[A-Za-z0-9_+/=~%-]|\.(?=[A-Za-z0-9_-]))*+")

# Flat, because nearly every text ends here: a text of a line takes some microseconds.
_MARKS, _FOLDED_MARKS = (
    tuple((mark, rank) for rank, kind in enumerate(KINDS) if kind.any_case is any_case for mark in kind.marks)
    for any_case in (False, True)
)


class Found(NamedTuple):
    """A secret between two places of a text."""

    kind: str
    start: int
    end: int


def find(text: str) -> list[Found]:
    """In the order of the text; what overlaps is one."""
    folded = text.lower()
    ranks = {rank for mark, rank in _MARKS if mark in text} | {rank for mark, rank in _FOLDED_MARKS if mark in folded}
    found = [(start, end, rank) for rank in ranks for start, end in _places(_pattern(rank), text)]
    return list(_apart(sorted(found))) if found else []


def redact(text: str) -> tuple[str, tuple[str, ...]]:
    """`text` with a marker for each secret, and the kinds of those."""
    found = find(text)
    if not found:
        return text, ()
    parts, done = [], 0
    for kind, start, end in found:
        parts += [text[done:start], marker(kind)]
        done = end
    return "".join([*parts, text[done:]]), tuple(one.kind for one in found)


def marker(kind: str) -> str:
    return f"[redacted:{kind}]"


@cache
def _pattern(rank: int) -> re.Pattern[str]:
    """Made when it is first needed: all of them would take a start 40 ms, and most are never needed."""
    return re.compile(KINDS[rank].pattern)


def _places(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    match = pattern.search(text)
    while match is not None:
        start, end = match.span(match.lastindex or 0)
        rest = _REST.match(text, end)
        if rest is not None:
            end = rest.end()
        yield start, end
        match = pattern.search(text, max(end, match.end()))  # behind the rest: to pass over it again has no bound


def _apart(found: list[tuple[int, int, int]]) -> Iterator[Found]:
    start, end, rank = found[0]
    for next_start, next_end, next_rank in found[1:]:
        if next_start < end:
            end, rank = max(end, next_end), min(rank, next_rank)
        else:
            yield Found(KINDS[rank].name, start, end)
            start, end, rank = next_start, next_end, next_rank
    yield Found(KINDS[rank].name, start, end)
