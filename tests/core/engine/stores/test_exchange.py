"""One file takes the place of another: what belongs to it goes along, and what was begun is carried on or cleared."""

from pathlib import Path

import pytest

from memory_core.engine.stores.duckdb.exchange import Work, exchange, finish, free_name, workplace
from memory_core.errors import UnavailableError
from support.disks import make_read_only, small_disk

OLD = {"": b"old", ".wal": b"its log", ".watermark": b"its mark"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "memories.duckdb"
    path.parent.mkdir()
    for suffix, content in OLD.items():
        path.with_name(path.name + suffix).write_bytes(content)
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def replace(path: Path, kept: Path) -> None:
    with workplace(path, Work.RESTORE) as new:
        new.write_bytes(b"new")
        exchange(path, new=new, kept=kept)


def whole(kept: str) -> dict[str, bytes]:
    return {"memories.duckdb": b"new"} | {kept + suffix: content for suffix, content in OLD.items()}


def test_what_is_replaced_is_kept_with_its_log_and_its_watermark(path: Path) -> None:
    """The watermark of the old file would have the new one refused, if this is an earlier copy of it."""
    replace(path, path.parent / "replaced" / "old.duckdb")

    assert files(path.parent) == whole("replaced/old.duckdb")
    assert [entry.name for entry in path.parent.iterdir() if entry.name.startswith(".")] == []


def test_the_folder_for_what_is_replaced_may_lie_on_another_disk(path: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "data" / "snapshots", 4):
        replace(path, path.parent / "snapshots" / "old.duckdb")

        assert files(path.parent) == whole("snapshots/old.duckdb")


def test_what_cannot_be_moved_now_is_carried_on_by_the_next_start(path: Path) -> None:
    with small_disk(path.parent / "snapshots", 4) as disk:
        make_read_only(disk)
        with pytest.raises(UnavailableError, match="cannot be replaced"):
            replace(path, disk / "old.duckdb")
        with pytest.raises(UnavailableError, match="cannot be replaced"):
            finish(path)
        assert path.read_bytes() == b"old"
        assert b"new" in files(path.parent).values()

    finish(path)

    assert files(path.parent) == whole("snapshots/old.duckdb")


def test_a_store_that_was_not_written_to_its_end_takes_no_place(path: Path) -> None:
    with workplace(path, Work.UPGRADE) as new:
        new.write_bytes(b"new")
        new.with_name(new.name + ".wal").write_bytes(b"more")
        with pytest.raises(UnavailableError, match="is unchanged"):
            exchange(path, new=new, kept=path.with_name("old.duckdb"))

    assert files(path.parent) == {path.name + suffix: content for suffix, content in OLD.items()}


@pytest.mark.parametrize("work", Work)
def test_what_was_begun_and_not_due_is_cleared_by_the_next_start(path: Path, work: Work) -> None:
    folder = path.with_name(f".{path.name}.{work}")
    (folder / "spill").mkdir(parents=True)
    (folder / path.name).write_bytes(b"half")
    path.with_name(f".{path.name}.exchange.1.2").write_bytes(b"{")

    finish(path)

    assert files(path.parent) == {path.name + suffix: content for suffix, content in OLD.items()}
    assert not folder.exists()


def test_a_name_is_free_where_neither_file_nor_log_has_it(path: Path) -> None:
    (path.parent / "a.duckdb").touch()
    (path.parent / "a-2.duckdb.wal").touch()

    assert free_name(path.parent / "a.duckdb").name == "a-3.duckdb"
