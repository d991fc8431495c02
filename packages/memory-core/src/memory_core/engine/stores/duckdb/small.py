"""The candidates of a search in a store of moderate size: small statements bring numbers, NumPy makes scores of them.

The same as `large`, where the formulas are explained, without the price of a large statement. All statements are of the
caller's transaction, hence of one moment.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.engine.ports import Probe
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.scope import Condition
from memory_core.engine.stores.duckdb.scored import Scored
from memory_core.engine.stores.duckdb.vectors import VectorTable, sign_words

# Up to so many memories in the store, all are compared exactly: to leave some out costs more than to compare them.
EXACT = 2_000
# From so many memories outside the scope, it pays to leave out their postings before they are brought.
OUTSIDE = 20_000

SCOPED = "SELECT doc, dl FROM memories WHERE {scope}"
HITS = """
SELECT list_position($terms, term) - 1 AS term, doc, tf
FROM (SELECT term, doc, tf FROM postings UNION ALL SELECT term, doc, tf FROM postings_delta)
WHERE term = ANY($terms) {inside}
"""
INSIDE = "AND doc IN (SELECT doc FROM memories WHERE {scope})"
SIGNS = "SELECT doc, {words} FROM {vectors}"
PRODUCTS = "SELECT doc, array_inner_product(embedding, $vector::FLOAT[{dimension}]) AS product FROM {vectors}"
PRODUCTS_OF = f"{PRODUCTS} WHERE doc = ANY($docs::BIGINT[])"

Places = NDArray[np.intp]  # which documents of the scope, as indices of its arrays
Scores = NDArray[np.float64]  # one for each document of the scope


class Documents(Struct, frozen=True):
    """The scope searched: its revisions, ascending, and how many terms each has."""

    docs: NDArray[np.int64]
    lengths: NDArray[np.float64]

    def find(self, docs: NDArray[np.int64]) -> tuple[NDArray[np.bool_], Places]:
        """Which of `docs` are in the scope, and the places of those. The scope must not be empty."""
        places = np.searchsorted(self.docs, docs)
        places[places == len(self.docs)] = 0
        inside = self.docs[places] == docs
        return inside, places[inside]


class Small:
    """A `search.Way`: the numbers of the whole scope are here after `best`, but for cosines that nobody asked for."""

    def __init__(
        self, cursor: Cursor, probe: Probe, where: Condition, table: VectorTable | None, *, total: int
    ) -> None:
        self._cursor = cursor
        self._probe = probe
        self._where = where
        self._table = table
        self._total = total
        self._scope = _documents(cursor, where)
        self._bm25 = self._coverage = np.zeros(len(self._scope.docs))
        self._cosine = np.full(len(self._scope.docs), np.nan)
        self._compared = np.zeros(len(self._scope.docs), dtype=np.bool_)

    def best(self) -> Sequence[int]:
        scope, probe = self._scope, self._probe
        if not len(scope.docs):
            return []
        best = np.empty(0, dtype=np.intp)
        if probe.terms:
            outside = self._total - len(scope.docs)
            self._bm25, self._coverage = _bm25(self._cursor, probe, scope, self._where if outside > OUTSIDE else None)
            best = _best(self._bm25, np.flatnonzero(self._bm25), probe.pool)
        if self._table is not None:
            near = None if self._total <= EXACT else _near(self._cursor, probe, scope, self._table)
            self._compare(None if near is None else np.union1d(near, best))
            listed = np.arange(len(scope.docs)) if near is None else near
            best = np.union1d(best, _best(self._cosine, listed[~np.isnan(self._cosine[listed])], probe.pool))
        chosen: list[int] = scope.docs[best].tolist()
        return chosen

    def scores(self, docs: Iterable[int]) -> dict[int, Scored]:
        wanted = np.fromiter(docs, dtype=np.int64)
        _, places = self._scope.find(wanted)
        missing = places[~self._compared[places]]
        if self._table is not None and len(missing):
            self._compare(missing)
        return {
            int(doc): Scored(
                bm25=float(self._bm25[place]),
                coverage=min(1.0, float(self._coverage[place])),
                cosine=_known(self._cosine[place]),
            )
            for doc, place in zip(wanted, places, strict=True)
        }

    def _compare(self, only: Places | None) -> None:
        assert self._table is not None, "asked for only with a table to compare with"  # noqa: S101
        found = _cosine(self._cursor, self._probe, self._scope, self._table, only)
        places = np.arange(len(found)) if only is None else only
        self._cosine[places] = found[places]
        self._compared[places] = True


def _documents(cursor: Cursor, where: Condition) -> Documents:
    found = cursor.execute(SCOPED.format(scope=where.sql), where.values).fetchnumpy()
    order = np.argsort(found["doc"], kind="stable")
    return Documents(np.asarray(found["doc"][order]), np.asarray(found["dl"][order], dtype=np.float64))


def _bm25(cursor: Cursor, probe: Probe, scope: Documents, where: Condition | None) -> tuple[Scores, Scores]:
    """BM25 and coverage. With `where`, what is outside is not even brought."""
    values: dict[str, Any] = {"terms": list(probe.terms)}
    inside = ""
    if where is not None:
        inside, values = INSIDE.format(scope=where.sql), values | where.values
    hits = cursor.execute(HITS.format(inside=inside), values).fetchnumpy()
    found, places = scope.find(hits["doc"])
    term, tf = hits["term"][found], hits["tf"][found].astype(np.float64)
    df = np.bincount(term, minlength=len(probe.terms))
    idf = np.log(1 + (len(scope.docs) - df + 0.5) / (df + 0.5))
    length = scope.lengths[places] / scope.lengths.mean()
    scores = idf[term] * tf / (tf + probe.k1 * (1 - probe.b + probe.b * length))
    share = np.log(1 + (len(scope.docs) + probe.coverage_prior - df + 0.5) / (df + 0.5))
    share /= share.sum()
    return _summed(places, scores, scope), _summed(places, share[term], scope)


def _summed(places: Places, numbers: Scores, scope: Documents) -> Scores:
    return np.bincount(places, weights=numbers, minlength=len(scope.docs)).astype(np.float64)


def _near(cursor: Cursor, probe: Probe, scope: Documents, table: VectorTable) -> Places:
    """The documents of the pieces whose signs differ least from the probe's."""
    if len(scope.docs) <= probe.coarse_pool:
        return np.arange(len(scope.docs))
    found = cursor.execute(SIGNS.format(words=", ".join(table.words), vectors=table.name)).fetchnumpy()
    inside, places = scope.find(found["doc"])
    signs = sign_words(_vector(probe)[np.newaxis])[0]
    distance = np.zeros(len(inside), dtype=np.int64)
    for word, sign in zip(table.words, signs, strict=True):
        distance += np.bitwise_count(found[word] ^ sign)
    # One number to order by: the distance, then the document.
    key = distance[inside] * len(scope.docs) + places
    nearest = np.argpartition(key, probe.coarse_pool)[: probe.coarse_pool] if len(key) > probe.coarse_pool else key >= 0
    return np.unique(places[nearest])


