"""From a question to hits: the blocking half of search, which runs in one of the service's threads.

It decides what the store is asked and what stands in when a side is missing. Waiting for a model stays with the
service, order with `ranking`, SQL with the store.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.engine import lexical, ranking
from memory_core.engine.ports import Probe, Store
from memory_core.types import (
    EmbeddingState,
    EmbeddingStatus,
    Memory,
    Scope,
    SearchHit,
    SearchMode,
    SearchQuery,
    SearchResult,
)

_MAX_TERMS_OF_A_MEMORY = 64
Vector = NDArray[np.float32]


class Searcher(Struct, frozen=True):
    store: Store
    ranking: ranking.Ranking

    def newest(self, query: SearchQuery) -> SearchResult:
        """What an empty query gives; the score is 0, since nothing was compared."""
        newest = self.store.newest(query, limit=query.limit)
        return _result([ranking.hit(memory, 0.0) for memory in newest], query.search_mode)

    def by_words(self, text: str, query: SearchQuery, *, notice: str | None = None) -> SearchResult:
        """By terms; a text whose terms no memory has is looked for as it stands, such as half a path."""
        hits = self._hits(_probe(tuple(lexical.terms(text)), None, query.limit), query, SearchMode.KEYWORD)
        if not hits:
            exact = self.store.containing(text, query, limit=query.limit)
            hits = [ranking.hit(memory, 1.0, lexical=1.0) for memory in exact]
        return _result(hits, SearchMode.KEYWORD, notice)

    def by_meaning(self, text: str, vector: Vector, query: SearchQuery, *, notice: str | None = None) -> SearchResult:
        """By the vector alone, or by both where the query is hybrid."""
        terms = tuple(lexical.terms(text)) if query.search_mode is SearchMode.HYBRID else ()
        hits = self._hits(_probe(terms, vector, query.limit), query, query.search_mode)
        return _result(hits, query.search_mode, notice)

    def similar(self, memory: Memory, *, limit: int) -> SearchResult:
        """By the vectors that `memory` has, or by its words while it has none."""
        vectors = self.store.vectors_of(memory.id)
        if vectors is None:
            mode, notice = SearchMode.KEYWORD, "this memory has no embedding yet; similar words were looked for"
            probe = _probe(_most_frequent(lexical.terms(memory.content)), None, limit + 1)
        else:
            mode, notice = SearchMode.SEMANTIC, None
            probe = _probe((), _middle(vectors), limit + 1)
        found = self.store.candidates(probe, Scope(project_id=memory.project_id))
        others = [candidate for candidate in found if candidate.memory.id != memory.id]
        return _result(ranking.fuse(others, mode=mode, limit=limit, ranking=self.ranking), mode, notice)

    def _hits(self, probe: Probe, query: SearchQuery, mode: SearchMode) -> list[SearchHit]:
        found = self.store.candidates(probe, query)
        return ranking.fuse(found, mode=mode, limit=query.limit, min_score=query.min_score, ranking=self.ranking)


def why_by_words(status: EmbeddingStatus) -> str:
    """Why a search that was to be by meaning is by words."""
    reasons = {
        EmbeddingState.OFF: "search by meaning is off on this server",
        EmbeddingState.LOADING: "the embedding model is still loading",
        EmbeddingState.READY: "the embedding model did not answer in time",
        EmbeddingState.UNAVAILABLE: status.detail or "the embedding model is not available",
    }
    return f"{reasons[status.state].rstrip('.')}; this is keyword search"


def why_incomplete(status: EmbeddingStatus) -> str | None:
    if not status.pending:
        return None
    memories = "memory has" if status.pending == 1 else "memories have"
    return f"{status.pending} {memories} no embedding yet and can be found by keyword only"


def _probe(terms: tuple[str, ...], vector: Vector | None, limit: int) -> Probe:
    return Probe(
        terms=terms,
        vector=vector,
        pool=ranking.pool(limit),
        coarse_pool=ranking.coarse_pool(limit),
        k1=ranking.K1,
        b=ranking.B,
        piece_penalty=ranking.PIECE_PENALTY,
    )


def _result(hits: list[SearchHit], mode: SearchMode, notice: str | None = None) -> SearchResult:
    return SearchResult(results=tuple(hits), count=len(hits), search_mode=mode, notice=notice)


def _most_frequent(terms: dict[str, int]) -> tuple[str, ...]:
    return tuple(sorted(terms, key=lambda term: (-terms[term], term))[:_MAX_TERMS_OF_A_MEMORY])


def _middle(vectors: NDArray[np.float32]) -> Vector:
    """The direction in which all pieces of a memory lie together."""
    middle = vectors.mean(axis=0)
    length = float(np.linalg.norm(middle))
    # Pieces that cancel out have no middle; the first then speaks for all.
    return np.asarray(middle / length if length > 1e-6 else vectors[0], dtype=np.float32)
