"""The candidates of a search in one statement, for stores of any size: BM25 over postings, cosine over vectors.

BM25 is Lucene's form (Robertson & Zaragoza 2009, without k1 + 1). N, df and the average length are those of the scope
searched, so that no score tells anything of other projects. The semantic side first compares signs (Hamming distance,
Charikar 2002) and then what is left exactly: a scope of at most `coarse_pool` pieces is compared exactly as a whole.
Members that only one side listed get the other's score too.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory_core.engine.ports import Probe
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.scope import Condition
from memory_core.engine.stores.duckdb.scored import Scored
from memory_core.engine.stores.duckdb.vectors import VectorTable, sign_words

CANDIDATES = """
WITH scoped AS MATERIALIZED (SELECT doc, dl FROM {scope}),
{lexical},
{semantic},
chosen AS (SELECT doc FROM lexical_best UNION SELECT doc FROM semantic_best)
SELECT doc, coalesce(lexical.bm25, 0.0), coalesce(lexical.coverage, 0.0), semantic.cosine
FROM chosen LEFT JOIN lexical USING (doc) LEFT JOIN semantic USING (doc)
"""
LEXICAL = """
totals AS (SELECT count(*)::DOUBLE AS n, avg(dl) AS average FROM scoped),
hits AS MATERIALIZED (
    SELECT term, doc, tf, dl FROM (
        SELECT term, doc, tf, dl FROM postings WHERE term = ANY($terms)
        UNION ALL
        SELECT term, doc, tf, dl FROM postings_delta WHERE term = ANY($terms)
    )
    WHERE doc IN (SELECT doc FROM scoped)
),
found AS (SELECT term, count(*) AS df FROM hits GROUP BY term),
weights AS (
    SELECT term, ln(1 + (n - coalesce(df, 0) + 0.5) / (coalesce(df, 0) + 0.5)) AS idf,
        ln(1 + (n + $coverage_prior - coalesce(df, 0) + 0.5) / (coalesce(df, 0) + 0.5)) AS share
    FROM (SELECT unnest($terms::VARCHAR[]) AS term) LEFT JOIN found USING (term), totals
),
lexical AS (
    SELECT doc, sum(idf * tf / (tf + $k1 * (1 - $b + $b * dl / average))) AS bm25,
        least(1.0, sum(share) / (SELECT sum(share) FROM weights)) AS coverage
    FROM hits JOIN weights USING (term), totals GROUP BY doc
),
{best}
"""
BEST = "lexical_best AS (SELECT doc FROM lexical ORDER BY bm25 DESC, doc LIMIT $pool)"
NO_LEXICAL = """
lexical AS (SELECT NULL::BIGINT AS doc, 0.0::DOUBLE AS bm25, 0.0::DOUBLE AS coverage WHERE false),
{best}
"""
# By row number, because that reads the embeddings of those rows and no others.
SEMANTIC = """
{near},
compared AS (SELECT doc FROM near UNION SELECT doc FROM lexical_best),
semantic AS MATERIALIZED (
    SELECT doc, max(array_inner_product(embedding, $vector::FLOAT[{dimension}]))::DOUBLE
        - $piece_penalty * ln(count(*)) AS cosine
    FROM {vectors} WHERE rowid IN (SELECT rowid FROM {vectors} WHERE doc IN (SELECT doc FROM compared))
    GROUP BY doc
),
semantic_best AS (
    SELECT doc FROM semantic WHERE doc IN (SELECT doc FROM near) ORDER BY cosine DESC, doc LIMIT $pool
)
"""
NEAR = """
near AS (
    SELECT doc FROM {vectors} WHERE doc IN (SELECT doc FROM scoped)
    ORDER BY {distance}, doc, piece LIMIT $coarse_pool
)
"""
# Of given revisions: the statement is the same, only who is chosen is not asked.
GIVEN_LEXICAL = "lexical_best AS (SELECT unnest($docs::BIGINT[]) AS doc)"
GIVEN_NEAR = "near AS (SELECT NULL::BIGINT AS doc WHERE false)"
NO_SEMANTIC = """
semantic AS (SELECT NULL::BIGINT AS doc, NULL::DOUBLE AS cosine WHERE false),
semantic_best AS (SELECT doc FROM semantic)
"""
# bit_count gives a TINYINT, whose sum overflows.
DISTANCE_OF_WORD = "bit_count(xor({word}, ${word}::UBIGINT))::USMALLINT"

_MENTIONED = re.compile(r"\$(\w+)")


class Large:
    """A `search.Way`: nothing is brought here but the scores of what is chosen."""

    def __init__(self, cursor: Cursor, probe: Probe, where: Condition, table: VectorTable | None) -> None:
        self._cursor = cursor
        self._probe = probe
        self._where = where
        self._table = table
        self._known: dict[int, Scored] = {}

    def best(self) -> Sequence[int]:
        near = "" if self._table is None else _near(self._table)
        self._known = self._asked(best=BEST, near=near, values={"pool": self._probe.pool})
        return list(self._known)

    def scores(self, docs: Iterable[int]) -> dict[int, Scored]:
        missing = [doc for doc in docs if doc not in self._known]
        if missing:
            self._known |= self._asked(best=GIVEN_LEXICAL, near=GIVEN_NEAR, values={"docs": missing, "pool": 0})
        return self._known

    def _asked(self, *, best: str, near: str, values: dict[str, Any]) -> dict[int, Scored]:
        probe, table = self._probe, self._table
        values = values | self._where.values
        lexical, semantic = NO_LEXICAL, NO_SEMANTIC
        if probe.terms:
            lexical = LEXICAL
            values |= {
                "terms": list(probe.terms),
                "k1": probe.k1,
                "b": probe.b,
                "coverage_prior": float(probe.coverage_prior),
            }
        if table is not None and probe.vector is not None:
            semantic = SEMANTIC.format(vectors=table.name, near=near.strip(), dimension=table.model.dimension)
            values |= _semantic_values(probe, probe.vector.numbers, table)
        statement = CANDIDATES.format(
            scope=self._where.sql, lexical=lexical.format(best=best).strip(), semantic=semantic.strip()
        )
        rows = self._cursor.execute(statement, _used(statement, values)).fetchall()
        return {doc: Scored(bm25=bm25, coverage=coverage, cosine=cosine) for doc, bm25, coverage, cosine in rows}


def _near(table: VectorTable) -> str:
    distance = " + ".join(DISTANCE_OF_WORD.format(word=word) for word in table.words)
    return NEAR.format(vectors=table.name, distance=distance)


def _used(statement: str, values: dict[str, Any]) -> dict[str, Any]:
    """DuckDB refuses values that a statement does not mention."""
    mentioned = set(_MENTIONED.findall(statement))
    return {name: value for name, value in values.items() if name in mentioned}


def _semantic_values(
    probe: Probe,
    numbers: NDArray[np.float32],
    table: VectorTable,
) -> dict[str, Any]:
    vector = np.asarray(numbers, dtype=np.float32)
    signs = sign_words(vector[np.newaxis])[0].tolist()
    return dict(zip(table.words, signs, strict=True)) | {
        "vector": vector.tolist(),
        "coarse_pool": probe.coarse_pool,
        "piece_penalty": probe.piece_penalty,
    }
