"""The signs of all vectors of one model, in memory: 48 bytes a vector of 384 numbers, compared 64 numbers at a time.

The first pass of a search by meaning (Hamming distance of signs, Charikar 2002). Which rows are near enough is decided
here; the numbers themselves stay in the database.
"""

from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.vectors import VectorTable

BLOCK = 1 << 16  # rows that are compared at once, so that they stay near the processor, and copied when one is added

ROWS = "SELECT rowid, doc, b0 FROM {vectors}"
SIGNS = "SELECT {words} FROM {vectors} WHERE rowid >= $first"

Words = NDArray[np.uint64]


class Pieces(Struct, frozen=True, kw_only=True):
    """The rows of a table of vectors in its order, as one snapshot has them."""

    table: VectorTable
    rowids: NDArray[np.int64]
    docs: NDArray[np.int64]
    blocks: tuple[Words, ...]  # of shape (words, up to BLOCK rows)
    order: NDArray[np.intp]  # places by document, those of one document as they stand
    sorted_docs: NDArray[np.int64]

    def places_within(self, docs: NDArray[np.int64]) -> NDArray[np.intp]:
        """Of many documents, ascending: by a table of all numbers that documents have."""
        if not len(self.docs):
            return np.empty(0, dtype=np.intp)
        within = np.zeros(int(self.sorted_docs[-1]) + 1, dtype=np.bool_)
        within[docs[docs < len(within)]] = True
        return np.flatnonzero(within[self.docs])

    def places_of(self, docs: NDArray[np.int64]) -> NDArray[np.intp]:
        """Of a few documents: by bisection."""
        starts = np.searchsorted(self.sorted_docs, docs, side="left")
        counts = np.searchsorted(self.sorted_docs, docs, side="right") - starts
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.asarray(self.order[np.repeat(starts, counts) + within])

    def nearest(self, signs: Words, places: NDArray[np.intp], count: int) -> NDArray[np.int64]:
        """The documents of the `count` pieces at `places` whose signs differ least; of equal ones the older."""
        docs = self.docs
        distance = self._distances(signs)
        if len(places) < len(docs):
            docs, distance = docs[places], distance[places]
        if len(docs) <= count:
            return np.unique(docs)
        border = int(np.searchsorted(np.cumsum(np.bincount(distance)), count))
        nearer = docs[distance < border]
        on_it = np.sort(docs[distance == border])
        return np.unique(np.concatenate([nearer, on_it[: count - len(nearer)]]))

    def _distances(self, signs: Words) -> NDArray[np.uint16]:
        distance = np.zeros(len(self.docs), dtype=np.uint16)
        start = 0
        for block in self.blocks:
            part = distance[start : start + block.shape[1]]
            for word, sign in zip(block, signs, strict=True):
                part += np.bitwise_count(word ^ sign)
            start += block.shape[1]
        return distance


def read_pieces(cursor: Cursor, table: VectorTable, before: Pieces | None) -> Pieces:
    """As the snapshot of `cursor` has them. Of `before`, what leads the table unchanged is not read again."""
    found = cursor.execute(ROWS.format(vectors=table.name)).fetchnumpy()
    rowids, docs = np.asarray(found["rowid"], dtype=np.int64), np.asarray(found["doc"], dtype=np.int64)
    blocks = _unchanged(before, table, docs, found["b0"])
    kept = sum(block.shape[1] for block in blocks)
    if kept < len(docs):
        question = SIGNS.format(words=", ".join(table.words), vectors=table.name)
        new = cursor.execute(question, {"first": int(rowids[kept])}).fetchnumpy()
        blocks = _extended(blocks, np.stack([np.asarray(new[word], dtype=np.uint64) for word in table.words]))
    order = np.argsort(docs, kind="stable")
    return Pieces(table=table, rowids=rowids, docs=docs, blocks=blocks, order=order, sorted_docs=docs[order])


def _unchanged(
    before: Pieces | None, table: VectorTable, docs: NDArray[np.int64], first_words: Words
) -> tuple[Words, ...]:
    """All blocks or none. Tidying removes rows, and then all are read again."""
    if before is None or (before.table.key, before.table.model) != (table.key, table.model):
        return ()
    known = len(before.docs)
    same = np.array_equal(docs[:known], before.docs)
    borders = np.cumsum([0, *(block.shape[1] for block in before.blocks)])
    for block, (start, end) in zip(before.blocks, pairwise(borders), strict=True):
        same = same and np.array_equal(first_words[start:end], block[0])
    return before.blocks if same else ()


def _extended(blocks: tuple[Words, ...], new: Words) -> tuple[Words, ...]:
    """Earlier blocks are shared with searches under way: the last is copied when it grows."""
    if blocks and blocks[-1].shape[1] < BLOCK:
        *full, last = blocks
        blocks, new = tuple(full), np.concatenate([last, new], axis=1)
    return (*blocks, *(np.ascontiguousarray(new[:, at : at + BLOCK]) for at in range(0, new.shape[1], BLOCK)))
