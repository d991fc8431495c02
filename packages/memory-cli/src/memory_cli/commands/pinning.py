"""Commands that decide what opens every session: pin, unpin."""

from collections.abc import Callable

from memory_cli.options import Here, Id, Reason, because
from memory_cli.render import short_id
from memory_core.changes import By
from memory_core.memories import Memories
from memory_core.types import PINNED, Memory, MemoryPatch

Tags = tuple[str, ...]


async def pin(memory_id: Id, /, *, reason: Reason = None, session: Here) -> None:
    """Let a memory open every session of its project, before all else."""
    async with session.memories() as memories:
        memory, changed = await tagged(memories, memory_id, with_pin, because(reason))
    name = short_id(memory)
    session.out.give(memory, f"Pinned {name}" if changed else f"{name} is pinned already")


async def unpin(memory_id: Id, /, *, reason: Reason = None, session: Here) -> None:
    """Take the pin off; the memory stays."""
    async with session.memories() as memories:
        memory, changed = await tagged(memories, memory_id, without_pin, because(reason))
    name = short_id(memory)
    session.out.give(memory, f"Unpinned {name}" if changed else f"{name} is not pinned")


async def tagged(memories: Memories, memory_id: str, change: Callable[[Tags], Tags], by: By) -> tuple[Memory, bool]:
    """The memory with its tags changed, and whether they had to be. `change` twice is `change` once.

    Tags are written as a whole. Who gave it others between our look and our change finds them there all the same: the
    history has them, and they are written again.
    """
    memory = await memories.get(memory_id)
    known, changed = memory.tags, False
    while (tags := change(known)) != memory.tags:
        before, changed = memory, True
        memory = (await memories.update(memory.id, MemoryPatch(tags=tags), by=by)).memory
        known = tags
        if memory.revision > before.revision + 1:
            known = await _tags_at(memories, memory.id, memory.revision - 1)
    return memory, changed


async def _tags_at(memories: Memories, memory_id: str, revision: int) -> Tags:
    history = await memories.history(memory_id)
    return next(one.memory.tags for one in history.revisions if one.revision == revision)


def with_pin(tags: Tags) -> Tags:
    return tags if PINNED in tags else (*tags, PINNED)


def without_pin(tags: Tags) -> Tags:
    return tuple(tag for tag in tags if tag != PINNED)