def _cosine(cursor: Cursor, probe: Probe, scope: Documents, table: VectorTable, only: Places | None) -> Scores:
    """NaN for what was not compared, or has no vector."""
    values: dict[str, Any] = {"vector": _vector(probe).tolist()}
    question = PRODUCTS
    if only is not None:
        question = PRODUCTS_OF
        values["docs"] = scope.docs[only].tolist()
    found = cursor.execute(question.format(vectors=table.name, dimension=table.model.dimension), values).fetchnumpy()
    inside, places = scope.find(found["doc"])
    best = np.full(len(scope.docs), -np.inf)
    np.maximum.at(best, places, found["product"][inside])
    pieces = np.bincount(places, minlength=len(best))
    return np.where(pieces > 0, best - probe.piece_penalty * np.log(np.maximum(pieces, 1)), np.nan)


def _best(scores: Scores, listed: Places, pool: int) -> Places:
    """Of equal ones the older."""
    return listed[np.argsort(-scores[listed], kind="stable")[:pool]]


def _known(cosine: np.float64) -> float | None:
    return None if np.isnan(cosine) else float(cosine)


def _vector(probe: Probe) -> NDArray[np.float32]:
    assert probe.vector is not None, "asked for only with a table to compare with"  # noqa: S101
    return np.asarray(probe.vector.numbers, dtype=np.float32)
