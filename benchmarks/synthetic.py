"""Memories without a model: words as frequent as in real text (Zipf), vectors in clusters as real embeddings lie.

The same seed gives the same data, made in parts so that a million fit in memory. Speed is measured on it; quality is
not, for which real text is needed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from memory_core.types import Memory, MemoryType

DIMENSION = 384
PROJECTS = 200
_PART = 10_000  # memories made at once
_VOCABULARY = 60_000
_SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
_MEDIAN_WORDS = 30
_TAGS = [f"tag{number}" for number in range(300)]
_TYPES = list(MemoryType)
_CLUSTERS = 3_000
_RANK = 96
_START = datetime(2026, 1, 1, tzinfo=UTC)

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Question:
    """Three of the rarer words of one memory, and a vector near that memory's."""

    text: str
    vector: Vectors  # of shape (DIMENSION,)
    target: str  # the id of that memory
    project_id: str  # of that memory


@dataclass(frozen=True)
class Corpus:
    """Memories that follow each other, their vectors, and questions about some of them."""

    memories: list[Memory]
    vectors: Vectors
    questions: list[Question]


def corpus(size: int, *, questions: int, seed: int = 7) -> Corpus:
    """All at once. The questions are about memories evenly spread over the whole."""
    made = list(parts(size, questions=questions, seed=seed))
    return Corpus(
        memories=[memory for part in made for memory in part.memories],
        vectors=np.concatenate([part.vectors for part in made]),
        questions=[question for part in made for question in part.questions],
    )


def parts(size: int, *, questions: int, seed: int = 7) -> Iterator[Corpus]:
    """The same, ten thousand memories at a time."""
    rng = np.random.default_rng(seed)
    words = _vocabulary()
    directions = (rng.standard_normal((_RANK, DIMENSION)) / np.sqrt(_RANK)).astype(np.float32)
    centres = rng.standard_normal((_CLUSTERS, _RANK), dtype=np.float32)
    targets = np.linspace(0, size - 1, questions).astype(np.int64)
    for start in range(0, size, _PART):
        count = min(_PART, size - start)
        rng = np.random.default_rng([seed, start])
        lengths = _lengths(rng, count)
        texts = np.split(words[_zipf(rng, _VOCABULARY, int(lengths.sum()))], np.cumsum(lengths)[:-1])
        memories = _memories(rng, texts, start)
        noise = np.float32(0.7) * rng.standard_normal((count, _RANK), dtype=np.float32)
        vectors = _unit((centres[rng.integers(0, _CLUSTERS, count)] + noise) @ directions)
        asked = targets[(targets >= start) & (targets < start + count)] - start
        yield Corpus(memories, vectors, [_question(rng, memories[at], texts[at], vectors[at]) for at in asked])


def _memories(rng: np.random.Generator, texts: Sequence[NDArray[np.str_]], start: int) -> list[Memory]:
    size = len(texts)
    projects, types = _zipf(rng, PROJECTS, size).tolist(), rng.integers(0, len(_TYPES), size).tolist()
    tags = rng.integers(0, len(_TAGS), (size, 4)).tolist()
    tag_counts = rng.integers(0, 5, size).tolist()
    return [
        Memory(
            id=rng.bytes(16).hex(),
            content=" ".join(text.tolist()),
            memory_type=_TYPES[types[place]],
            tags=tuple(sorted({_TAGS[tag] for tag in tags[place][: tag_counts[place]]})),
            source=None,
            project_id=f"project-{projects[place]}",
            client_id=None,
            session_id=None,
            certainty_score=0.7,
            quality_score=0.7,
            created_at=_START + timedelta(seconds=start + place),
            updated_at=_START + timedelta(seconds=start + place),
        )
        for place, text in enumerate(texts)
    ]


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


def _unit(rows: Vectors) -> Vectors:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def _question(rng: np.random.Generator, memory: Memory, text: NDArray[np.str_], vector: Vectors) -> Question:
    rarer = sorted(set(text.tolist()), key=lambda word: (len(word), word))[-8:]
    near = vector + 0.03 * rng.standard_normal(DIMENSION, dtype=np.float32)
    return Question(
        text=" ".join(rng.permutation(rarer)[:3].tolist()),
        vector=_unit(near),
        target=memory.id,
        project_id=memory.project_id or "",
    )
