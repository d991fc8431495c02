"""Every source is told from every other by what it is, reads the same twice, and gives only what a store would keep."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memory_core.errors import InvalidError, UnavailableError
from memory_core.formats.found import Found, Left, check
from memory_core.formats.jsonl import write_jsonl
from memory_core.formats.table import FORMATS, named, read, recognised
from memory_core.types import Memory
from support.kept import kept
from support.sources import SOURCES

systems = pytest.mark.parametrize("system", SOURCES)


def memories(found: list[Found]) -> list[Memory]:
    return [one for one in found if isinstance(one, Memory)]


@systems
def test_a_source_is_recognised_as_what_it_is_and_nothing_else(system: str, tmp_path: Path) -> None:
    path = SOURCES[system](tmp_path)

    assert [name for name, form in FORMATS.items() if form.takes(path)] == [system]


@systems
def test_a_file_is_recognised_under_any_name(system: str, tmp_path: Path) -> None:
    path = SOURCES[system](tmp_path)
    if path.is_file():
        path = path.rename(tmp_path / "renamed.bin")

        assert recognised(path).name == system


@systems
def test_every_memory_is_one_that_a_store_would_keep_under_an_id_of_its_own(system: str, tmp_path: Path) -> None:
    taken = memories(list(read(SOURCES[system](tmp_path))))

    assert taken
    assert [check(memory) for memory in taken] == taken
    assert len({memory.id for memory in taken}) == len(taken)
    assert all(memory.source and memory.source.startswith(system) for memory in taken)


@systems
def test_reading_twice_gives_the_same(system: str, tmp_path: Path) -> None:
    path = SOURCES[system](tmp_path)

    assert list(read(path)) == list(read(path))


@systems
def test_ids_are_the_same_on_another_machine_and_after_the_file_was_touched(
    system: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = SOURCES[system](tmp_path)
    before = [memory.id for memory in memories(list(read(path)))]
    moved = Path(shutil.copytree(tmp_path, tmp_path_factory.mktemp("another"), dirs_exist_ok=True)) / path.relative_to(
        tmp_path
    )
    for file in [moved, *moved.rglob("*")]:
        os.utime(file, (1_000_000_000, 1_000_000_000))

    assert [memory.id for memory in memories(list(read(moved)))] == before


@systems
def test_only_a_source_that_keeps_times_is_called_dated(system: str, tmp_path: Path) -> None:
    path = SOURCES[system](tmp_path)
    before = list(read(path))
    for file in [path, *path.rglob("*")]:
        os.utime(file, (1_000_000_000, 1_000_000_000))

    if FORMATS[system].dated:
        assert list(read(path)) == before


@systems
def test_nothing_is_written_into_a_file(system: str, tmp_path: Path) -> None:
    path = SOURCES[system](tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    list(read(path))

    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize(
    "content", [b"", b"\0\1\2", b"SQLite format 3\0" + bytes(84), b"{}", b"[]", b"# Notes\n", b"PK\3\4", b"\x1f\x8b"]
)
def test_what_is_of_no_format_is_said_with_the_formats_there_are(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "memory.jsonl"
    path.write_bytes(content)

    with pytest.raises((InvalidError, UnavailableError), match=r"no format that is known|cannot be read"):
        recognised(path)


def test_a_folder_that_could_be_two_things_is_not_guessed(tmp_path: Path) -> None:
    vault = SOURCES["basic-memory"](tmp_path)
    (vault / "CLAUDE.md").write_text("Keep notes short.\n", encoding="utf-8")

    with pytest.raises(InvalidError, match="could be claude-code or basic-memory; name one"):
        recognised(vault)

    assert memories(list(read(vault, "claude-code")))[0].content == "Keep notes short."


def test_an_unknown_name_and_a_path_that_is_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="there are jsonl, markdown, claude-code"):
        named("evernote")
    with pytest.raises(InvalidError, match="there is no"):
        recognised(tmp_path / "nowhere")
    with pytest.raises(UnavailableError, match="cannot be read"):
        list(read(tmp_path / "nowhere", "mcp-memory"))


def test_our_own_lines_are_no_other_systems(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "memories.jsonl", [kept()])

    assert [name for name, form in FORMATS.items() if form.takes(tmp_path / "memories.jsonl")] == ["jsonl"]


def test_formats_need_nothing_but_msgspec() -> None:
    code = "import sys; import memory_core.formats.table; print({m.partition('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert not {name for name in ("duckdb", "numpy", "yaml", "httpx") if f"'{name}'" in loaded}


def test_what_was_left_reads_as_a_sentence(tmp_path: Path) -> None:
    left = [
        found
        for system in SOURCES
        for found in read(SOURCES[system](_made(tmp_path / system)))
        if isinstance(found, Left)
    ]

    assert left
    assert all(one.where and one.why and not one.why.endswith(".") for one in left)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
