"""A folder of memories that git can diff: stable names, only changes written, and nothing of others touched."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from memory_core.errors import ConflictError, InvalidError, UnavailableError
from memory_core.formats.folder import MARKER, Written, read, write_markdown
from memory_core.formats.found import Left
from memory_core.formats.table import recognised
from memory_core.types import Memory, MemoryType
from support.kept import kept, shelf_of

NAME = "we-deploy-on-fridays-only-after-lunch--3f2a0d1c9b8e.md"
PLACE = f"github.com+owner+repo/decision/{NAME}"


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def by_id(shelf: list[Memory]) -> list[Memory]:
    return sorted(shelf, key=lambda memory: memory.id)


def as_memories(folder: Path) -> list[Memory]:
    return by_id([found for found in read(folder) if isinstance(found, Memory)])


@settings(deadline=None)
@given(shelf_of(6), shelf_of(6))
def test_a_folder_holds_exactly_what_was_written_last(first: list[Memory], second: list[Memory]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name, "memories")

        write_markdown(folder, first)
        assert [one for one in read(folder) if isinstance(one, Left)] == []
        assert as_memories(folder) == by_id(first)

        write_markdown(folder, second)
        assert as_memories(folder) == by_id(second)
        paths = [path for path in files(folder) if path.endswith(".md")]
        assert len({path.lower() for path in paths}) == len(second)
        assert max((len(part.encode()) for path in paths for part in path.split("/")), default=0) <= 255


def test_memories_lie_by_project_and_type_under_readable_names(tmp_path: Path) -> None:
    shelf = [
        kept(),
        kept("日本語のメモ", id="1" * 32, project_id=None, memory_type=MemoryType.FACT),
        kept("???", id="2" * 32, project_id="Shop"),
        kept(id="4" * 32, deleted_at=kept().created_at),
    ]

    write_markdown(tmp_path / "memories", shelf)

    assert sorted(files(tmp_path / "memories")) == sorted(
        [
            MARKER,
            ".gitattributes",
            PLACE,
            "_global/fact/日本語のメモ--111111111111.md",
            "shop--27a8f5e7/decision/memory--222222222222.md",
            "_trash/github.com+owner+repo/decision/we-deploy-on-fridays-only-after-lunch--444444444444.md",
        ]
    )


def test_projects_never_share_a_folder(tmp_path: Path) -> None:
    projects = [
        "a",
        "A",
        "a.",
        "a/",
        "a+",
        "a/b",
        "a+b",
        "con",
        "CON",
        "aux.txt",
        "_global",
        "_trash",
        "..",
        "日" * 256,
    ]
    shelf = [kept(id=f"{number:032x}", project_id=project) for number, project in enumerate([None, *projects])]

    write_markdown(tmp_path, shelf)

    folders = [path.name for path in tmp_path.iterdir() if path.is_dir()]
    assert len({name.lower() for name in folders}) == len(projects) + 1
    assert not {name.partition(".")[0] for name in folders} & {"con", "aux", ""}
    assert as_memories(tmp_path) == by_id(shelf)


def test_a_file_keeps_its_name_when_its_text_changes(tmp_path: Path) -> None:
    write_markdown(tmp_path, [kept()])

    outcome = write_markdown(tmp_path, [kept("Never deploy again", revision=2)])

    assert outcome == Written(written=1, unchanged=0, removed=0)
    assert b"Never deploy again" in files(tmp_path)[PLACE]


def test_a_memory_that_changed_its_type_moves_with_its_name(tmp_path: Path) -> None:
    write_markdown(tmp_path, [kept()])

    write_markdown(tmp_path, [kept("Other words", memory_type=MemoryType.FACT)])

    assert f"github.com+owner+repo/fact/{NAME}" in files(tmp_path)
    assert not (tmp_path / "github.com+owner+repo/decision").exists()


def test_writing_the_same_again_touches_no_file(tmp_path: Path) -> None:
    write_markdown(tmp_path, [kept()])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    assert write_markdown(tmp_path, [kept()]) == Written(written=0, unchanged=1, removed=0)

    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_git_shows_only_what_changed(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True, text=True).stdout

    git("init", "--quiet")
    git("config", "core.autocrlf", "true")
    shelf = [kept(f"memory {number}\r\nwith the line ends of Windows", id=str(number) * 32) for number in range(4)]
    write_markdown(tmp_path, shelf)
    git("add", "--all")
    git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "one")

    write_markdown(tmp_path, [shelf[0], replace(shelf[1], content="changed"), shelf[2]])

    assert git("status", "--porcelain").splitlines() == [
        " M github.com+owner+repo/decision/memory-1--111111111111.md",
        " D github.com+owner+repo/decision/memory-3--333333333333.md",
    ]
    for path in tmp_path.rglob("*.md"):
        path.unlink()
    git("checkout", "--", ".")
    assert as_memories(tmp_path) == by_id(shelf)


def test_files_of_others_stay_whatever_they_are_called(tmp_path: Path) -> None:
    write_markdown(tmp_path, [kept()])
    place = tmp_path / "github.com+owner+repo" / "decision"
    mine = {
        tmp_path / "README.md": "mine",
        place / "notes.md": "mine",
        place / "looks-like-one--0123456789ab.md": "mine",
        place / f"copy of {NAME[:-3]} (2).md": (place / NAME).read_text(encoding="utf-8"),
        place / "other-digits--0123456789ab.txt": "mine",
    }
    for path, text in mine.items():
        path.write_text(text, encoding="utf-8")

    assert write_markdown(tmp_path, []).removed == 1

    assert {path: path.read_text(encoding="utf-8") for path in mine} == mine
    assert not (place / NAME).exists()


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    write_markdown(tmp_path / "one", [kept()])
    write_markdown(tmp_path / "two", [])
    (tmp_path / "two" / "linked").symlink_to(tmp_path / "one" / "github.com+owner+repo")

    write_markdown(tmp_path / "two", [])

    assert as_memories(tmp_path / "one") == [kept()]
    assert as_memories(tmp_path / "two") == []


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.md").write_text("mine", encoding="utf-8")

    with pytest.raises(ConflictError, match="choose an empty folder"):
        write_markdown(tmp_path, [kept()])

    assert files(tmp_path) == {"thesis.md": b"mine"}


def test_a_file_of_anothers_in_the_way_is_not_overwritten(tmp_path: Path) -> None:
    write_markdown(tmp_path, [kept()])
    (tmp_path / PLACE).write_text("mine", encoding="utf-8")

    write_markdown(tmp_path, [kept()])

    assert (tmp_path / PLACE).read_text(encoding="utf-8") == "mine"
    assert as_memories(tmp_path) == [kept()]


def test_an_export_that_stops_halfway_removes_nothing(tmp_path: Path) -> None:
    def two_of_them() -> Iterator[Memory]:
        yield kept("changed")
        raise UnavailableError("the server went away")

    shelf = [kept(), kept(id="5" * 32)]
    write_markdown(tmp_path, shelf)

    with pytest.raises(UnavailableError):
        write_markdown(tmp_path, two_of_them())

    assert as_memories(tmp_path) == by_id([kept("changed"), shelf[1]])


def test_a_move_that_was_interrupted_is_completed(tmp_path: Path) -> None:
    """Killed between writing the new file and removing the old one, the same id lies in two places."""
    write_markdown(tmp_path, [kept()])
    old = (tmp_path / PLACE).read_bytes()
    moved = kept(memory_type=MemoryType.FACT)
    write_markdown(tmp_path, [moved])
    (tmp_path / PLACE).parent.mkdir()
    (tmp_path / PLACE).write_bytes(old)
    assert sum(isinstance(found, Left) for found in read(tmp_path)) == 1

    write_markdown(tmp_path, [moved])

    assert [path for path in files(tmp_path) if path.endswith(".md")] == [f"github.com+owner+repo/fact/{NAME}"]


def test_the_same_memory_twice_is_refused_before_anything_is_removed(tmp_path: Path) -> None:
    write_markdown(tmp_path, [kept(id="6" * 32)])

    with pytest.raises(InvalidError, match="given twice"):
        write_markdown(tmp_path, [kept(), kept()])

    assert kept(id="6" * 32) in as_memories(tmp_path)


def test_a_file_that_was_broken_by_hand_is_left_with_the_reason(tmp_path: Path) -> None:
    write_markdown(tmp_path, [kept(), kept(id="7" * 32)])
    (tmp_path / PLACE).write_text("---\nid: oops\n---\n\ntext\n", encoding="utf-8")

    found = list(read(tmp_path))

    assert [one.where for one in found if isinstance(one, Left)] == [PLACE]
    assert [one for one in found if isinstance(one, Memory)] == [kept(id="7" * 32)]


def test_the_folder_and_one_file_of_it_are_recognised(tmp_path: Path) -> None:
    write_markdown(tmp_path, [kept()])

    assert recognised(tmp_path).name == "markdown"
    assert recognised(tmp_path / PLACE).name == "markdown"
    assert list(read(tmp_path / PLACE)) == [kept()]


def test_what_is_no_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")

    with pytest.raises(UnavailableError, match="cannot be written"):
        write_markdown(tmp_path / "file", [kept()])
