"""Entries and vectors for the tests of stores, and the plain answer that a search must agree with."""

import math
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from memory_core.engine.ports import Entry, ModelIdentity, Probe, Store, Vectors
from memory_core.types import Memory, MemoryType

START = datetime(2026, 11, 1, 9, 30, 0, 123456, tzinfo=UTC)
MODEL = ModelIdentity(name="model-a", revision="1", dimension=100)
OTHER_MODEL = ModelIdentity(name="model-b", revision="1", dimension=64)
K1, B, PENALTY = 1.2, 0.75, 0.04


def entry(content: str = "some words", *, minute: int = 0, **fields: Any) -> Entry:  # Any: whatever field it is
    """A memory with its words as terms, `minute` minutes after START."""
    at = START + timedelta(minutes=minute)
    memory = Memory(
        id=uuid.uuid4().hex,
        content=content,
        memory_type=MemoryType.FACT,
        tags=(),
        source=None,
        project_id=None,
        client_id=None,
        session_id=None,
        certainty_score=0.7,
        quality_score=0.7,
        created_at=at,
        updated_at=at,
    )
    return entry_of(replace(memory, **fields))


def entry_of(memory: Memory) -> Entry:
    return Entry(memory=memory, terms=Counter(memory.content.split()))


def edited(**fields: Any) -> Any:  # Any: an edit for `Store.change`
    return lambda memory: entry_of(replace(memory, **fields))


def random_vectors(seed: int, pieces: int = 1, dimension: int = MODEL.dimension) -> Vectors:
    numbers = np.random.default_rng(seed).standard_normal((pieces, dimension)).astype(np.float32)
    return numbers / np.linalg.norm(numbers, axis=1, keepdims=True)


def embed(store: Store, vectors: dict[str, Vectors]) -> None:
    """Give the memories of these ids their vectors."""
    docs = {pending.memory.id: pending.doc for pending in store.pending(limit=10_000)}
    store.set_vectors({docs[memory_id]: rows for memory_id, rows in vectors.items()})


def probe(
    *terms: str, vector: NDArray[np.float32] | None = None, pool: int = 1000, coarse_pool: int = 100_000
) -> Probe:
    return Probe(terms=terms, vector=vector, pool=pool, coarse_pool=coarse_pool, k1=K1, b=B, piece_penalty=PENALTY)


def plain_bm25(entries: Sequence[Entry], terms: Sequence[str]) -> dict[str, float]:
    """Id → score of those that have a term; `entries` are the scope searched."""
    length = {one.memory.id: sum(one.terms.values()) for one in entries}
    average = sum(length.values()) / len(entries) if entries else 0
    scores: dict[str, float] = {}
    for term in terms:
        holders = [one for one in entries if term in one.terms]
        idf = math.log(1 + (len(entries) - len(holders) + 0.5) / (len(holders) + 0.5))
        for one in holders:
            tf, dl = one.terms[term], length[one.memory.id]
            score = idf * tf / (tf + K1 * (1 - B + B * dl / average))
            scores[one.memory.id] = scores.get(one.memory.id, 0) + score
    return scores


def plain_cosine(vectors: Vectors, vector: NDArray[np.float32]) -> float:
    return float((vectors @ vector).max()) - PENALTY * math.log(len(vectors))


def is_best(chosen: set[str], scores: dict[str, float], pool: int) -> bool:
    """Whether `chosen` are `pool` of the best; which of those that are equal at the edge is left open."""
    ranked = sorted(scores.values(), reverse=True)
    edge = ranked[min(pool, len(ranked)) - 1] if ranked else 0.0
    surely = {memory_id for memory_id, score in scores.items() if score > edge + 1e-6}
    perhaps = {memory_id for memory_id, score in scores.items() if score > edge - 1e-6}
    return surely <= chosen and len(chosen & perhaps) >= min(pool, len(ranked))
