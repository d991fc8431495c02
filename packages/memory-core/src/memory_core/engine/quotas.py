"""How much a key may keep: measured in the transaction of each change, which is undone where it would be too much.

What makes nothing more is never refused: whoever has used up a quota can read, delete and shorten.
"""

from memory_core.changes import By
from memory_core.engine.ports import Rows, Transaction, Usage
from memory_core.errors import QuotaError


def refuse_change(store: Rows, tx: Transaction, by: By) -> None:
    """Raises QuotaError if what `tx` has done so far makes the key of `by` keep more than it may."""
    if by.quota is None or by.key is None:
        return
    after = tx.usage(by.key)
    if _is_over(after.memories, by.quota.max_memories) or _is_over(after.content_bytes, by.quota.max_bytes):
        before = store.usage(by.key)  # others see it still as it was
        refuse_excess(before, after, max_memories=by.quota.max_memories, max_bytes=by.quota.max_bytes)


def refuse_growth(store: Rows, by: By, growth: Usage) -> None:
    """Raises QuotaError if so much is not to be added to what the key of `by` keeps."""
    if by.quota is None or by.key is None:
        return
    before = store.usage(by.key)
    after = Usage(memories=before.memories + growth.memories, content_bytes=before.content_bytes + growth.content_bytes)
    refuse_excess(before, after, max_memories=by.quota.max_memories, max_bytes=by.quota.max_bytes)


def refuse_excess(before: Usage, after: Usage, *, max_memories: int, max_bytes: int) -> None:
    """0 is no limit. What was too much before, under a larger quota, is only not to become more."""
    if _is_over(after.memories, max_memories) and after.memories > before.memories:
        raise QuotaError(
            f"this key keeps {before.memories:,} of at most {max_memories:,} memories, which is no room for what was "
            "sent; delete some, or have its quota raised"
        )
    if _is_over(after.content_bytes, max_bytes) and after.content_bytes > before.content_bytes:
        raise QuotaError(
            f"this key keeps {before.content_bytes:,} of at most {max_bytes:,} bytes, which is no room for what was "
            "sent; delete or shorten some, or have its quota raised"
        )


def _is_over(amount: int, most: int) -> bool:
    return 0 < most < amount
