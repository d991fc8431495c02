"""A request that carries a key is done once, however often it comes; each time it gets the same answer.

The answer is kept in the transaction that does the work: either both are on disk, or neither is.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from memory_core.changes import By
from memory_core.engine.ports import Answer, Store, Transaction
from memory_core.errors import InvalidError

T = TypeVar("T")

REMEMBERED = timedelta(days=90)
"""A laptop may sleep for weeks between a request whose answer was lost and the same request again."""


def once(store: Store, by: By, asked: object, kind: type[T], work: Callable[[Transaction], T], *, at: datetime) -> T:
    """`work`, or the answer that a request with the key of `by` was given. `asked` is all that the request says.

    Raises InvalidError where that was another request.
    """
    with store.transaction() as tx:
        if by.request is None:
            return work(tx)
        key = f"{by.key or ''} {by.request}"
        request = fingerprint(asked)
        known = tx.answer(key)
        if known is None:
            result = work(tx)
            tx.keep_answer(key, Answer(request=request, text=msgspec.json.encode(result).decode()), at)
            return result
        if known.request != request:
            raise InvalidError("this idempotency key came with another request before; use a new key for each request")
        return msgspec.json.decode(known.text, type=kind)


def fingerprint(asked: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(asked), digest_size=16).hexdigest()
