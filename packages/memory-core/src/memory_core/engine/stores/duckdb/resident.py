"""What every search needs and only a write changes, kept in memory between searches: scopes, and the signs of vectors.

Derived from the database alone and never written anywhere. What is kept belongs to one number of commits (see
`Database.snapshot`). A snapshot that has seen another number reads anew and takes over only what it finds unchanged,
and one whose number is not known keeps nothing: so an answer is of the snapshot, whatever others read and write.
"""

import threading
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.pieces import Pieces, read_pieces
from memory_core.engine.stores.duckdb.scope import Condition
from memory_core.engine.stores.duckdb.vectors import VectorTable, current_table

MAX_SCOPES = 16

COUNT = "SELECT count(*) FROM memories"
SCOPED = "SELECT doc, dl FROM {scope}"


class Documents(Struct, frozen=True):
    """The scope searched: its revisions, ascending, and how many terms they have on average."""

    docs: NDArray[np.int64]
    mean_length: float

    def has(self, docs: NDArray[np.int64]) -> NDArray[np.bool_]:
        places = np.searchsorted(self.docs, docs)
        places[places == len(self.docs)] = 0
        return self.docs[places] == docs if len(self.docs) else np.zeros(len(docs), dtype=np.bool_)


class Moment:
    """What is known of the database after some number of commits. Each part is read when it is first asked for."""

    def __init__(self, before: Pieces | None = None) -> None:
        self._lock = threading.RLock()
        self._before = before
        self._table: tuple[VectorTable | None] | None = None
        self._total: int | None = None
        self._pieces: Pieces | None = None
        self._scopes: dict[tuple[Any, ...], Documents] = {}
        self._rows: dict[tuple[Any, ...], NDArray[np.intp]] = {}

    def table(self, cursor: Cursor) -> VectorTable | None:
        if self._table is None:
            self._table = (current_table(cursor),)
        return self._table[0]

    def total(self, cursor: Cursor) -> int:
        """Memories of any project, in the trash too."""
        if self._total is None:
            self._total = int(cursor.execute(COUNT).fetchall()[0][0])
        return self._total

    def documents(self, cursor: Cursor, where: Condition) -> Documents:
        with self._lock:
            key = _key(where)
            found = self._scopes.pop(key, None)
            found = _documents(cursor, where) if found is None else found
            self._scopes[key] = found  # the last again
            self._forget_scopes(self.total(cursor))
            return found

    def pieces(self, cursor: Cursor, table: VectorTable) -> Pieces:
        with self._lock:
            if self._pieces is None:
                self._pieces, self._before = read_pieces(cursor, table, self._before), None
            return self._pieces

    def rows(self, cursor: Cursor, where: Condition, table: VectorTable) -> NDArray[np.intp]:
        """Places in `pieces` of what is in scope."""
        with self._lock:
            key = _key(where)
            if key not in self._rows:
                documents, pieces = self.documents(cursor, where), self.pieces(cursor, table)
                self._rows[key] = pieces.places_within(documents.docs)
            return self._rows[key]

    def latest_pieces(self) -> Pieces | None:
        return self._pieces or self._before

    def _forget_scopes(self, total: int) -> None:
        """The longest unused, beyond a number and beyond the size of two whole stores."""
        while len(self._scopes) > 1 and (
            len(self._scopes) > MAX_SCOPES or sum(len(each.docs) for each in self._scopes.values()) > 2 * total
        ):
            oldest = next(iter(self._scopes))
            del self._scopes[oldest]
            self._rows.pop(oldest, None)


class Resident:
    """The moment of the last number of commits that was searched at."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commits = -1
        self._moment = Moment()

    def at(self, commits: int | None) -> Moment:
        """Null, or a number from before the last: a moment that only the caller has."""
        with self._lock:
            if commits == self._commits:
                return self._moment
            later = Moment(self._moment.latest_pieces())
            if commits is not None and commits > self._commits:
                self._commits, self._moment = commits, later
            return later


def _documents(cursor: Cursor, where: Condition) -> Documents:
    found = cursor.execute(SCOPED.format(scope=where.sql), where.values).fetchnumpy()
    docs = np.sort(np.asarray(found["doc"], dtype=np.int64), kind="stable")
    return Documents(docs, float(found["dl"].mean()) if len(docs) else 0.0)


def _key(where: Condition) -> tuple[Any, ...]:
    return where.sql, *sorted(where.values.items())
