"""A request that carries a key is done once, however often it comes; each time it gets the same answer.

The answer is kept in the transaction that does the work: either both are on disk, or neither is.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from memory_core.changes import By
from memory_core.engine.ports import Answer, Rows, Transaction
from memory_core.engine.quotas import refuse_change
from memory_core.errors import InvalidError

T = TypeVar("T")

REMEMBERED = timedelta(days=90)
"""A laptop may sleep for weeks between a request whose answer was lost and the same request again."""


def once(store: Rows, by: By, asked: object, kind: type[T], work: Callable[[Transaction], T], *, at: datetime) -> T:
    """`work`, or the answer that a request with the key of `by` was given. `asked` is all that the request says.

    Raises InvalidError where that was another request, QuotaError where `by` may not keep so much.
    """
    with store.transaction() as tx:
        known = answered(tx, by, asked, kind)
        if known is not None:
            return known
        result = work(tx)
        refuse_change(store, tx, by)
        keep(tx, by, asked, result, at)
        return result


def answered(tx: Transaction, by: By, asked: object, kind: type[T]) -> T | None:
    """What that very request was answered; null for a new one, and for one without a key. Raises as `once` does."""
    known = None if by.request is None else tx.answer(_key(by))
    if known is None:
        return None
    if known.request != fingerprint(asked):
        raise InvalidError("this idempotency key came with another request before; use a new key for each request")
    return msgspec.json.decode(known.text, type=kind)


def keep(tx: Transaction, by: By, asked: object, result: object, at: datetime) -> None:
    if by.request is not None:
        answer = Answer(request=fingerprint(asked), text=msgspec.json.encode(result).decode())
        tx.keep_answer(_key(by), answer, at)


def fingerprint(asked: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(asked), digest_size=16).hexdigest()


def file_fingerprint(path: Path) -> str:
    """Equal for files of equal bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key(by: By) -> str:
    """Each caller has keys of its own."""
    return f"{by.key or ''} {by.request}"
