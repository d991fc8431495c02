"""Why a hit stands where it stands, for a person: the sum that makes its score, term by term."""

from msgspec import UnsetType

from memory_cli.render import one_line, short_id
from memory_core.types import Explanation, SearchHit

_SHOWN_TERMS = 12


def explained(hit: SearchHit) -> str:
    """The memory in one line, and under it what words, meaning and everything else gave."""
    lines = [f"{hit.score:.3f}  {short_id(hit)}  {one_line(hit.content)}"]
    if not isinstance(hit.why, UnsetType):
        lines += [f"       {line}" for line in _lines(hit, hit.why)]
    return "\n".join(lines)


def _lines(hit: SearchHit, why: Explanation) -> list[str]:
    lines = [_words(hit, why), _meaning(hit, why)]
    lines += [f"{by:+.3f}  {one_line(name)}" for name, by in why.boosts.items()]
    return [*filter(None, lines), f"evidence that it is relevant at all: {why.evidence:.2f} of 2"]


def _words(hit: SearchHit, why: Explanation) -> str:
    if not (why.matched_terms or why.missing_terms):
        return ""
    given = why.lexical_weight * (hit.lexical or 0.0)
    rank = f"rank {why.lexical_rank}, BM25 {why.bm25:.2f}" if why.lexical_rank else "none"
    found = f"; has {_terms(why.matched_terms)}" if why.matched_terms else ""
    missing = f"; lacks {_terms(why.missing_terms)}" if why.missing_terms else ""
    factors = f"{why.lexical_weight:.2f} × {hit.lexical or 0.0:.2f}"
    return f"{given:+.3f}  words: {factors} ({rank}, {why.coverage:.0%} of the query{found}{missing})"


def _meaning(hit: SearchHit, why: Explanation) -> str:
    if why.cosine is None:
        return "        meaning: not compared" if why.semantic_weight else ""
    given = why.semantic_weight * (hit.semantic or 0.0)
    rank = f"rank {why.semantic_rank}, " if why.semantic_rank else ""
    factors = f"{why.semantic_weight:.2f} × {hit.semantic or 0.0:.2f}"
    return f"{given:+.3f}  meaning: {factors} ({rank}cosine {why.cosine:.2f})"


def _terms(terms: tuple[str, ...]) -> str:
    shown = ", ".join(one_line(term) for term in terms[:_SHOWN_TERMS])
    return shown + (", …" if len(terms) > _SHOWN_TERMS else "")
