"""The candidates of a search in one statement, for stores of any size: BM25 over postings, cosine over vectors.

BM25 is Lucene's form (Robertson & Zaragoza 2009, without k1 + 1). N, df and the average length are those of the scope
searched, so that no score tells anything of other projects. The semantic side first compares signs (Hamming distance,
Charikar 2002) and then what is left exactly: a scope of at most `coarse_pool` pieces is compared exactly as a whole.
Members that only one side listed get the other's score too.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory_core.engine.ports import Candidate, Probe
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import COLUMNS, WIDTH, memory_of
from memory_core.engine.stores.duckdb.scope import Condition
from memory_core.engine.stores.duckdb.vectors import VectorTable, sign_words

CANDIDATES = """
WITH scoped AS MATERIALIZED (SELECT doc, dl FROM memories WHERE {scope}),
{lexical},
{semantic},
chosen AS (SELECT doc FROM lexical_best UNION SELECT doc FROM semantic_best)
SELECT {columns}, coalesce(lexical.bm25, 0.0), coalesce(lexical.coverage, 0.0), semantic.cosine
FROM chosen JOIN memories USING (doc) LEFT JOIN lexical USING (doc) LEFT JOIN semantic USING (doc)
ORDER BY memories.doc
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
lexical_best AS (SELECT doc FROM lexical ORDER BY bm25 DESC, doc LIMIT $pool)
"""
NO_LEXICAL = """
lexical AS (SELECT NULL::BIGINT AS doc, 0.0::DOUBLE AS bm25, 0.0::DOUBLE AS coverage WHERE false),
lexical_best AS (SELECT doc FROM lexical)
"""
# By row number, because that reads the embeddings of those rows and no others.
SEMANTIC = """
near AS (
    SELECT doc FROM {vectors} WHERE doc IN (SELECT doc FROM scoped)
    ORDER BY {distance}, doc, piece LIMIT $coarse_pool
),
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
NO_SEMANTIC = """
semantic AS (SELECT NULL::BIGINT AS doc, NULL::DOUBLE AS cosine WHERE false),
semantic_best AS (SELECT doc FROM semantic)
"""
# bit_count gives a TINYINT, whose sum overflows.
DISTANCE_OF_WORD = "bit_count(xor({word}, ${word}::UBIGINT))::USMALLINT"


def candidates(cursor: Cursor, probe: Probe, where: Condition, table: VectorTable | None) -> list[Candidate]:
    """`table` is where to compare the probe's vector; null for a probe without."""
    values: dict[str, Any] = where.values | {"pool": probe.pool}
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
        distance = " + ".join(DISTANCE_OF_WORD.format(word=word) for word in table.words)
        semantic = SEMANTIC.format(vectors=table.name, distance=distance, dimension=table.model.dimension)
        values |= _semantic_values(probe, probe.vector.numbers, table)
    statement = CANDIDATES.format(columns=COLUMNS, scope=where.sql, lexical=lexical.strip(), semantic=semantic.strip())
    rows = cursor.execute(statement, values).fetchall()
    return [
        Candidate(memory=memory_of(row), bm25=row[WIDTH], coverage=row[WIDTH + 1], cosine=row[WIDTH + 2])
        for row in rows
    ]


def _semantic_values(probe: Probe, numbers: NDArray[np.float32], table: VectorTable) -> dict[str, Any]:
    vector = np.asarray(numbers, dtype=np.float32)
    signs = sign_words(vector[np.newaxis])[0].tolist()
    values = dict(zip(table.words, signs, strict=True))
    return values | {
        "vector": vector.tolist(),
        "coarse_pool": probe.coarse_pool,
        "piece_penalty": probe.piece_penalty,
    }
