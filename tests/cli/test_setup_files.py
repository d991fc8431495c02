"""Files of other programs are replaced whole or not at all, and come back as they were."""

from pathlib import Path

import pytest

from memory_cli.setup.files import Change, UndoFolder
from memory_core.errors import NotFoundError, UnavailableError
from support.platforms import closed_to_others


@pytest.fixture
def undo(tmp_path: Path) -> UndoFolder:
    return UndoFolder(tmp_path / "undo")


def test_what_another_program_changed_meanwhile_is_not_overwritten(tmp_path: Path, undo: UndoFolder) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b"theirs")

    with pytest.raises(
        UnavailableError, match=r"config\.json was changed by another program meanwhile; run this again"
    ):
        undo.carry_out([Change(path=file, before=b"ours", after=b"new")])

    assert file.read_bytes() == b"theirs"


def test_all_of_the_files_change_or_none(tmp_path: Path, undo: UndoFolder) -> None:
    first, new = tmp_path / "first", tmp_path / "new"
    first.write_bytes(b"1")
    too_long = tmp_path / ("x" * 250)  # for what it is called while it is written

    with pytest.raises(UnavailableError, match="xxx cannot be written: File name too long"):
        undo.carry_out(
            [
                Change(path=first, before=b"1", after=b"2"),
                Change(path=new, before=None, after=b"2"),
                Change(path=too_long, before=None, after=b"2"),
            ]
        )

    assert first.read_bytes() == b"1"
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["first"]
    with pytest.raises(NotFoundError):
        undo.undo()


def test_setups_are_taken_back_one_by_one_last_first(tmp_path: Path, undo: UndoFolder) -> None:
    file = tmp_path / "deep" / "config.json"
    for before, after in ((None, b"1"), (b"1", b"2")):
        undo.carry_out([Change(path=file, before=before, after=after, mode=0o600)])

    assert closed_to_others(file)
    assert undo.before(file, b"2") == (True, b"1")
    assert undo.before(file, b"other") == (False, None)
    assert undo.undo() == ([file], {})
    assert file.read_bytes() == b"1"
    assert undo.undo() == ([file], {})
    assert not file.exists()
    with pytest.raises(NotFoundError, match="there is no setup to take back"):
        undo.undo()


def test_a_file_whose_copy_is_gone_stays_as_it_is(tmp_path: Path, undo: UndoFolder) -> None:
    """A copy that is not there must not pass for a file that was not there: the file would be removed."""
    file = tmp_path / "config.json"
    file.write_bytes(b"mine")
    undo.carry_out([Change(path=file, before=b"mine", after=b"mine and memory")])
    (next(undo.folder.iterdir()) / "0").unlink()

    assert undo.before(file, b"mine and memory") == (False, None)
    assert undo.undo() == ([], {file: None})
    assert file.read_bytes() == b"mine and memory"


def test_a_file_that_stays_does_not_keep_the_setup_before_from_being_taken_back(
    tmp_path: Path, undo: UndoFolder
) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    undo.carry_out([Change(path=first, before=None, after=b"1")])
    second.write_bytes(b"mine")
    undo.carry_out([Change(path=second, before=b"mine", after=b"mine and memory")])
    second.write_bytes(b"changed since")

    back, stay = undo.undo()

    assert (back, list(stay)) == ([], [second])
    assert second.read_bytes() == b"changed since"
    kept = stay[second]
    assert kept is not None
    assert kept.read_bytes() == b"mine"
    assert undo.undo() == ([first], {})
    assert kept.read_bytes() == b"mine"


def test_what_is_kept_for_undoing_is_for_its_owner_alone_and_does_not_grow(tmp_path: Path, undo: UndoFolder) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b"0")
    for number in range(15):
        undo.carry_out([Change(path=file, before=b"%d" % number, after=b"%d" % (number + 1))])

    kept = list(undo.folder.iterdir())
    assert len(kept) == 10
    assert all(closed_to_others(one) for folder in kept for one in (folder, *folder.iterdir()))


def test_nothing_to_change_leaves_nothing_to_undo(tmp_path: Path, undo: UndoFolder) -> None:
    undo.carry_out([Change(path=tmp_path / "config.json", before=None, after=None)])

    assert not undo.folder.exists()
