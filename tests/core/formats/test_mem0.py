"""mem0's JSON and OpenMemory's export."""

import gzip
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memory_core.errors import InvalidError
from memory_core.formats.found import Left
from memory_core.formats.table import read, recognised
from memory_core.types import Memory, MemoryType
from support.sources import lines, mem0

ITEM = {"id": "1", "memory": "Prefers tea", "user_id": "ada", "created_at": "2026-01-05T08:00:00Z"}
EXPORT = {
    "user": {"id": "u-1", "user_id": "ada"},
    "apps": [{"id": "p-1", "name": "cursor"}],
    "categories": [{"id": "c-1", "name": "Drinks"}],
    "memories": [
        {"id": "1", "user_id": "u-1", "app_id": "p-1", "content": "Prefers tea", "metadata": {}, "state": "archived",
         "created_at": "2026-01-05T08:00:00+00:00", "updated_at": None, "category_ids": ["c-1"]},
        {"id": "2", "user_id": "u-1", "app_id": None, "content": "Old", "metadata": None, "state": "deleted",
         "created_at": "2026-01-05T08:00:00+00:00", "updated_at": "2026-01-06T08:00:00+00:00", "deleted_at": None},
    ],
    "status_history": [{"id": "h-1", "memory_id": "2"}],
}  # fmt: skip


def taken(path: Path) -> list[Memory]:
    return [found for found in read(path) if isinstance(found, Memory)]


def test_a_memory_keeps_its_times_categories_and_whose_it_is(tmp_path: Path) -> None:
    memory, relation = taken(mem0(tmp_path))

    assert memory.memory_type is MemoryType.PREFERENCE
    assert memory.tags == ("preferences", "user:ada", "category:drinks")
    assert (memory.client_id, memory.session_id) == ("helper", "run-7")
    assert memory.created_at == datetime(2026, 1, 5, 16, tzinfo=UTC)
    assert memory.expires_at == datetime(2030, 2, 1, tzinfo=UTC)
    assert (relation.content, relation.memory_type) == ("ada drinks tea", MemoryType.RELATION)


@pytest.mark.parametrize(
    "shape",
    [
        json.dumps([ITEM]),
        json.dumps({"results": [ITEM]}),
        json.dumps([{"count": 1, "next": None, "results": [ITEM]}]),
        json.dumps({"memories": [ITEM]}),
        json.dumps(ITEM),
        "\ufeff" + json.dumps(ITEM) + "\n\n",
    ],
)
def test_a_list_a_page_and_a_line_are_the_same_memory(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(shape, encoding="utf-8")

    assert recognised(path).name == "mem0"
    assert [(memory.id, memory.content) for memory in taken(path)] == [
        ("60aa4ac6658f44138ac3ad695e8722dd", "Prefers tea")
    ]


def test_one_a_line_packed_or_not_with_a_broken_line_between(tmp_path: Path) -> None:
    path = lines(tmp_path / "memories.jsonl", [ITEM, ITEM | {"id": "2"}])
    path.write_text(path.read_text(encoding="utf-8").replace("\n", "\n{broken\n", 1), encoding="utf-8")
    packed = tmp_path / "memories.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))

    for one in (path, packed):
        assert recognised(one).name == "mem0"
        assert len(taken(one)) == 2
        assert [found.where for found in read(one) if isinstance(found, Left)] == ["line 2"]


def test_an_export_of_openmemory_is_read_with_its_names(tmp_path: Path) -> None:
    path = tmp_path / "memories_export_ada.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("memories.json", json.dumps(EXPORT))

    found = list(read(path))

    archived, deleted = (one for one in found if isinstance(one, Memory))
    assert archived.tags == ("Drinks", "user:ada", "app:cursor", "state:archived")
    assert deleted.deleted_at == datetime(2026, 1, 6, 8, tzinfo=UTC)
    assert [one.why for one in found if isinstance(one, Left)] == ["entries that are no memories: 1"]


@pytest.mark.parametrize("item", [{"id": "1", "user_id": "a"}, {"id": "1", "user_id": "a", "memory": " "}, "text", 3])
def test_what_has_no_text_is_left(tmp_path: Path, item: Any) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps([ITEM, item]), encoding="utf-8")

    assert [isinstance(found, Left) for found in read(path)] == [False, True]


def test_a_package_that_is_cut_short_is_said(tmp_path: Path) -> None:
    path = tmp_path / "memories.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(ITEM).encode())[:-9])

    with pytest.raises(InvalidError, match="cannot be unpacked"):
        list(read(path, "mem0"))


def test_what_comes_twice_is_taken_once(tmp_path: Path) -> None:
    path = lines(tmp_path / "memories.jsonl", [ITEM, ITEM | {"memory": "Prefers coffee"}])

    assert list(read(path)) == [*taken(path), Left("mem0:1", "its id is that of an earlier one: 'Prefers coffee'")]
