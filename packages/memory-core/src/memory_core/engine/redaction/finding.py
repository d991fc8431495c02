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

_Marks = dict[str, list[tuple[str, int]]]


def _by_rarity(*, any_case: bool) -> _Marks:
    """Marks with the places of their kinds, under a character that each has: most texts lack some of these."""
    grouped: _Marks = {}
    for rank, kind in enumerate(KINDS):
        for mark in kind.marks if kind.any_case is any_case else ():
            rare = next((character for character in "_-.:/ " if character in mark), "")
            grouped.setdefault(rare, []).append((mark, rank))
    return grouped


_MARKS, _FOLDED_MARKS = _by_rarity(any_case=False), _by_rarity(any_case=True)


class Found(NamedTuple):
    """A secret between two places of a text."""

    kind: str
    start: int
    end: int


def find(text: str) -> list[Found]:
    """In the order of the text; what overlaps is one."""
    folded = text.lower()
    marked = {*_marked(_MARKS, text), *_marked(_FOLDED_MARKS, folded)}
    if not marked:
        return []
    places = {
        rank: _everywhere(rank, text) if _is_sought(rank, text, folded) else _at_marks(rank, text, folded)
        for rank in marked
    }
    found = [(start, end, rank) for rank, spans in places.items() for start, end in spans]
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


def _marked(marks: _Marks, text: str) -> list[int]:
    return [rank for rare, group in marks.items() if rare in text for mark, rank in group if mark in text]


def _is_sought(rank: int, text: str, folded: str) -> bool:
    """Whether it may begin anywhere. Small letters can be more than the capitals were: then places do not agree."""
    return KINDS[rank].within or (KINDS[rank].any_case and len(folded) != len(text))


def _everywhere(rank: int, text: str) -> Iterator[tuple[int, int]]:
    pattern = _pattern(rank)
    match = pattern.search(text)
    while match is not None:
        start, end = _span(match)
        yield start, end
        match = pattern.search(text, max(end, match.end()))  # behind the rest: to pass over it again has no bound


def _at_marks(rank: int, text: str, folded: str) -> Iterator[tuple[int, int]]:
    kind, pattern = KINDS[rank], _pattern(rank)
    marked = folded if kind.any_case else text
    for mark in kind.marks:
        at = marked.find(mark)
        while at >= 0:
            match = pattern.match(text, at)
            if match is None:
                at = marked.find(mark, at + 1)
                continue
            start, end = _span(match)
            yield start, end
            at = marked.find(mark, max(end, match.end()))


def _span(match: re.Match[str]) -> tuple[int, int]:
    """Of the secret, with what belongs to it behind."""
    start, end = match.span(match.lastindex or 0)
    rest = _REST.match(match.string, end)
    return start, end if rest is None else rest.end()


def _apart(found: list[tuple[int, int, int]]) -> Iterator[Found]:
    start, end, rank = found[0]
    for next_start, next_end, next_rank in found[1:]:
        if next_start < end:
            end, rank = max(end, next_end), min(rank, next_rank)
        else:
            yield Found(KINDS[rank].name, start, end)
            start, end, rank = next_start, next_end, next_rank
    yield Found(KINDS[rank].name, start, end)
