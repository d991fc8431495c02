"""Entries and vectors for the tests of stores, and the plain answer that a search must agree with."""

import math
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from msgspec import UNSET
from msgspec.structs import replace
from numpy.typing import NDArray

from memory_core.changes import Action
from memory_core.engine.ports import Act, Entry, ModelIdentity, Probe, QueryVector, Store, Vectors
from memory_core.types import Memory, MemoryType, Scope, TagsMatch

START = datetime(2026, 11, 1, 9, 30, 0, 123456, tzinfo=UTC)
MODEL = ModelIdentity(name="model-a", revision="1", dimension=100)
OTHER_MODEL = ModelIdentity(name="model-b", revision="1", dimension=64)
K1, B, PRIOR, PENALTY = 1.2, 0.75, 100, 0.04


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


def trash(store: Store, scope: Scope, *, content_contains: str | None, at: datetime) -> int:
    """All that fits to the trash, as one batch; how many those are."""
    with store.transaction() as tx:
        found = tx.matching(scope, content_contains)
        tx.trash(found, Act(action=Action.PURGE, at=at, batch_id="purge-1"))
    return len(found)


def random_vectors(seed: int, pieces: int = 1, dimension: int = MODEL.dimension) -> Vectors:
    numbers = np.random.default_rng(seed).standard_normal((pieces, dimension)).astype(np.float32)
    return numbers / np.linalg.norm(numbers, axis=1, keepdims=True)


def embed(store: Store, vectors: dict[str, Vectors]) -> None:
    """Give the memories of these ids their vectors."""
    docs = {pending.memory.id: pending.doc for pending in store.pending(limit=10_000)}
    store.set_vectors({docs[memory_id]: rows for memory_id, rows in vectors.items()})


def probe(
    *terms: str,
    vector: NDArray[np.float32] | None = None,
    model: ModelIdentity = MODEL,
    pool: int = 1000,
    coarse_pool: int = 100_000,
    phrases: tuple[str, ...] = (),
) -> Probe:
    return Probe(
        terms=terms,
        vector=None if vector is None else QueryVector(numbers=vector, model=model),
        pool=pool,
        coarse_pool=coarse_pool,
        k1=K1,
        b=B,
        coverage_prior=PRIOR,
        piece_penalty=PENALTY,
        phrases=phrases,
    )


def plain_coverage(entries: Sequence[Entry], terms: Sequence[str]) -> dict[str, float]:
    """Id → share of the terms' weight that each memory has; `entries` are the scope searched."""
    weight = {}
    for term in terms:
        holders = sum(term in one.terms for one in entries)
        weight[term] = math.log(1 + (len(entries) + PRIOR - holders + 0.5) / (holders + 0.5))
    total = sum(weight.values())
    return {one.memory.id: sum(weight[term] for term in terms if term in one.terms) / total for one in entries}


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


def one_of_many(number: int) -> Entry:
    """A memory that differs from its neighbours in every field."""
    return entry(
        f"memory number {number} about {'rust' if number % 3 else 'Python'}",
        minute=number // 2,  # pairs share their moment
        memory_type=list(MemoryType)[number % 7],
        tags=tuple(tag for tag, every in (("a", 2), ("b", 3), ("c", 5)) if number % every == 0),
        project_id=(None, "x", "y")[number % 3],
        client_id=(None, "laptop", "desk")[number % 4 % 3],
        session_id=(None, "s1")[number % 2],
        certainty_score=number % 11 / 10,
        quality_score=number % 6 / 5,
        deleted_at=START if number % 13 == 0 else None,
    )


def in_scope(memory: Memory, scope: Scope) -> bool:
    """What a scope means, said plainly."""
    projects = {scope.project_id, None} if scope.include_global else {scope.project_id}
    has = [tag in memory.tags for tag in scope.tags]
    return (
        (scope.global_search or scope.project_id is UNSET or memory.project_id in projects)
        and (scope.projects is None or (memory.project_id or "") in scope.projects)
        and scope.memory_type in (None, memory.memory_type)
        and (not has or (any(has) if scope.tags_match is TagsMatch.ANY else all(has)))
        and scope.client_id in (None, memory.client_id)
        and scope.session_id in (None, memory.session_id)
        and (scope.created_after is None or memory.created_at >= scope.created_after)
        and (scope.created_before is None or memory.created_at < scope.created_before)
        and memory.certainty_score >= (scope.min_certainty or 0)
        and memory.quality_score >= (scope.min_quality or 0)
        and (memory.deleted_at is not None) == scope.trashed
    )
