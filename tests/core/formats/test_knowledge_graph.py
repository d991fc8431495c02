"""The reference MCP memory server's graph."""

import json
from pathlib import Path

from memory_core.formats.found import Left
from memory_core.formats.table import read
from memory_core.types import Memory, MemoryType
from support.sources import GRAPH, lines, mcp_memory


def test_entities_observations_and_relations_become_memories(tmp_path: Path) -> None:
    taken = [found for found in read(mcp_memory(tmp_path)) if isinstance(found, Memory)]

    assert [(memory.content, memory.memory_type, memory.tags) for memory in taken] == [
        ("Ada (person)", MemoryType.ENTITY, ("Ada", "type:person")),
        ("Ada: likes tea", MemoryType.OBSERVATION, ("Ada", "type:person")),
        ("Ada: works from Leeds", MemoryType.OBSERVATION, ("Ada", "type:person")),
        ("shop (project)", MemoryType.ENTITY, ("shop", "type:project")),
        ("Ada maintains shop", MemoryType.RELATION, ("Ada", "shop", "relation:maintains")),
    ]


def test_a_graph_that_grew_gives_the_memories_it_gave_and_new_ones(tmp_path: Path) -> None:
    path = mcp_memory(tmp_path)
    before = {found.id for found in read(path) if isinstance(found, Memory)}
    lines(path, [GRAPH[0] | {"observations": ["new", *GRAPH[0]["observations"]]}, *GRAPH[1:]])  # type: ignore[misc]

    after = {found.id: found for found in read(path) if isinstance(found, Memory)}

    assert [after[new].content for new in after.keys() - before] == ["Ada: new"]
    assert before <= after.keys()


def test_what_is_no_entity_and_no_relation_is_left(tmp_path: Path) -> None:
    path = mcp_memory(tmp_path)
    odd = [{"type": "entity", "name": "x"}, {"type": "dream"}, [1], GRAPH[2]]
    with path.open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in odd)
        file.write('\n{"type": "ent')

    left = [found for found in read(path) if isinstance(found, Left)]

    assert [one.where for one in left] == ["line 4", "line 5", "line 6", "line 7", "line 9"]
    assert "missing required field" in left[0].why
    assert "the same stands in an earlier line" in left[3].why


def test_fields_that_a_fork_of_the_server_writes_are_kept(tmp_path: Path) -> None:
    path = lines(tmp_path / "m.jsonl", [GRAPH[1] | {"createdAt": "2026-01-01", "aliases": ["store"]}])

    (memory,) = read(path)

    assert isinstance(memory, Memory)
    assert "createdAt:2026-01-01" in memory.tags
    assert memory.content == 'shop (project)\n\naliases: ["store"]'
