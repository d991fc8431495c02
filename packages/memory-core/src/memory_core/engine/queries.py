"""The vectors of the last queries: people and agents ask the same again."""

import threading
from collections import OrderedDict

from memory_core.engine.ports import ModelIdentity, QueryVector

REMEMBERED = 256

_Key = tuple[ModelIdentity, str]


class Queries:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._vectors: OrderedDict[_Key, QueryVector] = OrderedDict()

    def get(self, model: ModelIdentity, text: str) -> QueryVector | None:
        with self._lock:
            if (model, text) in self._vectors:
                self._vectors.move_to_end((model, text))
            return self._vectors.get((model, text))

    def put(self, text: str, vector: QueryVector) -> None:
        vector.numbers.setflags(write=False)  # one array for all who ask
        with self._lock:
            self._vectors[vector.model, text] = vector
            if len(self._vectors) > REMEMBERED:
                self._vectors.popitem(last=False)
