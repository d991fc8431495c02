"""Candidates → hits in order: how the score of words and the score of meaning become one, and why.

Pure. Scores are fused, not ranks: ranks forget how sure each side was, and lose to this on every set we measured.
That stays for whoever asks for it by name. The figures behind each constant are in docs/benchmarks.md.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from msgspec import Struct, structs

from memory_core.engine import explaining
from memory_core.engine.dates import When
from memory_core.engine.ports import Candidate
from memory_core.types import DEFAULT_SCORE, Fusion, Memory, SearchHit, SearchMode

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

RELEVANT = 0.9
"""Evidence that a memory needs to be shown without having been asked for: 87 to 96 % of the right best hits have it,
and none of those twelve."""

READ = 20
"""So many of the best hits a reranker reads."""

Reader = Callable[[Sequence[Memory]], Sequence[float] | None]
"""From the best few to the probability that each is what was asked for; null where no reranker can say it."""

_READER_SHARE = 0.5
_RIVALS = 19  # whose mean says how far the best match by words stands out
_PHRASE_SHARE = 0.5


class Ranking(Struct, frozen=True, kw_only=True):
    """The constants of the order, chosen on development data.

    `lexical_weight` is the share of words in a hybrid score where one memory alone has all the words of the query. It
    falls with what the best match lacks of the query, and with the number of rivals that match as well: a word in
    common by chance, or one that many memories hold, decides nothing. Meaning has the rest.
    `neighbour_pull` is how far a memory is drawn to the better of its two neighbours in the session it was kept in.
    `trust_weight` is the most that certainty and quality may move a score: enough to order near-ties, too little to
    lift what fits worse. `time_weight` is what a memory gains that was kept at the time the question names.
    """

    fusion: Fusion = Fusion.SCORES
    lexical_weight: float = 0.7
    neighbour_pull: float = 0.4
    trust_weight: float = 0.01
    time_weight: float = 0.15
    rank_constant: int = 10  # of reciprocal rank fusion; 10 is better than the customary 60


class Question(Struct, frozen=True, kw_only=True):
    """What was asked, as far as the order depends on it.

    `noise` is the cosine that texts without any relation have in this model. Memories that contain all `phrases` come
    before those that do not. `when` is the time that the question names. `terms` are the query's; they are only looked
    at to `explain`.
    """

    mode: SearchMode
    limit: int
    min_score: float | None = None
    phrases: tuple[str, ...] = ()
    noise: float = 0.0
    when: When | None = None
    terms: tuple[str, ...] = ()
    explain: bool = False


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
    parts = [part for part in _parts(candidates, question) if part.counts(question)]
    _SCORERS[question.mode, ranking.fusion](parts, ranking)
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
    why = explaining.Ranks.of([(part.memory.id, part.lexical, part.semantic) for part in parts])
    return Ranked([_hit(part, score, question, why) for score, part in best], [part.evidence for _, part in best])


def hit(memory: Memory, score: float, *, lexical: float | None = None, semantic: float | None = None) -> SearchHit:
    return SearchHit(**structs.asdict(memory), score=score, lexical=lexical, semantic=semantic)


class _Part(Struct, kw_only=True):
    """One candidate on its way to a hit. `lexical` and `semantic` are 0..1, null where that side knows nothing of it.

    Its score is the weighted sum of the two and of the boosts.
    """

    candidate: Candidate
    lexical: float | None
    semantic: float | None
    evidence: float
    lexical_weight: float = 0.0
    semantic_weight: float = 0.0
    boosts: dict[str, float] = {}

    @property
    def memory(self) -> Memory:
        return self.candidate.memory

    @property
    def score(self) -> float:
        words = self.lexical_weight * (self.lexical or 0.0)
        return words + self.semantic_weight * (self.semantic or 0.0) + sum(self.boosts.values())

    def boost(self, name: str, by: float) -> None:
        if by:
            self.boosts[name] = by

    def final(self) -> float:
        """Six digits: what differs less was computed in another order, not found to be better."""
        return round(min(1.0, max(0.0, self.score)), 6)

    def counts(self, question: Question) -> bool:
        """Whether this side, or either side in a hybrid search, has found it at all; or it has the phrases."""
        by_meaning = question.mode is not SearchMode.KEYWORD and self.semantic is not None
        by_words = question.mode is not SearchMode.SEMANTIC and bool(self.lexical)
        return by_meaning or by_words or (bool(question.phrases) and contains(self.memory, question.phrases))


def _parts(candidates: Sequence[Candidate], question: Question) -> list[_Part]:
    """Words alone go by BM25; beside meaning, a match of more of the query counts for more."""
    covering = question.mode is SearchMode.HYBRID
    words = [each.bm25 * math.sqrt(each.coverage) if covering else each.bm25 for each in candidates]
    best = max(words, default=0.0)
    return [
        _Part(
            candidate=candidate,
            lexical=score / best if best > 0 else None,
            semantic=(semantic := _above_noise(candidate.cosine, question.noise)),
            evidence=candidate.coverage + (candidate.coverage if semantic is None else semantic),
            boosts={},
        )
        for candidate, score in zip(candidates, words, strict=True)
    ]


def _above_noise(cosine: float | None, noise: float) -> float | None:
    """Models differ in what they give to unrelated texts: 0.05 here, 0.7 there."""
    return None if cosine is None else min(1.0, max(0.0, (cosine - noise) / (1 - noise)))


def _trust(memory: Memory) -> float:
    return (memory.certainty_score + memory.quality_score) / 2 - DEFAULT_SCORE


def _favour_time(parts: Sequence[_Part], when: When, weight: float) -> None:
    for part in parts:
        if when.holds(part.memory.created_at):
            part.boost(f"kept {when.words}", weight)


def _pull_to_neighbours(parts: Sequence[_Part], pull: float) -> None:
    """What was kept just before and after a good match is likely to belong to it. None gets past its neighbour."""
    own = {part.memory.id: part.score for part in parts}
    for part in parts:
        known = [each for each in part.candidate.neighbours if each in own]
        if known:
            better = max(known, key=lambda each: (own[each], each))
            part.boost(f"neighbour {better[:8]}", pull * max(0.0, own[better] - own[part.memory.id]))


def _reread(parts: Sequence[_Part], phrases: Sequence[str], read: Reader) -> None:
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


def _phrases_first(parts: Sequence[_Part], phrases: Sequence[str]) -> None:
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


def contains(memory: Memory, phrases: Sequence[str]) -> bool:
    content = memory.content.lower()
    return all(phrase.lower() in content for phrase in phrases)


def _order(scored: tuple[float, _Part]) -> tuple[float, float, str]:
    score, part = scored
    return -score, -part.memory.created_at.timestamp(), part.memory.id


def _hit(part: _Part, score: float, question: Question, ranks: explaining.Ranks) -> SearchHit:
    found = hit(part.memory, score, lexical=_rounded(part.lexical), semantic=_rounded(part.semantic))
    if not question.explain:
        return found
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


def _by_words(parts: Sequence[_Part], _: Ranking) -> None:
    for part in parts:
        part.lexical_weight = 1.0


def _by_meaning(parts: Sequence[_Part], _: Ranking) -> None:
    for part in parts:
        part.semantic_weight = 1.0


def _by_both(parts: Sequence[_Part], ranking: Ranking) -> None:
    """The weighted sum. What has no vector yet is taken to mean as much as its words say: it is not found less."""
    weight = ranking.lexical_weight * _decisiveness(parts)
    nearest = max((part.semantic for part in parts if part.semantic is not None), default=1.0)
    for part in parts:
        part.lexical_weight, part.semantic_weight = weight, 1 - weight
        if part.semantic is None:
            part.boost("no vector yet", (1 - weight) * nearest * (part.lexical or 0.0))


def _decisiveness(parts: Sequence[_Part]) -> float:
    """How far the best match by words stands above the next nineteen, times its coverage: 0..1."""
    scores = sorted(((part.lexical or 0.0, part.candidate.coverage) for part in parts), reverse=True)
    if not scores:
        return 0.0
    best, coverage = scores[0]
    rivals = [score for score, _ in scores[1 : _RIVALS + 1]]
    return (best - sum(rivals) / _RIVALS) * coverage


def _by_ranks(parts: Sequence[_Part], ranking: Ranking) -> None:
    """Reciprocal rank fusion (Cormack, Clarke & Büttcher 2009), divided by its greatest possible value."""
    best = 2 / (ranking.rank_constant + 1)
    ranks = explaining.Ranks.of([(part.memory.id, part.lexical, part.semantic) for part in parts])
    sides: Mapping[str, Mapping[str, int]] = {"words": ranks.lexical, "meaning": ranks.semantic}
    for part in parts:
        for side, places in sides.items():
            if place := places.get(part.memory.id):
                part.boost(f"rank {place} by {side}", 1 / (ranking.rank_constant + place) / best)


_SCORERS: dict[tuple[SearchMode, Fusion], Callable[[Sequence[_Part], Ranking], None]] = {
    (SearchMode.KEYWORD, Fusion.SCORES): _by_words,
    (SearchMode.KEYWORD, Fusion.RANKS): _by_words,
    (SearchMode.SEMANTIC, Fusion.SCORES): _by_meaning,
    (SearchMode.SEMANTIC, Fusion.RANKS): _by_meaning,
    (SearchMode.HYBRID, Fusion.SCORES): _by_both,
    (SearchMode.HYBRID, Fusion.RANKS): _by_ranks,
}
