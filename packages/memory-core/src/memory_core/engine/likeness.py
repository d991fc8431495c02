"""Is a new memory a near-duplicate of an old one, or does it contradict it?

Pure: two texts and two numbers in, a verdict out. A verdict is a link that people look at, and never a reason to
discard, reject or change anything. Embeddings hardly see digits: what is alike by meaning is compared literally.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from memory_core.engine import wordlists
from memory_core.engine.reading import Reading, Token, read
from memory_core.engine.repeats import same_text

MAX_DIFFERENCES = 8

# On the half of tests/core/engine/alike_pairs.json that is for tuning, the most alike pair that should have no link
# has 0.59, and all but one of those that should have one have more.
_ALIKE = 0.6
_FEW = 2  # words that one text has and the other has not: where both have as few, one stands in place of the other
_SHORT = 60  # words; in a longer text the first one does not decide what it is about
_TOO_UNEQUAL = 8  # times as long: what two such texts have in common is not what they say


class LikenessKind(StrEnum):
    """`duplicate` says the same; `differs` is alike, but what counts literally is not the same."""

    DUPLICATE = "duplicate"
    DIFFERS = "differs"


class Likeness(Struct, frozen=True, kw_only=True):
    """`similarity` is 0..1. `differences` are for people: `8000 → 9000` is old → new, `only new: not` is in one alone."""

    kind: LikenessKind
    similarity: float
    differences: tuple[str, ...] = ()


class _Pair(Struct, frozen=True, kw_only=True):
    """Two readings, and the tokens of each that the other has not, or not as often."""

    old: Reading
    new: Reading
    only_old: tuple[Token, ...]
    only_new: tuple[Token, ...]

    @property
    def tells_of_change(self) -> bool:
        return any(token.word in wordlists.CHANGES for token in (*self.only_old, *self.only_new))


def compare(new: str, old: str, *, cosine: float | None, noise: float) -> Likeness | None:
    """What `new` is to `old`; None where they are not alike.

    `cosine` compares like with like: the vectors of both contents, or of both as they are indexed; `noise` is what it
    is between unrelated texts. Where it is None, words decide alone. Takes time linear in the length of the texts.
    """
    if same_text(new, old):
        return Likeness(kind=LikenessKind.DUPLICATE, similarity=1.0)
    meaning = None if cosine is None else min(1.0, max(0.0, (cosine - noise) / (1 - noise)))
    if _cannot_be_alike(new, old, meaning):
        return None
    pair = _paired(read(new), read(old))
    words = max(_in_common(pair), _unbroken(pair))
    similarity = words if meaning is None else (words + meaning) / 2
    if similarity < _ALIKE or _is_of_another_subject(pair):
        return None
    differences = tuple(_differences(pair))
    kind = LikenessKind.DIFFERS if differences else LikenessKind.DUPLICATE
    return Likeness(kind=kind, similarity=round(similarity, 4), differences=differences[:MAX_DIFFERENCES])


def _cannot_be_alike(new: str, old: str, meaning: float | None) -> bool:
    """Without reading them."""
    shorter, longer = sorted((len(new), len(old)))
    return longer > _TOO_UNEQUAL * shorter + 100 or (meaning is not None and (1 + meaning) / 2 < _ALIKE)


def _paired(new: Reading, old: Reading) -> _Pair:
    return _Pair(old=old, new=new, only_old=_missing(old, new.keys), only_new=_missing(new, old.keys))


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


def _in_common(pair: _Pair) -> float:
    """The share of the words of content that both have; of the shorter text's where one tells of a change."""
    change = pair.tells_of_change
    old, new = (
        {token.key for token in reading.tokens if token.is_content or (change and token.is_literal)}
        for reading in (pair.old, pair.new)
    )
    return len(old & new) / max(1, min(len(old), len(new)) if change else len(old | new))


def _unbroken(pair: _Pair) -> float:
    """The share of words that stand before and after the one place where the texts part."""
    old, new = pair.old.keys, pair.new.keys
    shorter, longer = sorted((len(old), len(new)))
    before = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    after = next((i for i in range(shorter - before) if old[-1 - i] != new[-1 - i]), shorter - before)
    return (before + after) / max(1, longer)


def _is_of_another_subject(pair: _Pair) -> bool:
    """`Ana prefers tabs` and `Ben prefers tabs` are alike and have nothing to do with each other."""
    old, new = pair.old, pair.new
    labels = old.ordinals.keys() & new.ordinals.keys()
    if any(old.ordinals[label] != new.ordinals[label] for label in labels):
        return True
    if next(_opposed(pair, wordlists.SUBJECTS), None):
        return True
    if pair.tells_of_change or max(len(old.keys), len(new.keys)) > _SHORT or old.head is None or new.head is None:
        return False
    return old.head not in new.keys and new.head not in old.keys


def _differences(pair: _Pair) -> Iterator[str]:
    old, new = pair.only_old, pair.only_new
    yield from _one_sided(_negations(old), _negations(new))
    opposed = list(_opposed(pair, wordlists.SWITCHES))
    yield from _side_by_side([left for left, _ in opposed], [right for _, right in opposed])
    yield from _side_by_side([t for t in old if t.is_literal], [t for t in new if t.is_literal])
    yield from _one_sided(_changes(old), _changes(new))
    yield from _words(pair, {token.key for both in opposed for token in both})
    yield from _exchanged(pair)
    yield from _turned(pair)


def _negations(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if token.key == wordlists.NOT]


def _changes(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if token.word in wordlists.CHANGES and token.key != wordlists.NOT]


def _words(pair: _Pair, told: set[str]) -> Iterator[str]:
    """A word or two in place of another; in texts that differ more, names alone."""
    old, new = ([t for t in only if t.is_content and t.key not in told] for only in (pair.only_old, pair.only_new))
    if old and new and max(len(old), len(new)) <= _FEW:
        yield f"{' '.join(t.shown for t in old)} → {' '.join(t.shown for t in new)}"
        return
    old, new = [t for t in old if t.is_name], [t for t in new if t.is_name]
    if old and new:
        yield from _side_by_side(old, new)


def _exchanged(pair: _Pair) -> Iterator[str]:
    """Of the same words, literals or names stand in each other's place."""
    if pair.only_old or pair.only_new:
        return
    moved = [(a, b) for a, b in zip(pair.old.tokens, pair.new.tokens, strict=True) if a.key != b.key]
    if all((token.is_literal or token.is_name) for both in moved for token in both):
        yield from _side_by_side([old for old, _ in moved], [new for _, new in moved])


def _turned(pair: _Pair) -> Iterator[str]:
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


def _opposed(pair: _Pair, table: Mapping[str, tuple[tuple[int, int], ...]]) -> Iterator[tuple[Token, Token]]:
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
