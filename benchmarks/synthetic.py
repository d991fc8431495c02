"""Memories without a model: words as frequent as in real text (Zipf), vectors in clusters as real embeddings lie.

The same seed gives the same data. Speed is measured on it; quality is not, for which real text is needed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from memory_core.types import Memory, MemoryType

DIMENSION = 384
_VOCABULARY = 60_000
_SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
_MEDIAN_WORDS = 30
_CLUSTERS = 3_000
_RANK = 96
_PROJECTS = 200
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Question:
    """Three of the rarer words of one memory, and a vector near that memory's."""

    text: str
    vector: NDArray[np.float32]
    target: str  # the id of that memory


@dataclass(frozen=True)
class Corpus:
    memories: list[Memory]
    vectors: NDArray[np.float32]
    questions: list[Question]


def corpus(size: int, *, questions: int, seed: int = 7) -> Corpus:
    rng = np.random.default_rng(seed)
    words = _vocabulary()
    texts = [words[_zipf(rng, _VOCABULARY, count)] for count in _lengths(rng, size)]
    projects = _zipf(rng, _PROJECTS, size)
    types = rng.choice(list(MemoryType), size)
    memories = [
        Memory(
            id=rng.bytes(16).hex(),
            content=" ".join(text),
            memory_type=MemoryType(str(kind)),
            tags=tuple(f"tag{number}" for number in np.unique(rng.integers(0, 300, rng.integers(0, 5)))),
            source=None,
            project_id=f"project-{project}",
            client_id=None,
            session_id=None,
            certainty_score=0.7,
            quality_score=0.7,
            created_at=_START + timedelta(minutes=place),
            updated_at=_START + timedelta(minutes=place),
        )
        for place, (text, project, kind) in enumerate(zip(texts, projects, types, strict=True))
    ]
    vectors = _vectors(rng, size)
    return Corpus(memories, vectors, [_question(rng, memories, texts, vectors) for _ in range(questions)])


def _vocabulary() -> NDArray[np.str_]:
    """Distinct words, the frequent ones short: 70 of one syllable, 4,900 of two, the rest of three."""
    base = len(_SYLLABLES)

    def word(number: int) -> str:
        spelled = _SYLLABLES[number % base]
        while number := number // base:
            spelled += _SYLLABLES[number % base]
        return spelled

    return np.array([word(number) for number in range(_VOCABULARY)])


def _zipf(rng: np.random.Generator, kinds: int, count: int) -> NDArray[np.int64]:
    """`count` numbers below `kinds`, number n about 1 / (n + 2) as often as the first."""
    weights = np.cumsum(1 / np.arange(2, kinds + 2))
    return np.searchsorted(weights, rng.random(count) * weights[-1])


def _lengths(rng: np.random.Generator, size: int) -> NDArray[np.int64]:
    return np.clip(rng.lognormal(np.log(_MEDIAN_WORDS), 0.6, size), 3, 400).astype(np.int64)


def _vectors(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    directions = rng.standard_normal((_RANK, DIMENSION)) / np.sqrt(_RANK)
    centres = rng.standard_normal((_CLUSTERS, _RANK))
    places = centres[rng.integers(0, _CLUSTERS, size)] + 0.7 * rng.standard_normal((size, _RANK))
    return _unit(places @ directions)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def _question(
    rng: np.random.Generator, memories: list[Memory], texts: list[NDArray[np.str_]], vectors: NDArray[np.float32]
) -> Question:
    target = int(rng.integers(len(memories)))
    rarer = sorted(set(texts[target]), key=len)[-8:]
    text = " ".join(rng.permutation(rarer)[:3])
    near = vectors[target] + 0.03 * rng.standard_normal(DIMENSION)
    return Question(text=text, vector=_unit(near), target=memories[target].id)
