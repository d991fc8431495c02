"""From a question to hits: the blocking half of search, which runs in one of the service's threads.

It decides what the store is asked, what stands in when a side is missing, and what is said of the result. Waiting for
a model stays with the service, order with `ranking`, SQL with the store.
"""

import functools
import re
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from memory_core.engine import dates, lexical, ranking, relevance
from memory_core.engine.fusion import Question, Ranking, contains
from memory_core.engine.ports import Candidate, Probe, QueryVector, Rows
from memory_core.engine.prompts import Asked
from memory_core.engine.ranking import Ranked
from memory_core.engine.reranking import Reranking
from memory_core.observing import UNOBSERVED, Observer, Stage, timed
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
_MAX_PHRASES = 8
_PHRASE = re.compile(r'"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»')
_SHOWN_PHRASE = 60


class Searcher(Struct, frozen=True):
    store: Rows
    ranking: Ranking
    clock: Callable[[], datetime]
    reranking: Reranking | None = None
    observer: Observer = UNOBSERVED

    def newest(self, query: SearchQuery) -> SearchResult:
        """What an empty query gives; the score is 0, since nothing was compared."""
        newest = self.store.newest(query, limit=query.limit)
        return _result([ranking.hit(memory, 0.0) for memory in newest], query.search_mode)

    def search(
        self, text: str, vector: QueryVector | None, query: SearchQuery, *, notice: str | None = None
    ) -> SearchResult:
        """By words and by meaning, as far as `query` asks for them and there is a vector."""
        mode = query.search_mode if vector is not None else SearchMode.KEYWORD
        found, phrases = self._ranked(text, vector, query, mode)
        weak = bool(found.hits) and max(found.evidence) < ranking.WEAK
        notices = (notice, _about_phrases(phrases, found.hits), _WEAK if weak else None)
        return _result(found.hits, mode, "; ".join(filter(None, notices)) or None, weak=weak)

    def relevant(
        self, asked: Asked, vector: QueryVector | None, scope: Scope, *, limit: int
    ) -> list[tuple[Memory, str]]:
        """Only what is likely to be meant by a prompt, best first, and why: nothing is an honest answer.

        Quotes say nothing in a prompt, and a reranker would take longer than a prompt may wait.
        """
        mode, noise = (SearchMode.KEYWORD, 0.0) if vector is None else (SearchMode.HYBRID, vector.noise)
        with timed(self.observer, Stage.CANDIDATES, mode):
            found = self.store.candidates(_probe(asked.terms, vector, limit), scope)
        words = {each.memory.id: relevance.words_for(each, asked, noise) for each in found}
        question = Question(mode=mode, limit=limit, noise=noise, when=dates.named(asked.text, self.clock()))
        with timed(self.observer, Stage.FUSE, mode):
            hits = ranking.fuse(found, question, self.ranking).hits
        told = [(hit, words[hit.id]) for hit in hits]
        return [(_memory(hit), relevance.why(hit.score, matched)) for hit, matched in told if matched is not None]

    def similar(self, memory: Memory, *, limit: int) -> SearchResult:
        """By the vectors that `memory` has, or by its words while it has none."""
        model = self.store.model()  # asked first: if it changes before the vectors are read, the search notices
        vectors = self.store.vectors_of(memory.id)
        if model is None or vectors is None:
            mode, notice = SearchMode.KEYWORD, "this memory has no embedding yet; similar words were looked for"
            probe = probe_of(memory.content, None, limit + 1)
        else:
            mode, notice = SearchMode.SEMANTIC, None
            probe = _probe((), QueryVector(numbers=_middle(vectors), model=model), limit + 1)
        found = self.store.candidates(probe, Scope(project_id=memory.project_id))
        others = [candidate for candidate in found if candidate.memory.id != memory.id]
        ranked = ranking.fuse(others, Question(mode=mode, limit=limit), structs.replace(self.ranking, neighbour_pull=0))
        return _result(ranked.hits, mode, notice)

    def _ranked(
        self, text: str, vector: QueryVector | None, query: SearchQuery, mode: SearchMode
    ) -> tuple[Ranked, tuple[str, ...]]:
        """The hits, and the phrases that they were to contain.

        A text of which no memory has a word is looked for as it stands, such as half a path. Beside meaning only if it
        is one word: that takes a look at every memory, and a question seldom stands in one.
        """
        terms = () if mode is SearchMode.SEMANTIC else tuple(lexical.terms(text))
        with timed(self.observer, Stage.CANDIDATES, mode):
            found, phrases = self._candidates(text, terms, vector, query, mode)
        question = Question(
            mode=mode,
            limit=query.limit,
            min_score=query.min_score,
            phrases=phrases,
            noise=0.0 if vector is None else vector.noise,
            when=dates.named(text, self.clock()),
            terms=terms,
            explain=query.explain,
        )
        # What was asked for decides: where meaning is missing, a reranker can do most.
        rereads = self.reranking is not None and query.search_mode is not SearchMode.KEYWORD
        read = functools.partial(self._read, text, mode) if rereads else None
        with timed(self.observer, Stage.FUSE, mode):
            return ranking.fuse(found, question, self.ranking, read), phrases

    def _candidates(
        self, text: str, terms: tuple[str, ...], vector: QueryVector | None, query: SearchQuery, mode: SearchMode
    ) -> tuple[list[Candidate], tuple[str, ...]]:
        phrases = _phrases(text)
        probe = _probe(terms, vector if mode is not SearchMode.KEYWORD else None, query.limit, phrases)
        found = self.store.candidates(probe, query)
        as_it_stands = mode is SearchMode.KEYWORD or (mode is SearchMode.HYBRID and len(text.split()) == 1)
        if as_it_stands and not phrases and not any(each.bm25 for each in found):
            containing = self.store.candidates(_probe((), None, query.limit, (text,)), query)
            if containing:
                phrases, found = (text,), containing
                if mode is SearchMode.HYBRID:  # what is near in meaning comes along
                    found = self.store.candidates(structs.replace(probe, phrases=phrases), query)
        return found, phrases

    def _read(self, text: str, mode: SearchMode, memories: Sequence[Memory]) -> list[float] | None:
        if self.reranking is None or not memories:
            return None
        with timed(self.observer, Stage.RERANK, mode):
            return self.reranking.probabilities(text, [lexical.indexed_text(memory) for memory in memories])


