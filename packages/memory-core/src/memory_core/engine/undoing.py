"""Taking changes back: the state before becomes the next one, so that taking back can be taken back too.

A change that was made as one with others (a merge, a memory that superseded another) is taken back with them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import structs

from memory_core.changes import Action, By, Revision, UndoReport
from memory_core.engine import ids, lexical, renaming
from memory_core.engine.changing import act, new_batch
from memory_core.engine.ports import Latest, Transaction
from memory_core.errors import ConflictError, NotFoundError
from memory_core.types import Memory

_SAMPLE = 20
_AS_ONE = frozenset({Action.SUPERSEDE, Action.MERGE, Action.CREATE, Action.UPDATE})
"""Of these, one memory means all that was done with it; of a purge or an import it means itself."""


def undo_change(tx: Transaction, memory_id: str, by: By, now: datetime) -> UndoReport:
    """The last change of a memory, with what was done as one with it."""
    latest = tx.latest(memory_id)
    undone = (one.action for one in tx.history(memory_id) if one.action is not Action.UNDO or one.revision == 1)
    done = next(undone, latest.action)
    if latest.batch_id is not None and done in _AS_ONE:
        return undo_batch(tx, latest.batch_id, by, now)
    _refuse_renamed(tx, latest)
    return _undo(tx, [latest], latest.action, (), by, now)


def undo_batch(tx: Transaction, batch_id: str, by: By, now: datetime) -> UndoReport:
    """All of it that nobody has changed since."""
    latest, changed = tx.latest_of_batch(batch_id), tx.changed_since(batch_id)
    meanings = renaming.taken_back(tx, batch_id)
    if not (latest or changed or tx.named_by(batch_id)):
        raise NotFoundError(f"there is no batch {batch_id!r}; `purge` and `undo` name theirs, `history` shows them")
    if not (latest or meanings):
        raise NotFoundError(f"all that {batch_id} did has been changed since; `history` of a memory shows how")
    return _undo(tx, latest, latest[0].action if latest else Action.MOVE, changed, by, now, meanings)


def undo_last(tx: Transaction, by: By, now: datetime) -> UndoReport:
    """All of the last thing that this client did, imports left out: thousands of memories at once are to be named."""
    client = by.client_id or "this client"
    last = tx.last_changed_by(by.client_id)
    if last is None:
        raise NotFoundError(f"{client} has changed nothing that could be undone; an import is named to be undone")
    memory_id, is_latest = last
    if not is_latest:
        raise NotFoundError(
            f"what {client} changed last, {ids.short(memory_id)}, has been changed since; name what to undo"
        )
    batch_id = tx.latest(memory_id).batch_id
    return undo_change(tx, memory_id, by, now) if batch_id is None else undo_batch(tx, batch_id, by, now)


def restore(tx: Transaction, memory_id: str, revision: int | None, by: By, now: datetime) -> Memory:
    """Out of the trash, or back to that revision. What is so already stays as it is: asking twice does no harm."""
    memory = tx.get(memory_id)
    done = act(Action.RESTORE, now, by)
    if revision is None or (revision == memory.revision and memory.deleted_at is not None):
        return tx.change(memory_id, lambda each: lexical.entry(_here(each, now)) if each.deleted_at else None, done)
    if revision == memory.revision:
        return memory
    state = _state(tx.history(memory_id), memory_id, revision)
    if state.deleted_at is not None:
        project_id = state.project_id and tx.aliases().get(state.project_id, state.project_id)
        back = structs.replace(_here(state, now), project_id=project_id)
        return tx.change(memory_id, lambda _: lexical.entry(back), done)
    tx.revert({memory_id: revision}, done)
    return tx.get(memory_id)


def _state(history: Sequence[Revision], memory_id: str, revision: int) -> Memory:
    for one in history:
        if one.revision == revision:
            return one.memory
    known = ", ".join(str(one.revision) for one in reversed(history[:20]))
    raise NotFoundError(f"memory {ids.short(memory_id)} has no revision {revision}; it has {known}")


def _here(memory: Memory, now: datetime) -> Memory:
    over = memory.expires_at is not None and memory.expires_at <= now
    return structs.replace(memory, deleted_at=None, expires_at=None if over else memory.expires_at)


def _refuse_renamed(tx: Transaction, latest: Latest) -> None:
    """It cannot go back alone to a project whose name means the one where it is."""
    if latest.action is not Action.MOVE:
        return
    former = next((one.memory.project_id for one in tx.history(latest.memory_id)[1:]), None)
    if former is not None and former in tx.aliases():
        raise ConflictError(
            f"{ids.short(latest.memory_id)} came with all of {former}, a name that means its project now; "
            f"undo the batch {latest.batch_id}, which takes all of them back"
        )


def _undo(
    tx: Transaction,
    latest: Sequence[Latest],
    action: Action,
    changed: Sequence[str],
    by: By,
    now: datetime,
    meanings: Mapping[str, str | None] | None = None,
) -> UndoReport:
    done = act(Action.UNDO, now, by, new_batch(Action.UNDO))
    if meanings:
        tx.name(meanings, done)  # first: it says where those belong that go back
    tx.revert({one.memory_id: one.revision - 1 for one in latest if one.has_former}, done)
    # What had no state before was not here.
    begun = [one.memory_id for one in latest if not one.has_former]
    tx.trash([memory.id for memory in tx.among(begun) if memory.deleted_at is None], done)
    if meanings:
        renaming.refuse_mixed(tx)
    return UndoReport(
        action=action,
        undone=len(latest),
        sample=tuple(tx.get(one.memory_id) for one in latest[:_SAMPLE]),
        changed_since=tuple(changed),
        batch_id=done.batch_id or "",
        aliases=tuple(sorted(meanings or ())),
    )
