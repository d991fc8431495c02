"""What tells two alike texts apart, in words for people: literals, negations, opposites, a word in place of another.

Pure, and the same in both directions. Whether two texts are alike at all is `likeness`'s question.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from memory_core.engine import wordlists
from memory_core.engine.reading import Reading, Token

_FEW = 2  # words that one text has and the other has not: where both have as few, one stands in place of the other


class Pair(Struct, frozen=True, kw_only=True):
    """Two readings, and the tokens of each that the other has not, or not as often."""

    old: Reading
    new: Reading
    only_old: tuple[Token, ...]
    only_new: tuple[Token, ...]

    @property
    def tells_of_change(self) -> bool:
        return any(token.word in wordlists.CHANGES for token in (*self.only_old, *self.only_new))


def pair_of(new: Reading, old: Reading) -> Pair:
    return Pair(old=old, new=new, only_old=_missing(old, new.keys), only_new=_missing(new, old.keys))


def _missing(reading: Reading, there: Sequence[str]) -> tuple[Token, ...]:
    left = Counter(there)
    left.subtract(reading.keys)
    lacking = {key: -count for key, count in left.items() if count < 0}
    found: list[Token] = []
    for token in reversed(reading.tokens):  # what was said first is the same, what was added is not
        if lacking.get(token.key, 0) > 0:
            lacking[token.key] -= 1
            found.append(token)
    return tuple(reversed(found))


def differences(pair: Pair) -> Iterator[str]:
    old, new = pair.only_old, pair.only_new
    yield from _one_sided(_negations(old), _negations(new))
    switched = list(opposed(pair, wordlists.SWITCHES))
    yield from _side_by_side([left for left, _ in switched], [right for _, right in switched])
    yield from _side_by_side([t for t in old if t.is_literal], [t for t in new if t.is_literal])
    yield from _one_sided(_changes(old), _changes(new))
    yield from _words(pair, {token.key for both in switched for token in both})
    yield from _exchanged(pair)
    yield from _turned(pair)


def _negations(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if token.key == wordlists.NOT]


def _changes(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if token.word in wordlists.CHANGES and token.key != wordlists.NOT]


def _words(pair: Pair, told: set[str]) -> Iterator[str]:
    """A word or two in place of another; in texts that differ more, names alone."""
    old, new = ([t for t in only if t.is_content and t.key not in told] for only in (pair.only_old, pair.only_new))
    if pair.tells_of_change:
        yield from _one_sided([t for t in old if t.is_name], [t for t in new if t.is_name])
        return
    if old and new and max(len(old), len(new)) <= _FEW:
        yield f"{' '.join(t.shown for t in old)} → {' '.join(t.shown for t in new)}"
        return
    old, new = [t for t in old if t.is_name], [t for t in new if t.is_name]
    if old and new:
        yield from _side_by_side(old, new)


def _exchanged(pair: Pair) -> Iterator[str]:
    """Of the same words two, or more literals or names, stand in each other's place; not in a list of two."""
    if pair.only_old or pair.only_new:
        return
    tokens = list(zip(pair.old.tokens, pair.new.tokens, strict=True))
    moved = [place for place, (old, new) in enumerate(tokens) if old.key != new.key]
    if len(moved) == 2 and not {old.key for old, _ in tokens[moved[0] + 1 : moved[1]]} <= {"and", "or"}:
        swapped = True
    else:
        swapped = len(moved) > 2 and all(token.is_literal or token.is_name for i in moved for token in tokens[i])
    if swapped:
        yield from _side_by_side([tokens[place][0] for place in moved], [tokens[place][1] for place in moved])


def _turned(pair: Pair) -> Iterator[str]:
    """`A before B` became `B before A`."""
    old, new = _followers(pair.old), _followers(pair.new)
    for word in sorted(old.keys() & new.keys()):
        left, right = old[word], new[word]
        if left.key != right.key and left.key in pair.new.keys and right.key in pair.old.keys:
            yield f"{word} {left.shown} → {word} {right.shown}"


def _followers(reading: Reading) -> dict[str, Token]:
    """The first word of content after each `before`, `after`, `than`, …"""
    found: dict[str, Token] = {}
    waiting: str | None = None
    for token in reading.tokens:
        if token.word in wordlists.DIRECTIONS:
            waiting = token.word
        elif waiting and (token.is_content or token.is_literal):
            found.setdefault(waiting, token)
            waiting = None
    return found


def opposed(pair: Pair, table: Mapping[str, tuple[tuple[int, int], ...]]) -> Iterator[tuple[Token, Token]]:
    """Words of the old and of the new that exclude each other, where neither text has both sides."""
    olds, news = _places(pair.old.tokens, table), _places(pair.new.tokens, table)
    for (line, side), old in olds.items():
        for (other, opposite), new in news.items():
            if line == other and side != opposite and (line, side) not in news and (line, opposite) not in olds:
                yield old, new


def _places(tokens: Sequence[Token], table: Mapping[str, tuple[tuple[int, int], ...]]) -> dict[tuple[int, int], Token]:
    return {place: token for token in reversed(tokens) for place in table.get(token.word, ())}


def _side_by_side(old: Sequence[Token], new: Sequence[Token]) -> Iterator[str]:
    both = min(len(old), len(new))
    for left, right in zip(old, new, strict=False):
        yield f"{left.shown} → {right.shown}"
    yield from _one_sided(old[both:], new[both:])


def _one_sided(old: Sequence[Token], new: Sequence[Token]) -> Iterator[str]:
    yield from (f"only old: {token.shown}" for token in old)
    yield from (f"only new: {token.shown}" for token in new)
