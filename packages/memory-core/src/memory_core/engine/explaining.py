"""Why a hit stands where it stands, for whoever asked: computed for the hits that are shown and for no others."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from memory_core.engine import lexical
from memory_core.engine.ports import Candidate
from memory_core.types import Explanation


class Ranks(Struct, frozen=True):
    """Id → place by one side alone, from 1, of those that the side knows."""

    lexical: Mapping[str, int]
    semantic: Mapping[str, int]

    @classmethod
    def of(cls, scores: Sequence[tuple[str, float | None, float | None]]) -> "Ranks":
        """From the id, the lexical and the semantic score of every candidate."""
        return cls(
            _places([(score, name) for name, score, _ in scores]),
            _places([(score, name) for name, _, score in scores]),
        )


def explanation(
    candidate: Candidate,
    query_terms: Sequence[str],
    ranks: Ranks,
    *,
    weights: tuple[float, float],
    boosts: Mapping[str, float],
    evidence: float,
) -> Explanation:
    memory = candidate.memory
    here = lexical.entry(memory).terms
    return Explanation(
        matched_terms=tuple(term for term in query_terms if term in here),
        missing_terms=tuple(term for term in query_terms if term not in here),
        bm25=round(candidate.bm25, 6),
        coverage=round(candidate.coverage, 6),
        lexical_rank=ranks.lexical.get(memory.id),
        lexical_weight=round(weights[0], 6),
        cosine=None if candidate.cosine is None else round(candidate.cosine, 6),
        semantic_rank=ranks.semantic.get(memory.id),
        semantic_weight=round(weights[1], 6),
        boosts={name: round(by, 6) for name, by in boosts.items()},
        evidence=round(evidence, 6),
    )


def _places(scores: Sequence[tuple[float | None, str]]) -> dict[str, int]:
    """Zero is no match. Equal scores go by id."""
    ordered = sorted((-score, name) for score, name in scores if score)
    return {name: place for place, (_, name) in enumerate(ordered, start=1)}
