"""What is kept for a key: the memories it created that are not in the trash, as they are now."""

from memory_core.changes import Action
from memory_core.engine.ports import Act, Past, Store, Usage
from support.entries import START, edited, entry, entry_of


def by(key: str | None, action: Action = Action.CREATE) -> Act:
    return Act(action=action, at=START, key=key)


def usage(memories: int, content_bytes: int) -> Usage:
    return Usage(memories=memories, content_bytes=content_bytes)


def test_a_key_keeps_what_it_created(store: Store) -> None:
    store.insert([entry("four"), entry("häuser")], by("one"))
    store.insert([entry("another")], by("two"))
    store.insert([entry("of nobody")], by(None))

    assert store.usage("one") == usage(2, 4 + 7), "bytes, not letters"
    assert store.usage("two") == usage(1, 7)
    assert store.usage("nobody") == usage(0, 0)


def test_who_changes_a_memory_does_not_take_it_over(store: Store) -> None:
    kept = entry("short")
    store.insert([kept], by("one"))

    store.change(kept.memory.id, edited(content="longer than before"), by("two", Action.UPDATE))

    assert store.usage("one") == usage(1, 18)
    assert store.usage("two") == usage(0, 0)


def test_the_trash_counts_nothing_until_something_comes_back(store: Store) -> None:
    kept = entry("four")
    store.insert([kept], by("one"))

    store.change(kept.memory.id, edited(deleted_at=START), by("one", Action.DELETE))
    away = store.usage("one")
    store.change(kept.memory.id, edited(deleted_at=None), by("two", Action.RESTORE))

    assert (away, store.usage("one")) == (usage(0, 0), usage(1, 4))


def test_a_transaction_sees_what_it_has_done_and_others_what_was(store: Store) -> None:
    store.insert([entry("four")], by("one"))

    with store.transaction() as tx:
        tx.insert([entry("second")], by("one"))
        within, without = tx.usage("one"), store.usage("one")

    assert (within, without) == (usage(2, 10), usage(1, 4))
    assert store.usage("one") == within


def test_what_came_with_its_past_is_kept_for_who_began_it(store: Store) -> None:
    """Also where the past that came does not reach back to the first state."""
    whole, cut = entry("whole now", revision=2), entry("cut now", revision=7)
    alone = entry("alone", revision=3)
    pasts = {
        each.memory.id: Past(
            act=by("two", Action.UPDATE),
            states=[(entry_of(edited(content="before", revision=each.memory.revision - 1)(each.memory).memory), first)],
        )
        for each, first in ((whole, by("one")), (cut, by("one", Action.UPDATE)))
    }

    store.import_entries([(each, None) for each in (whole, cut, alone)], act=by("one", Action.IMPORT), pasts=pasts)

    assert store.usage("one") == usage(3, 9 + 7 + 5)
    assert store.usage("two") == usage(0, 0)
