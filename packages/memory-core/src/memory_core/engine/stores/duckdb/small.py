"""The candidates of a search from what is resident: small statements bring numbers, NumPy makes scores of them.

The same as `large`, where the formulas are explained, without the price of a large statement and of a pass over every
vector's row. All statements are of the caller's transaction, hence of one moment.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.engine.ports import Probe
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.pieces import Docs, Pieces
from memory_core.engine.stores.duckdb.resident import Documents, Moment
from memory_core.engine.stores.duckdb.scope import Condition
from memory_core.engine.stores.duckdb.scored import Scored
from memory_core.engine.stores.duckdb.vectors import VectorTable, sign_words

HITS = """
SELECT list_position($terms::VARCHAR[], term) - 1 AS term, doc, tf, dl
FROM (SELECT term, doc, tf, dl FROM postings UNION ALL SELECT term, doc, tf, dl FROM postings_delta)
WHERE term = ANY($terms::VARCHAR[])
"""
PRODUCTS = """
SELECT doc, array_inner_product(embedding, $vector::FLOAT[{dimension}]) AS product FROM {vectors}
WHERE {column} = ANY($values::BIGINT[])
"""

Scores = NDArray[np.float64]  # one for each of some revisions


class Words(Struct, frozen=True, kw_only=True):
    """What the terms say of each revision that has some of them."""

    docs: Docs = np.empty(0, dtype=np.int64)
    bm25: Scores = np.empty(0)
    coverage: Scores = np.empty(0)

    def of(self, doc: int) -> tuple[float, float]:
        place = int(np.searchsorted(self.docs, doc))
        if place == len(self.docs) or self.docs[place] != doc:
            return 0.0, 0.0
        return float(self.bm25[place]), min(1.0, float(self.coverage[place]))


class Small:
    """A `search.Way`. Cosines are known of what was compared, which is asked for when another one is needed."""

    def __init__(
        self, cursor: Cursor, probe: Probe, where: Condition, table: VectorTable | None, moment: Moment
    ) -> None:
        self._cursor = cursor
        self._probe = probe
        self._where = where
        self._table = table
        self._moment = moment
        self._scope = moment.documents(cursor, where)
        self._words = Words()
        self._cosines: dict[int, float | None] = {}
        self._products_of_all: Scores | None = None

    def best(self) -> Sequence[int]:
        if not len(self._scope.docs):
            return []
        words = meaning = np.empty(0, dtype=np.int64)
        if self._probe.terms:
            self._words = _words(self._cursor, self._probe, self._scope)
            words = _best(self._words.docs, self._words.bm25, self._probe.pool)
        if self._table is not None:
            near = self._near(self._table)
            docs, cosines = self._compare(self._table, np.union1d(near, words))
            listed = np.isin(docs, near, assume_unique=True)
            meaning = _best(docs[listed], cosines[listed], self._probe.pool)
        chosen: list[int] = np.union1d(words, meaning).tolist()
        return chosen

    def scores(self, docs: Iterable[int]) -> dict[int, Scored]:
        wanted = list(docs)
        missing = [doc for doc in wanted if doc not in self._cosines]
        if self._table is not None and missing:
            self._compare(self._table, np.array(sorted(missing), dtype=np.int64))
        scores = {}
        for doc in wanted:
            bm25, coverage = self._words.of(doc)
            scores[doc] = Scored(bm25=bm25, coverage=coverage, cosine=self._cosines.get(doc))
        return scores

    def _near(self, table: VectorTable) -> Docs:
        """What is to be compared: a small scope as a whole, else the nearest of it, by signs where they are many."""
        count = self._probe.coarse_pool
        if len(self._scope.docs) <= count:
            return self._scope.docs
        pieces = self._moment.pieces(self._cursor, table)
        places = self._moment.rows(self._cursor, self._where, table)
        if (products := self._resident_products(pieces)) is None:
            return pieces.nearest(sign_words(_vector(self._probe)[np.newaxis])[0], places, count)
        if len(places) > count:
            places = places[np.argpartition(-products[places], count)[:count]]
        return np.unique(pieces.docs[places])

    def _resident_products(self, pieces: Pieces) -> Scores | None:
        if self._products_of_all is None:
            self._products_of_all = pieces.products(_vector(self._probe))
        return self._products_of_all

    def _compare(self, table: VectorTable, docs: Docs) -> tuple[Docs, Scores]:
        """Those of `docs` that have a vector, and their cosines."""
        found, products = self._products(table, docs)
        known, places, pieces = np.unique(found, return_inverse=True, return_counts=True)
        best = np.full(len(known), -np.inf)
        np.maximum.at(best, places, products)
        cosines = best - self._probe.piece_penalty * np.log(pieces)
        self._cosines |= dict.fromkeys(docs.tolist()) | dict(zip(known.tolist(), cosines.tolist(), strict=True))
        return known, cosines

    def _products(self, table: VectorTable, docs: Docs) -> tuple[Docs, Scores]:
        """Of each piece of `docs`."""
        pieces = self._moment.pieces(self._cursor, table)
        places = pieces.places_of(docs)
        if (products := self._resident_products(pieces)) is not None:
            return pieces.docs[places], products[places]
        found, some = self._asked_products(table, "rowid", pieces.rowids[places])
        if np.array_equal(np.sort(found), np.sort(pieces.docs[places])):
            return found, some
        # A checkpoint moves rows under a snapshot that is open: they are where they were no more.
        return self._asked_products(table, "doc", docs)

    def _asked_products(self, table: VectorTable, column: str, values: NDArray[np.int64]) -> tuple[Docs, Scores]:
        question = PRODUCTS.format(column=column, vectors=table.name, dimension=table.model.dimension)
        asked = {"vector": _vector(self._probe).tolist(), "values": values.tolist()}
        found = self._cursor.execute(question, asked).fetchnumpy()
        return np.asarray(found["doc"]), np.asarray(found["product"], dtype=np.float64)


def _words(cursor: Cursor, probe: Probe, scope: Documents) -> Words:
    hits = cursor.execute(HITS, {"terms": list(probe.terms)}).fetchnumpy()
    inside = scope.has(hits["doc"])
    term, tf, length = hits["term"][inside], hits["tf"][inside].astype(np.float64), hits["dl"][inside]
    size, df = len(scope.docs), np.bincount(term, minlength=len(probe.terms))
    idf = np.log(1 + (size - df + 0.5) / (df + 0.5))
    scores = idf[term] * tf / (tf + probe.k1 * (1 - probe.b + probe.b * length / scope.mean_length))
    share = np.log(1 + (size + probe.coverage_prior - df + 0.5) / (df + 0.5))
    share /= share.sum()
    docs, places = np.unique(hits["doc"][inside], return_inverse=True)
    return Words(docs=docs, bm25=_summed(places, scores), coverage=_summed(places, share[term]))


def _summed(places: NDArray[np.intp], numbers: Scores) -> Scores:
    return np.bincount(places, weights=numbers).astype(np.float64, copy=False)


def _best(docs: Docs, scores: Scores, pool: int) -> Docs:
    """Of equal ones the older."""
    if len(docs) > pool:
        high = scores >= np.partition(scores, -pool)[-pool]
        docs, scores = docs[high], scores[high]
    return docs[np.argsort(-scores, kind="stable")[:pool]]


def _vector(probe: Probe) -> NDArray[np.float32]:
    assert probe.vector is not None, "asked for only with a table to compare with"  # noqa: S101
    return np.asarray(probe.vector.numbers, dtype=np.float32)
