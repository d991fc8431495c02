"""What many peers are built on, to measure against: SQLite with sqlite-vec (exact) and FTS5, joined by ranks."""

from pathlib import Path

import apsw
import sqlite_vec

from benchmarks.synthetic import DIMENSION, Vectors
from memory_core.types import Memory

CREATE = (
    "CREATE TABLE memories (rowid INTEGER PRIMARY KEY, id TEXT UNIQUE, content TEXT, project_id TEXT)",
    "CREATE VIRTUAL TABLE words USING fts5(content, content='memories', tokenize='porter unicode61')",
    f"CREATE VIRTUAL TABLE vectors USING vec0(embedding float[{DIMENSION}] distance_metric=cosine)",
)
INSERT = "INSERT INTO memories (rowid, id, content, project_id) VALUES (?, ?, ?, ?)"
INSERT_WORDS = "INSERT INTO words (rowid, content) VALUES (?, ?)"
INSERT_VECTOR = "INSERT INTO vectors (rowid, embedding) VALUES (?, ?)"
BY_WORDS = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words) LIMIT ?"
BY_MEANING = "SELECT rowid FROM vectors WHERE embedding MATCH ? AND k = ? ORDER BY distance"
READ = "SELECT id, content FROM memories WHERE rowid = ?"


class SqliteMemories:
    def __init__(self, path: Path) -> None:
        new = not path.exists()
        self._connection = apsw.Connection(str(path))
        self._connection.enable_load_extension(True)
        self._connection.load_extension(sqlite_vec.loadable_path())
        self._connection.execute("PRAGMA journal_mode = WAL")
        if new:
            for statement in CREATE:
                self._connection.execute(statement)

    def insert(self, memories: list[Memory], vectors: Vectors) -> None:
        first = self._connection.execute("SELECT coalesce(max(rowid), 0) + 1 FROM memories").fetchall()[0][0]
        rows = list(enumerate(memories, start=first))
        with self._connection:
            self._connection.executemany(INSERT, [(row, m.id, m.content, m.project_id) for row, m in rows])
            self._connection.executemany(INSERT_WORDS, [(row, m.content) for row, m in rows])
            given = [(row, vector.tobytes()) for (row, _), vector in zip(rows, vectors, strict=True)]
            self._connection.executemany(INSERT_VECTOR, given)

    def search(self, text: str, vector: Vectors, *, limit: int) -> list[str]:
        """Ids, best first."""
        words = " OR ".join(f'"{word}"' for word in text.split())
        lists = (
            self._connection.execute(BY_WORDS, (words, 2 * limit)).fetchall(),
            self._connection.execute(BY_MEANING, (vector.tobytes(), 2 * limit)).fetchall(),
        )
        scores: dict[int, float] = {}
        for rows in lists:
            for rank, (row,) in enumerate(rows, start=1):
                scores[row] = scores.get(row, 0.0) + 1 / (60 + rank)
        best = sorted(scores, key=lambda row: -scores[row])[:limit]
        return [str(self._connection.execute(READ, (row,)).fetchall()[0][0]) for row in best]

    def close(self) -> None:
        self._connection.close()