_WEAK = "only weak matches: they may not be what you mean"


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


def _phrases(text: str) -> tuple[str, ...]:
    """What stands in quotes, each once."""
    quoted = (next(filter(None, match.groups())).strip() for match in _PHRASE.finditer(text))
    return tuple(dict.fromkeys(filter(None, quoted)))[:_MAX_PHRASES]


def _about_phrases(phrases: tuple[str, ...], hits: list[SearchHit]) -> str | None:
    if not phrases or any(contains(hit, phrases) for hit in hits):
        return None
    shown = " and ".join(f'"{phrase[:_SHOWN_PHRASE]}"' for phrase in phrases)
    return f"no memory contains {shown} word for word"


def probe_of(content: str, vector: QueryVector | None, limit: int) -> Probe:
    """For what is like a whole memory."""
    return _probe(_most_frequent(lexical.terms(content)), vector, limit)


def _probe(terms: tuple[str, ...], vector: QueryVector | None, limit: int, phrases: tuple[str, ...] = ()) -> Probe:
    return Probe(
        terms=terms,
        vector=vector,
        phrases=phrases,
        pool=ranking.pool(limit),
        coarse_pool=ranking.coarse_pool(limit),
        k1=ranking.K1,
        b=ranking.B,
        coverage_prior=ranking.COVERAGE_PRIOR,
        piece_penalty=ranking.PIECE_PENALTY,
    )


def _result(hits: list[SearchHit], mode: SearchMode, notice: str | None = None, *, weak: bool = False) -> SearchResult:
    return SearchResult(results=tuple(hits), count=len(hits), search_mode=mode, notice=notice, weak=weak)


def _memory(hit: SearchHit) -> Memory:
    return Memory(**{name: getattr(hit, name) for name in Memory.__struct_fields__})


def _most_frequent(terms: dict[str, int]) -> tuple[str, ...]:
    return tuple(sorted(terms, key=lambda term: (-terms[term], term))[:_MAX_TERMS_OF_A_MEMORY])


def _middle(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The direction in which all pieces of a memory lie together."""
    middle = vectors.mean(axis=0)
    length = float(np.linalg.norm(middle))
    # Pieces that cancel out have no middle; the first then speaks for all.
    return np.asarray(middle / length if length > 1e-6 else vectors[0], dtype=np.float32)
