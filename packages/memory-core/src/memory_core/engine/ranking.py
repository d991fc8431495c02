"""Candidates → hits in order, and why: `fusion` joins words and meaning, and what else is known moves the score.

Pure. The figures behind each constant are in docs/benchmarks.md.
"""

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from msgspec import structs

from memory_core.engine import explaining
from memory_core.engine.dates import When
from memory_core.engine.fusion import Part, Question, Ranking, contains, join, parts_of, ranks_of
from memory_core.engine.ports import Candidate
from memory_core.types import DEFAULT_SCORE, Memory, SearchHit

K1 = 1.2
B = 0.75
COVERAGE_PRIOR = 100.0
"""So many memories without any of the words are added when coverage is computed; see `Candidate`."""

PIECE_PENALTY = 0.04
"""A long memory's best piece counts less by this times ln(pieces): the best of many noisy scores is too high."""

WEAK = 0.4
"""Evidence of the best hit, below which a search says that its matches are weak.

Of the questions in the development sets that have an answer 0 to 5 % stay below, of twelve without one eight do, of
questions about another subject altogether 51 to 87 %: what says the same in other words has little evidence, too.
"""

READ = 20
"""So many of the best hits a reranker reads."""

Reader = Callable[[Sequence[Memory]], Sequence[float] | None]
"""From the best few to the probability that each is what was asked for; null where no reranker can say it."""

_READER_SHARE = 0.5
_PHRASE_SHARE = 0.5


class Ranked(NamedTuple):
    """The hits, best first, and for each how much speaks for it whatever else was found: 0..2."""

    hits: list[SearchHit]
    evidence: list[float]


def pool(limit: int) -> int:
    """How many candidates each side brings for `limit` hits."""
    return max(50, 2 * limit)


def coarse_pool(limit: int) -> int:
    """How many the first pass over sign bits keeps: recall@10 is 0.999 of the exact order at 400."""
    return max(400, 10 * limit)


def fuse(
    candidates: Sequence[Candidate], question: Question, ranking: Ranking | None = None, read: Reader | None = None
) -> Ranked:
    """The best of `candidates`, whose order does not matter; equal scores: the newer first, then by id."""
    ranking = ranking or Ranking()
    parts = [part for part in parts_of(candidates, question) if part.counts(question)]
    join(parts, question.mode, ranking)
    if question.when is not None:
        _favour_time(parts, question.when, ranking.time_weight)
    _pull_to_neighbours(parts, ranking.neighbour_pull)
    for part in parts:
        part.boost("trust", ranking.trust_weight * _trust(part.memory))
    if read is not None:
        _reread(parts, question.phrases, read)
    _phrases_first(parts, question.phrases)
    # What has no word of the query and is no nearer to it than chance is no hit.
    scored = [(score, part) for part in parts if (score := part.final()) > 0]
    if question.min_score is not None:
        scored = [each for each in scored if each[0] >= question.min_score]
    scored.sort(key=_order)
    best = scored[: question.limit]
    hits = [_hit(part, score) for score, part in best]
    if question.explain:
        ranks = ranks_of(parts)
        hits = [_explained(found, part, question, ranks) for found, (_, part) in zip(hits, best, strict=True)]
    return Ranked(hits, [part.evidence for _, part in best])


def hit(memory: Memory, score: float, *, lexical: float | None = None, semantic: float | None = None) -> SearchHit:
    return SearchHit(**structs.asdict(memory), score=score, lexical=lexical, semantic=semantic)


def _trust(memory: Memory) -> float:
    return (memory.certainty_score + memory.quality_score) / 2 - DEFAULT_SCORE


def _favour_time(parts: Sequence[Part], when: When, weight: float) -> None:
    for part in parts:
        if when.holds(part.memory.created_at):
            part.boost(f"kept {when.words}", weight)


def _pull_to_neighbours(parts: Sequence[Part], pull: float) -> None:
    """What was kept just before and after a good match is likely to belong to it. None gets past its neighbour."""
    own = {part.memory.id: part.score for part in parts}
    for part in parts:
        known = [each for each in part.candidate.neighbours if each in own]
        if known:
            better = max(known, key=lambda each: (own[each], each))
            part.boost(f"neighbour {better[:8]}", pull * max(0.0, own[better] - own[part.memory.id]))


def _reread(parts: Sequence[Part], phrases: Sequence[str], read: Reader) -> None:
    """Half of a score is the reader's; what it did not read is halved too, or it would pass what was read."""
    found = [part for part in parts if part.final() > 0]
    found.sort(key=lambda part: (not contains(part.memory, phrases), _order((part.final(), part))))
    probabilities = read([part.memory for part in found[:READ]])
    if probabilities is None:
        return
    for part, probability in zip_longest(found, probabilities):
        own = (1 - _READER_SHARE) * part.final()
        if probability is None:
            part.boost("not read by the reranker", own - part.score)
        else:
            part.boost("reranker", own + _READER_SHARE * probability - part.score)


def _phrases_first(parts: Sequence[Part], phrases: Sequence[str]) -> None:
    """The half above 0.5 is for memories that contain all of them, the half below for the others."""
    if not phrases:
        return
    for part in parts:
        score = part.final()
        if contains(part.memory, phrases):
            part.boost("phrase", _PHRASE_SHARE * (1 - score))
            part.evidence = 2.0
        else:
            part.boost("no phrase", -(1 - _PHRASE_SHARE) * score)


def _order(scored: tuple[float, Part]) -> tuple[float, float, str]:
    score, part = scored
    return -score, -part.memory.created_at.timestamp(), part.memory.id


def _hit(part: Part, score: float) -> SearchHit:
    return hit(part.memory, score, lexical=_rounded(part.lexical), semantic=_rounded(part.semantic))


def _explained(found: SearchHit, part: Part, question: Question, ranks: explaining.Ranks) -> SearchHit:
    why = explaining.explanation(
        part.candidate,
        question.terms,
        ranks,
        weights=(part.lexical_weight, part.semantic_weight),
        boosts=part.boosts,
        evidence=part.evidence,
    )
    return structs.replace(found, why=why)


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 6)
