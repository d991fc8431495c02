"""What the product is measured against: grep, and the founding document's search. Both run here, beside the server."""

import hashlib
import string
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.plain import PlainMemories
from benchmarks.retrieval.datasets import Group, QuestionSet, as_memories
from benchmarks.retrieval.metrics import DEPTH
from benchmarks.retrieval.product import Hit
from memory_core.engine.embedders.onnx import OnnxEmbedder, load_embedder
from memory_core.engine.ports import EmbedderOptions, Vectors

MODEL = "all-MiniLM-L6-v2"
_THREADS = 2
_MIN_WORD_CHARS = 3
_BATCH = 256


def grep(questions: QuestionSet) -> Iterator[list[Hit]]:
    """By how many of the question's words stand somewhere in the text, as they are; equal ones as they come."""
    for group in questions.groups:
        texts = [(item.id, item.text.casefold()) for item in group.memories]
        for query in group.queries:
            words = _words(query.text)
            counts = [Hit(item_id, sum(word in text for word in words)) for item_id, text in texts]
            yield sorted((hit for hit in counts if hit.score), key=lambda hit: -hit.score)[:DEPTH]


class Plain:
    """The whole question as one phrase (ILIKE), cosine of the bare content, reciprocal ranks with k = 60.

    As its model does, it reads the first 256 tokens of a text. Vectors are kept in `folder`, by the texts they are of.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._embedder: OnnxEmbedder | None = None

    def rankings(self, questions: QuestionSet) -> Iterator[list[Hit]]:
        for group in questions.groups:
            yield from self._group(questions.name, group)

    def _group(self, name: str, group: Group) -> Iterator[list[Hit]]:
        memories = as_memories(name, group)
        names = {memory.id: item.id for memory, item in zip(memories, group.memories, strict=True)}
        with tempfile.TemporaryDirectory() as folder:
            plain = PlainMemories(Path(folder) / "plain.duckdb", threads=_THREADS)
            plain.insert(memories, self._vectors([item.text for item in group.memories]))
            vectors = self._vectors([query.text for query in group.queries])
            for query, vector in zip(group.queries, vectors, strict=True):
                ids = plain.search(query.text, vector, limit=DEPTH)
                # It tells no score; the place stands in.
                yield [Hit(names[each], 1 / place) for place, each in enumerate(ids, start=1)]
            plain.close()

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        path = self._folder / f"plain-{hashlib.sha256(chr(0).join(texts).encode()).hexdigest()[:32]}.npy"
        if not path.exists():
            np.save(path, self._embed(texts))
        vectors: Vectors = np.load(path)
        return vectors

    def _embed(self, texts: Sequence[str]) -> Vectors:
        if self._embedder is None:
            options = EmbedderOptions(cache_dir=self._folder / "models", download=False, threads=_THREADS)
            self._embedder = load_embedder(MODEL, options)
        beginnings = [self._embedder.pieces(text)[0] for text in texts]
        batches = [beginnings[start : start + _BATCH] for start in range(0, len(beginnings), _BATCH)]
        return np.concatenate([self._embedder.embed(batch) for batch in batches])


def _words(text: str) -> set[str]:
    stripped = (word.strip(string.punctuation) for word in text.casefold().split())
    return {word for word in stripped if len(word) >= _MIN_WORD_CHARS}
