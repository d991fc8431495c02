"""The signs of all vectors of one model, in memory: 48 bytes a vector of 384 numbers, compared 64 numbers at a time.

The first pass of a search by meaning (Hamming distance of signs, Charikar 2002). Which rows are near enough is decided
here; the numbers themselves stay in the database, unless they are so few that all of them are compared at once.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.engine.ports import Vectors
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.vectors import VectorTable, sign_words

BLOCK = 1 << 16  # rows that are compared at once, so that they stay near the processor, and copied when one is added
EXACT = 20_000  # rows up to which the numbers are resident too; of 384 numbers they take 30 MB
CHUNK = 1 << 11  # rows of numbers that are copied when one is added

ROWS = "SELECT rowid, doc, b0 FROM {vectors}"
NEW_ROWS = "SELECT doc, {words} FROM {vectors} WHERE rowid >= $first"
NUMBERS = "SELECT unnest(embedding) AS number FROM (SELECT embedding FROM {vectors} WHERE rowid >= $first)"
ALL_ROWS = "SELECT rowid, doc, {words} FROM {vectors}"

Words = NDArray[np.uint64]
Docs = NDArray[np.int64]
Places = NDArray[np.intp]  # which rows, as indices


class Pieces(Struct, frozen=True, kw_only=True):
    """The rows of a table of vectors in its order, as one snapshot has them."""

    table: VectorTable
    rowids: NDArray[np.int64]
    docs: Docs
    blocks: tuple[Words, ...]  # of shape (words, up to BLOCK rows)
    numbers: tuple[Vectors, ...]  # of shape (up to CHUNK rows, dimension); none where there are more than EXACT rows
    order: Places  # by document, those of one document as they stand
    sorted_docs: Docs

    def places_within(self, docs: Docs) -> Places:
        """Of many documents, ascending: by a table of all numbers that documents have."""
        if not len(self.docs):
            return np.empty(0, dtype=np.intp)
        within = np.zeros(int(self.sorted_docs[-1]) + 1, dtype=np.bool_)
        within[docs[docs < len(within)]] = True
        return np.flatnonzero(within[self.docs])

    def places_of(self, docs: Docs) -> Places:
        """Of a few documents: by bisection."""
        starts = np.searchsorted(self.sorted_docs, docs, side="left")
        counts = np.searchsorted(self.sorted_docs, docs, side="right") - starts
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.asarray(self.order[np.repeat(starts, counts) + within])

    def products(self, vector: NDArray[np.float32]) -> NDArray[np.float64] | None:
        """Of every row with `vector`; null where the numbers are not resident."""
        if not self.numbers:
            return None
        # No `@`: BLAS would use several threads, which wait for each other 40 ms where the machine is busy.
        return np.concatenate([np.vecdot(chunk, vector) for chunk in self.numbers]).astype(np.float64)

    def nearest(self, signs: Words, places: Places, count: int) -> Docs:
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
    if before is None or (before.table.key, before.table.model) != (table.key, table.model):
        return _read(cursor, table)
    found = cursor.execute(ROWS.format(vectors=table.name)).fetchnumpy()
    rowids, docs = found["rowid"], found["doc"]
    known = len(before.docs)
    if not (np.array_equal(docs[:known], before.docs) and _begin_with(found["b0"], before.blocks)):
        return _read(cursor, table)
    if known == len(docs):
        return _pieces(cursor, table, rowids, docs, before.blocks, before.numbers)
    question = NEW_ROWS.format(words=", ".join(table.words), vectors=table.name)
    new = cursor.execute(question, {"first": int(rowids[known])}).fetchnumpy()
    if not np.array_equal(new["doc"], docs[known:]):
        return _read(cursor, table)  # a checkpoint has moved rows between the two statements
    return _pieces(cursor, table, rowids, docs, _extended(before.blocks, _words(table, new)), before.numbers)


def _read(cursor: Cursor, table: VectorTable) -> Pieces:
    found = cursor.execute(ALL_ROWS.format(words=", ".join(table.words), vectors=table.name)).fetchnumpy()
    return _pieces(cursor, table, found["rowid"], found["doc"], _extended((), _words(table, found)), ())


def _pieces(
    cursor: Cursor,
    table: VectorTable,
    rowids: NDArray[np.int64],
    docs: Docs,
    blocks: tuple[Words, ...],
    numbers: tuple[Vectors, ...],
) -> Pieces:
    order = np.argsort(docs, kind="stable")
    return Pieces(
        table=table,
        rowids=rowids,
        docs=docs,
        blocks=blocks,
        numbers=_numbers(cursor, table, rowids, blocks, numbers) if len(docs) <= EXACT else (),
        order=order,
        sorted_docs=docs[order],
    )


def _numbers(
    cursor: Cursor,
    table: VectorTable,
    rowids: NDArray[np.int64],
    blocks: tuple[Words, ...],
    before: tuple[Vectors, ...],
) -> tuple[Vectors, ...]:
    """`before`, which leads them, and what is new; none if a checkpoint has moved rows since `blocks` were read."""
    known = sum(map(len, before))
    if known == len(rowids):
        return before
    question = NUMBERS.format(vectors=table.name)
    values = cursor.execute(question, {"first": int(rowids[known])}).fetchnumpy()["number"]
    new = np.asarray(values, dtype=np.float32).reshape(-1, table.model.dimension)
    if not np.array_equal(sign_words(new).T, np.concatenate(blocks, axis=1)[:, known:]):
        return ()
    if before and len(before[-1]) < CHUNK:
        *full, last = before
        before, new = tuple(full), np.concatenate([last, new])
    return (*before, *(np.ascontiguousarray(new[at : at + CHUNK]) for at in range(0, len(new), CHUNK)))


def _begin_with(first_words: Words, blocks: tuple[Words, ...]) -> bool:
    """Whether the signs are those of `blocks`, as far as the first word of each row says."""
    borders = pairwise(np.cumsum([0, *(block.shape[1] for block in blocks)]).tolist())
    return all(
        np.array_equal(first_words[start:end], block[0]) for block, (start, end) in zip(blocks, borders, strict=True)
    )


def _words(table: VectorTable, found: Mapping[str, Words]) -> Words:
    return np.stack([found[word] for word in table.words])


def _extended(blocks: tuple[Words, ...], new: Words) -> tuple[Words, ...]:
    """Earlier blocks are shared with searches under way: the last is copied when it grows."""
    if blocks and blocks[-1].shape[1] < BLOCK:
        *full, last = blocks
        blocks, new = tuple(full), np.concatenate([last, new], axis=1)
    return (*blocks, *(np.ascontiguousarray(new[:, at : at + BLOCK]) for at in range(0, new.shape[1], BLOCK)))
