"""Is a new memory a near-duplicate of an old one, or does it contradict it?

Pure: two texts and two numbers in, a verdict out. A verdict is a link that people look at, and never a reason to
discard, reject or change anything. Embeddings hardly see digits: what is alike by meaning is compared literally.
"""

from collections.abc import Callable
from operator import attrgetter

from msgspec import Struct

from memory_core.changes import Kind
from memory_core.engine import wordlists
from memory_core.engine.differing import Pair, differences, opposed, pair_of
from memory_core.engine.noise import above_noise
from memory_core.engine.reading import Token, read
from memory_core.engine.repeats import same_text

MAX_DIFFERENCES = 8
_is_literal, _is_content, _is_thing = map(attrgetter, ("is_literal", "is_content", "is_thing"))

# Of the pairs of tests/core/engine/alike_pairs.json that are for tuning and of one subject, those that should have no
# link have at most 0.56 by the cosine of their contents; of those that should have one, 95 in 100 have more than 0.6.
_ALIKE = 0.6
_SHORT = 60  # words; in a longer text one of them does not decide what it is about
_TOO_UNEQUAL = 8  # times as long: what two such texts have in common is not what they say


class Likeness(Struct, frozen=True, kw_only=True):
    """`similarity` is 0..1.

    `differences` are for people: `8000 → 9000` is old → new, `only new: not` stands in one alone. The first eight.
    """

    kind: Kind
    similarity: float
    differences: tuple[str, ...] = ()


def compare(new: str, old: str, *, cosine: float | None, noise: float) -> Likeness | None:
    """What `new` is to `old`; None where they are not alike.

    `cosine` compares like with like: the vectors of both contents, or of both as they are indexed; `noise` is what it
    is between unrelated texts. Where `cosine` is None, words decide alone. Takes time linear in their length.
    """
    if same_text(new, old):
        return Likeness(kind=Kind.DUPLICATE, similarity=1.0)
    meaning = None if cosine is None else above_noise(cosine, noise)
    if _cannot_be_alike(new, old, meaning):
        return None
    pair = pair_of(read(new), read(old))
    words = max(_in_common(pair), _unbroken(pair))
    similarity = words if meaning is None else (words + meaning) / 2
    if similarity < _ALIKE or _is_of_another_subject(pair):
        return None
    told = tuple(differences(pair))
    kind = Kind.DIFFERS if told else Kind.DUPLICATE
    return Likeness(kind=kind, similarity=round(similarity, 4), differences=told[:MAX_DIFFERENCES])


def _cannot_be_alike(new: str, old: str, meaning: float | None) -> bool:
    """Without reading them."""
    shorter, longer = sorted((len(new), len(old)))
    return longer > _TOO_UNEQUAL * shorter + 100 or (meaning is not None and (1 + meaning) / 2 < _ALIKE)


def _in_common(pair: Pair) -> float:
    """The share of the words of content that both have; of the shorter text's where one tells of a change."""
    change = pair.tells_of_change
    old, new = (
        {token.key for token in reading.tokens if token.is_content or (change and token.is_literal)}
        for reading in (pair.old, pair.new)
    )
    return len(old & new) / max(1, min(len(old), len(new)) if change else len(old | new))


def _unbroken(pair: Pair) -> float:
    """The share of words that stand before and after the one place where the texts part."""
    old, new = pair.old.keys, pair.new.keys
    shorter, longer = sorted((len(old), len(new)))
    before = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    after = next((i for i in range(shorter - before) if old[-1 - i] != new[-1 - i]), shorter - before)
    return (before + after) / max(1, longer)


def _is_of_another_subject(pair: Pair) -> bool:
    """`Ana prefers tabs` and `Ben prefers tabs` are alike and have nothing to do with each other."""
    old, new = pair.old, pair.new
    if max(len(old.keys), len(new.keys)) > _SHORT:
        return False
    if any(old.ordinals[label] != new.ordinals[label] for label in old.ordinals.keys() & new.ordinals.keys()):
        return True
    if next(opposed(pair, wordlists.SUBJECTS), None):
        return True
    if pair.tells_of_change:
        return False
    if old.head and new.head and old.head not in new.keys and new.head not in old.keys:
        return True
    # The staging database is on host A, the production database is on host B: a thing and something else.
    things, literals, words = (_replaced(pair, what) for what in (_is_thing, _is_literal, _is_content))
    return things > 0 and (literals > 0 or words > 1)


def _replaced(pair: Pair, what: Callable[[Token], bool]) -> int:
    """How many such words have another in their place."""
    return min(sum(map(what, only)) for only in (pair.only_old, pair.only_new))
