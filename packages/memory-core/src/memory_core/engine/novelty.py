"""What of several texts says something that was not said before it. Pure.

Here one of two texts is left out, so `likeness` is asked for more than it needs to link them: of the pairs of
tests/core/engine/alike_pairs.json that mean the same, two in three are found, and none of those that do not.
"""

import unicodedata

from memory_core.changes import Kind
from memory_core.engine.likeness import compare
from memory_core.engine.reading import read

_NEARLY = 0.8  # of 1, by words alone
_SHARED = 0.5  # of their words; those with fewer in common are not compared closely
_LONG = 1_000  # characters; of two longer texts one always has something that the other has not


class Novelty:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self._exactly: set[str] = set()
        self._words: list[tuple[frozenset[str], str]] = []

    def tell(self, text: str) -> None:
        self._exactly.add(_folded(text))
        if len(text) <= _LONG:
            self._words.append((_words(text), text))

    def is_new(self, text: str) -> bool:
        """Whether nothing says the same, whatever the blanks and capitals, or in almost the same words."""
        if _folded(text) in self._exactly:
            return False
        if len(text) > _LONG:
            return True
        words = _words(text)
        return not any(
            len(words & others) >= _SHARED * len(words | others) and _is_nearly(text, other)
            for others, other in self._words
        )


def _is_nearly(text: str, other: str) -> bool:
    found = compare(text, other, cosine=None, noise=0.0)
    return found is not None and found.kind is Kind.DUPLICATE and found.similarity >= _NEARLY


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _words(text: str) -> frozenset[str]:
    return frozenset(token.key for token in read(text).tokens if token.is_content or token.is_literal)
