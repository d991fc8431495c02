"""What is pinned opens every session, as typed, against a local and against a remote server."""

from pathlib import Path
from typing import cast

from memory_cli.commands.pinning import tagged, with_pin
from memory_core.changes import ANYONE, History
from memory_core.engine.service import MemoryService
from memory_core.memories import Memories
from memory_core.types import Memory, MemoryPatch, NewMemory, Updated
from support.machines import Machine
from support.services import opened


def test_what_is_pinned_opens_the_session_and_is_listed_with_its_tag(machine: Machine, project: str) -> None:
    name = machine.run("-p", project, "add", "never push on Friday", "--tags", "ops").out.strip()
    machine.run("-p", project, "add", "We chose DuckDB", "--type", "decision")

    assert machine.run("pin", name, "--reason", "asked to").out == f"Pinned {name}\n"
    assert machine.run("pin", name).out == f"{name} is pinned already\n"
    opening = machine.run("-p", project, "context").out
    assert opening.index("Pinned:\n- never push on Friday") < opening.index("Decisions:\n- We chose DuckDB")
    assert "ops,pinned" in machine.run("-p", project, "list").out.replace(" ", "")
    assert machine.run("history", name, "--json").json["revisions"][0]["reason"] == "asked to"

    assert machine.run("unpin", name).out == f"Unpinned {name}\n"
    assert machine.run("unpin", name).out == f"{name} is not pinned\n"
    assert "Pinned" not in machine.run("-p", project, "context").out
    assert machine.run("get", name, "--json").json["tags"] == ["ops"]


class Meanwhile:
    """A service where somebody else changes the memory just after one has looked at it."""

    def __init__(self, service: MemoryService, theirs: MemoryPatch) -> None:
        self.service = service
        self.theirs = theirs

    async def get(self, memory_id: str) -> Memory:
        memory = await self.service.get(memory_id)
        await self.service.update(memory_id, self.theirs)
        return memory

    async def update(self, memory_id: str, patch: MemoryPatch, **by: object) -> Updated:
        assert by == {"by": ANYONE}
        return await self.service.update(memory_id, patch)

    async def history(self, memory_id: str) -> History:
        return await self.service.history(memory_id)


async def test_tags_that_somebody_gives_it_meanwhile_are_not_lost(tmp_path: Path) -> None:
    async with opened(tmp_path) as service:
        kept = await service.add(NewMemory(content="never push on Friday", tags=("ops",)))
        memories = cast("Memories", Meanwhile(service, MemoryPatch(tags=("ops", "theirs"))))  # as far as it is asked

        memory, changed = await tagged(memories, kept.id, with_pin, ANYONE)

        assert (memory.tags, changed) == (("ops", "theirs", "pinned"), True)
        assert (await service.get(kept.id)).tags == memory.tags


async def test_another_change_meanwhile_costs_no_second_write(tmp_path: Path) -> None:
    async with opened(tmp_path) as service:
        kept = await service.add(NewMemory(content="never push on Friday", tags=("ops",)))
        memories = cast("Memories", Meanwhile(service, MemoryPatch(content="never push at all")))  # as above

        memory, _ = await tagged(memories, kept.id, with_pin, ANYONE)

        assert (memory.tags, memory.content, memory.revision) == (("ops", "pinned"), "never push at all", 3)
