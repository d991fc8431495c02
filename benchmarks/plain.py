"""The plain approach of the founding document, to measure against: no index, the whole question as one phrase.

Keyword: `content ILIKE '%question%'`. Meaning: `list_cosine_similarity` over every row. Both joined by reciprocal ranks
(k = 60), each half, weighted by quality and certainty.
"""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from memory_core.types import Memory

CREATE = """
CREATE TABLE IF NOT EXISTS memories (
    id VARCHAR PRIMARY KEY, content VARCHAR NOT NULL, memory_type VARCHAR, tags VARCHAR[], project_id VARCHAR,
    certainty_score FLOAT, quality_score FLOAT, created_at TIMESTAMP, embedding FLOAT[]
)
"""
# How the founding implementation adds one; for many, columns and one long list of numbers, or it would take hours.
INSERT_ONE = "INSERT INTO memories VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_MANY = """
INSERT INTO memories
SELECT rows.* EXCLUDE (place), embedding
FROM (
    SELECT unnest(range(len($id))) AS place, unnest($id::VARCHAR[]), unnest($content::VARCHAR[]),
        unnest($memory_type::VARCHAR[]), unnest($tags::VARCHAR[][]), unnest($project_id::VARCHAR[]),
        unnest($certainty_score::FLOAT[]), unnest($quality_score::FLOAT[]), unnest($created_at::TIMESTAMP[])
) AS rows
JOIN (
    SELECT place // $dimension AS place, list(number ORDER BY place) AS embedding FROM incoming GROUP BY ALL
) AS vectors USING (place)
ORDER BY place
"""
MANY = 100
COLUMNS = "id, content, memory_type, tags, project_id, certainty_score, quality_score, created_at"
KEYWORD = f"""
SELECT {COLUMNS} FROM memories WHERE content ILIKE '%' || $text || '%'
ORDER BY quality_score DESC, certainty_score DESC, created_at DESC LIMIT $pool
"""
SEMANTIC = f"""
SELECT {COLUMNS}, list_cosine_similarity(embedding, $vector::FLOAT[]) AS cosine FROM memories
WHERE embedding IS NOT NULL ORDER BY cosine DESC LIMIT $pool
"""
CERTAINTY, QUALITY, WIDTH = 5, 6, 8  # places in COLUMNS, and how many there are
# What it looks for before it inserts: what says the same already. It is told of, and inserted beside it.
ALIKE = """
SELECT id, list_cosine_similarity(embedding, $vector::FLOAT[]) AS cosine FROM memories
WHERE embedding IS NOT NULL AND cosine > 0.85 ORDER BY cosine DESC LIMIT 3
"""
ONE = f"SELECT {COLUMNS} FROM memories WHERE id = $id"
NEWEST = f"SELECT {COLUMNS} FROM memories WHERE project_id = $project ORDER BY created_at DESC LIMIT $limit"

Row = tuple[Any, ...]  # Any: as DuckDB gives it, in the order of COLUMNS


class PlainMemories:
    def __init__(self, path: Path, *, threads: int) -> None:
        self._connection = duckdb.connect(path, config={"threads": threads})
        self._connection.execute("SET enable_progress_bar = false")
        self._connection.execute(CREATE)

    def insert(self, memories: list[Memory], vectors: NDArray[np.float32]) -> None:
        rows = [
            (
                memory.id,
                memory.content,
                str(memory.memory_type),
                list(memory.tags),
                memory.project_id,
                memory.certainty_score,
                memory.quality_score,
                memory.created_at.replace(tzinfo=None),
            )
            for memory in memories
        ]
        if len(rows) < MANY:
            given = [(*row, vector.tolist()) for row, vector in zip(rows, vectors, strict=True)]
            self._connection.executemany(INSERT_ONE, given)
            return
        columns = dict(zip(COLUMNS.split(", "), map(list, zip(*rows, strict=True)), strict=True))
        self._connection.register("incoming", {"place": np.arange(vectors.size), "number": vectors.ravel()})
        self._connection.execute(INSERT_MANY, columns | {"dimension": vectors.shape[1]}).fetchall()
        self._connection.unregister("incoming")

    def checkpoint(self) -> None:
        self._connection.execute("CHECKPOINT")

    def search(self, text: str, vector: NDArray[np.float32], *, limit: int) -> list[str]:
        """Ids, best first."""
        return [row[0] for row in self.hits(text, vector, limit=limit)]

    def hits(self, text: str, vector: NDArray[np.float32], *, limit: int) -> list[Row]:
        by_words = self._connection.execute(KEYWORD, {"text": text, "pool": 2 * limit}).fetchall()
        by_meaning = self._connection.execute(SEMANTIC, {"vector": vector.tolist(), "pool": 2 * limit}).fetchall()
        scores: dict[str, float] = {}
        for rows in (by_words, by_meaning):
            for rank, row in enumerate(rows):
                weight = 0.5 + 0.3 * row[QUALITY] + 0.2 * row[CERTAINTY]
                scores[row[0]] = scores.get(row[0], 0.0) + weight * 0.5 / (60 + rank + 1)
        found = {row[0]: row[:WIDTH] for row in (*by_words, *by_meaning)}
        return [found[memory_id] for memory_id in sorted(scores, key=lambda memory_id: -scores[memory_id])[:limit]]

    def alike(self, vector: NDArray[np.float32]) -> list[str]:
        return [row[0] for row in self._connection.execute(ALIKE, {"vector": vector.tolist()}).fetchall()]

    def get(self, memory_id: str) -> Row | None:
        return self._connection.execute(ONE, {"id": memory_id}).fetchone()

    def newest(self, project_id: str, *, limit: int) -> list[Row]:
        return self._connection.execute(NEWEST, {"project": project_id, "limit": limit}).fetchall()

    def close(self) -> None:
        self._connection.close()
