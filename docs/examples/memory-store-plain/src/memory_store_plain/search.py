"""Candidates: the best by words, the best by meaning, what holds the phrases, and the neighbours of all these."""

import math
from collections.abc import Mapping, Sequence
from heapq import nlargest
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from memory_core.engine.ports import Candidate, ModelChangedError, Probe, Vectors
from memory_core.types import Scope
from memory_store_plain.kept import Kept, Model, State
from memory_store_plain.scopes import contains, within


def candidates(kept: Kept, probe: Probe, scope: Scope) -> list[Candidate]:
    cosine: dict[int, float] = {}
    states = {state.doc: state for state in within(kept, scope)}
    if probe.vector is not None:
        model = kept.model(None)
        if model is None or model.model != probe.vector.model:
            raise ModelChangedError(f"the query is embedded by {probe.vector.model}, and the store compares {model}")
        cosine = _cosines(model, states, probe.vector.numbers, probe.piece_penalty)
    bm25, coverage = _by_words({doc: kept.terms[doc] for doc in states}, probe)
    newest = sorted(states.values(), key=lambda state: (state.memory.created_at, state.memory.id), reverse=True)
    holding = [state.doc for state in newest if all(contains(state.memory, phrase) for phrase in probe.phrases)]
    best = [*nlargest(probe.pool, bm25, key=bm25.__getitem__), *nlargest(probe.pool, cosine, key=cosine.__getitem__)]
    best += holding[: probe.pool] if probe.phrases else []
    lines = _neighbours(states)
    chosen = {*best, *(neighbour for doc in best for neighbour in lines.get(doc, ()))}
    return [
        Candidate(
            memory=states[doc].memory,
            bm25=bm25.get(doc, 0.0),
            coverage=coverage[doc],
            cosine=cosine.get(doc),
            neighbours=tuple(states[near].memory.id for near in lines.get(doc, ()) if near in chosen),
        )
        for doc in sorted(chosen)
    ]


def vectors_in(rows: bytes, dimension: int) -> Vectors:
    return np.frombuffer(rows, dtype=np.float32).reshape(-1, dimension)


def _by_words(terms: Mapping[int, Mapping[str, int]], probe: Probe) -> tuple[dict[int, float], dict[int, float]]:
    """BM25 of what has a term, and the share of the probe's terms that each has, rare ones counting more."""
    lengths = {doc: sum(counts.values()) for doc, counts in terms.items()}
    average = sum(lengths.values()) / (len(terms) or 1)
    bm25, coverage, total = dict[int, float](), dict.fromkeys(terms, 0.0), 0.0
    for term in probe.terms:
        holders = {doc: counts[term] for doc, counts in terms.items() if term in counts}
        idf = _idf(len(terms), len(holders))
        weight = _idf(len(terms) + probe.coverage_prior, len(holders))
        total += weight
        for doc, tf in holders.items():
            score = idf * tf / (tf + probe.k1 * (1 - probe.b + probe.b * lengths[doc] / average))
            bm25[doc] = bm25.get(doc, 0.0) + score
            coverage[doc] += weight
    return bm25, {doc: weight / (total or 1) for doc, weight in coverage.items()}


def _idf(memories: float, holders: int) -> float:
    return math.log(1 + (memories - holders + 0.5) / (holders + 0.5))


def _cosines(model: Model, states: Mapping[int, State], query: NDArray[np.float32], penalty: float) -> dict[int, float]:
    """Of the best piece, less a penalty for having many."""
    found = {}
    for doc in states.keys() & model.vectors.keys():
        pieces = vectors_in(model.vectors[doc], model.model.dimension)
        found[doc] = float((pieces @ query).max()) - penalty * math.log(len(pieces))
    return found


def _neighbours(states: Mapping[int, State]) -> dict[int, Sequence[int]]:
    """The one before and the one after, in the same session of the same project."""
    lines: dict[tuple[str, str], list[State]] = {}
    for state in states.values():
        if state.memory.session_id is not None:
            lines.setdefault((state.memory.session_id, state.memory.project_id or ""), []).append(state)
    found: dict[int, Sequence[int]] = {}
    for line in lines.values():
        for one, after in pairwise(sorted(line, key=lambda state: (state.memory.created_at, state.doc))):
            found[one.doc] = (*found.get(one.doc, ()), after.doc)
            found[after.doc] = (one.doc,)
    return found
