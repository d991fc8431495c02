"""Which directory a folder of Claude Code's is about, though its name is that of several."""

import json
from pathlib import Path

import pytest

from memory_core.formats.others.claude_places import directory_of, encoded, known
from support.platforms import posix_only


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / ".claude"
    (folder / "projects").mkdir(parents=True)
    return folder


def kept_for(settings: Path, directory: Path) -> Path:
    folder = settings / "projects" / encoded(str(directory))
    folder.mkdir()
    return folder


def session(folder: Path, *places: Path) -> None:
    lines = [{"type": "summary"}, *({"cwd": str(place)} for place in places)]
    (folder / "session.jsonl").write_text(
        "".join(f"{json.dumps(line)}\n" for line in lines) + "no json\n", encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/me/my_shop.v2", "-home-me-my-shop-v2"),
        ("/home/me/Проект", "-home-me-------"),
        ("C:\\Users\\me\\shop", "C--Users-me-shop"),
        ("/a" * 150, "-a" * 100),
    ],
)
def test_a_folder_is_named_as_claude_code_does(path: str, name: str) -> None:
    assert encoded(path) == name


def test_its_sessions_say_where_they_ran(tmp_path: Path, settings: Path) -> None:
    for name in ("my-shop", "my_shop", "my-shop/src"):
        (tmp_path / name).mkdir()
    folder = kept_for(settings, tmp_path / "my_shop")

    session(folder, tmp_path / "my_shop")
    assert directory_of(folder) == tmp_path / "my_shop"

    session(folder, tmp_path / "my-shop" / "src", tmp_path / "my-shop")
    assert directory_of(folder) == tmp_path / "my-shop"


def test_lines_and_lists_that_are_no_json_are_passed_over(tmp_path: Path, settings: Path) -> None:
    (tmp_path / "my-shop").mkdir()
    folder = kept_for(settings, tmp_path / "my-shop")
    deep = b'{"projects": {"/": ' + b"[" * 50_000
    where = json.dumps({"cwd": str(tmp_path / "my-shop")}).encode()
    (folder / "session.jsonl").write_bytes(b"\n".join([deep, b'{"cwd": "\xff"}', where]))
    (settings / ".claude.json").write_bytes(deep)
    (settings.parent / ".claude.json").write_bytes(b'{"projects": {"\xff": {}}}')

    assert directory_of(folder) == tmp_path / "my-shop"
    assert known(settings) == []


def test_a_session_that_moved_is_better_than_nothing(tmp_path: Path, settings: Path) -> None:
    (tmp_path / "renamed").mkdir()
    folder = kept_for(settings, tmp_path / "before")

    session(folder, tmp_path / "before", tmp_path / "renamed")

    assert directory_of(folder) == tmp_path / "renamed"


@pytest.mark.parametrize("place", [".claude/.claude.json", ".claude.json"])
def test_claude_codes_own_list_knows_it_too(tmp_path: Path, settings: Path, place: str) -> None:
    for name in ("my-shop", "my_shop"):
        (tmp_path / name).mkdir()
    folder = kept_for(settings, tmp_path / "my_shop")
    projects = {str(tmp_path / "gone"): {}, str(tmp_path / "my_shop"): {"allowedTools": []}}
    (tmp_path / "home" / place).write_text(json.dumps({"projects": projects}), encoding="utf-8")

    assert directory_of(folder) == tmp_path / "my_shop"


@posix_only("a drive is not searched")
def test_last_the_disk_is_searched_and_only_one_answer_counts(tmp_path: Path, settings: Path) -> None:
    (tmp_path / "a-b" / "my_shop.v2").mkdir(parents=True)
    folder = kept_for(settings, tmp_path / "a-b" / "my_shop.v2")
    assert directory_of(folder) == tmp_path / "a-b" / "my_shop.v2"

    (tmp_path / "a" / "b-my-shop-v2").mkdir(parents=True)
    assert directory_of(folder) is None


def test_of_what_is_gone_nothing_is_told(tmp_path: Path, settings: Path) -> None:
    assert directory_of(kept_for(settings, tmp_path / "gone")) is None
    assert directory_of(settings / "projects" / "C--Users-me-shop") is None
