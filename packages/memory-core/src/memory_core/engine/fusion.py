"""Words and meaning of each candidate brought to 0..1, and joined into one score.

Pure. Scores are fused, not ranks: ranks forget how sure each side was, and lose to this on every set we measured.
That stays for whoever asks for it by name. What else moves a score is in `ranking`.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from memory_core.engine import explaining
from memory_core.engine.dates import When
from memory_core.engine.noise import above_noise
from memory_core.engine.ports import Candidate
from memory_core.types import Fusion, Memory, SearchMode

_RIVALS = 19  # whose mean says how far the best match by words stands out


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


class Part(Struct, kw_only=True):
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


def parts_of(candidates: Sequence[Candidate], question: Question) -> list[Part]:
    """Words alone go by BM25; beside meaning, a match of more of the query counts for more."""
    covering = question.mode is SearchMode.HYBRID
    words = [each.bm25 * math.sqrt(each.coverage) if covering else each.bm25 for each in candidates]
    best = max(words, default=0.0)
    return [
        Part(
            candidate=candidate,
            lexical=score / best if best > 0 else None,
            semantic=(semantic := nearness(candidate, question.noise)),
            evidence=candidate.coverage + (candidate.coverage if semantic is None else semantic),
            boosts={},
        )
        for candidate, score in zip(candidates, words, strict=True)
    ]


def nearness(candidate: Candidate, noise: float) -> float | None:
    """In meaning, 0..1; null without a vector."""
    return None if candidate.cosine is None else above_noise(candidate.cosine, noise)


def contains(memory: Memory, phrases: Sequence[str]) -> bool:
    content = memory.content.lower()
    return all(phrase.lower() in content for phrase in phrases)


def join(parts: Sequence[Part], mode: SearchMode, ranking: Ranking) -> None:
    """Give each of `parts` its weights, or what its ranks are worth."""
    _JOINED[mode, ranking.fusion](parts, ranking)


def ranks_of(parts: Sequence[Part]) -> explaining.Ranks:
    return explaining.Ranks.of([(part.memory.id, part.lexical, part.semantic) for part in parts])


def _by_words(parts: Sequence[Part], _: Ranking) -> None:
    for part in parts:
        part.lexical_weight = 1.0


def _by_meaning(parts: Sequence[Part], _: Ranking) -> None:
    for part in parts:
        part.semantic_weight = 1.0


def _by_both(parts: Sequence[Part], ranking: Ranking) -> None:
    """The weighted sum. What has no vector yet is taken to mean as much as its words say: it is not found less."""
    weight = ranking.lexical_weight * _decisiveness(parts)
    nearest = max((part.semantic for part in parts if part.semantic is not None), default=1.0)
    for part in parts:
        part.lexical_weight, part.semantic_weight = weight, 1 - weight
        if part.semantic is None:
            part.boost("no vector yet", (1 - weight) * nearest * (part.lexical or 0.0))


def _decisiveness(parts: Sequence[Part]) -> float:
    """How far the best match by words stands above the next nineteen, times its coverage: 0..1."""
    scores = sorted(((part.lexical or 0.0, part.candidate.coverage) for part in parts), reverse=True)
    if not scores:
        return 0.0
    best, coverage = scores[0]
    rivals = [score for score, _ in scores[1 : _RIVALS + 1]]
    return (best - sum(rivals) / _RIVALS) * coverage


def _by_ranks(parts: Sequence[Part], ranking: Ranking) -> None:
    """Reciprocal rank fusion (Cormack, Clarke & Büttcher 2009), divided by its greatest possible value."""
    best = 2 / (ranking.rank_constant + 1)
    ranks = ranks_of(parts)
    sides: Mapping[str, Mapping[str, int]] = {"words": ranks.lexical, "meaning": ranks.semantic}
    for part in parts:
        for side, places in sides.items():
            if place := places.get(part.memory.id):
                part.boost(f"rank {place} by {side}", 1 / (ranking.rank_constant + place) / best)


_JOINED: dict[tuple[SearchMode, Fusion], Callable[[Sequence[Part], Ranking], None]] = {
    (SearchMode.KEYWORD, Fusion.SCORES): _by_words,
    (SearchMode.KEYWORD, Fusion.RANKS): _by_words,
    (SearchMode.SEMANTIC, Fusion.SCORES): _by_meaning,
    (SearchMode.SEMANTIC, Fusion.RANKS): _by_meaning,
    (SearchMode.HYBRID, Fusion.SCORES): _by_both,
    (SearchMode.HYBRID, Fusion.RANKS): _by_ranks,
}
