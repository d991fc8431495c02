"""kill -9 while a backup is made, verified or restored: at every change of the file system in turn.

Whatever the moment: what has the name of a backup is whole, the store in place is the old one or the new one, and
neither is lost; the next one to come carries on.
"""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memory_core.backups import BackupState
from memory_core.engine.backups.manifest import damages, read_manifest
from support.kills import killed_at
from support.shelves import folder_of, keeper, litter, opened, rows

pytestmark = pytest.mark.slow

CREATE = """
from pathlib import Path

import duckdb
import memory_core.engine.stores.duckdb.backups
from support.shelves import keeper, opened

folder = Path(sys.argv[1])
store = opened(folder)
kept_by = keeper(folder, keep=1)
arm()
kept_by.create(store, verify=True)
"""
# Not at a change of the file system but where the backup is asked whether to go on: between tables and between files.
CREATE_BY_STEPS = """
import itertools
from pathlib import Path

from support.shelves import keeper, opened

folder, steps = Path(sys.argv[1]), itertools.count(1)


def go_on():
    if next(steps) == point:
        os.kill(os.getpid(), 9)


keeper(folder).create(opened(folder), verify=True, go_on=go_on)
"""
RESTORE = """
from pathlib import Path

import duckdb
import memory_core.engine.stores.duckdb.backups
from support.shelves import keeper

folder, backup = map(Path, sys.argv[1:])
kept_by = keeper(folder)
arm()
kept_by.restore(backup, "", replace=True)
"""
# Rows that are in the WAL alone: the store is not closed.
FILL_AND_DIE = """
import os
import sys
from pathlib import Path

from support.entries import entry
from support.shelves import fill, opened

store = opened(Path(sys.argv[1]))
if sys.argv[2] == "full":
    fill(store)
else:
    store.insert([entry("after the backup")])
os._exit(0)
"""


def fill_and_die(folder: Path, how: str) -> None:
    tests = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", FILL_AND_DIE, str(folder), how], cwd=tests, check=True)
    assert (folder / "memories.duckdb.wal").stat().st_size > 0


def contents(folder: Path) -> set[str]:
    """Of the store there, opened as a server opens it."""
    with contextlib.closing(opened(folder)) as store:
        assert store.flaws() == []
        return {one.memory.content for batch in store.export() for one in batch}


def test_killed_while_a_backup_is_made_leaves_whole_ones_and_a_store_that_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    fill_and_die(folder, "full")
    everything = contents(folder)
    kept_by = keeper(folder, keep=1)
    with contextlib.closing(opened(folder)) as store:
        kept_by.create(store, verify=True)
    point = 0
    while killed_at(point := point + 1, CREATE, folder):
        names = kept_by.shelf.names()
        for name in names:
            place = kept_by.shelf.place(name)
            assert damages(place, read_manifest(place), lambda: None) == [], point
        backups = kept_by.list().backups
        assert BackupState.BROKEN not in {each.state for each in backups}
        assert BackupState.VERIFIED in {each.state for each in backups}, "a good one stays"
        assert contents(folder) == everything

    assert point > 15, "the points are where the work is"
    assert litter(kept_by) == []
    assert kept_by.list().backups[-1].state is BackupState.VERIFIED


def test_killed_while_a_backup_is_restored_leaves_the_old_store_or_the_new_one(tmp_path: Path) -> None:
    original = tmp_path / "original"
    fill_and_die(original, "full")
    with contextlib.closing(opened(original)) as store:
        made = keeper(original).create(store, verify=True)
    backup = folder_of(keeper(original), made).rename(tmp_path / "backup")
    new = contents(original)
    fill_and_die(original, "more")
    old = new | {"after the backup"}

    outcomes = []
    point, killed = 0, True
    while killed:
        folder = tmp_path / f"data-{(point := point + 1)}"
        shutil.copytree(original, folder)
        killed = killed_at(point, RESTORE, folder, backup)
        there = contents(folder)
        assert there in (old, new), point
        outcomes.append(there == new)
        replaced = list((folder / "replaced").glob("*.duckdb"))
        assert len(replaced) == (there == new), point
        if replaced:
            shutil.copytree(folder / "replaced", tmp_path / "kept", dirs_exist_ok=True)
            moved = tmp_path / "kept" / replaced[0].name
            assert {row[1] for row in rows(moved)["memories"]} == old, "with the rows that were in its WAL alone"
        assert not [left for left in folder.iterdir() if left.name.startswith(".")], point
        shutil.rmtree(folder)

    assert outcomes == sorted(outcomes), "once it is to be the new one, it is the new one"
    assert not outcomes[0]
    assert outcomes.count(True) > 4, "some points lie in the midst of the taking over"
    assert point > 10


@pytest.mark.parametrize("step", [1, 5, 9, 15, 22, 28])
def test_killed_between_two_tables_leaves_whole_backups(tmp_path: Path, step: int) -> None:
    folder = tmp_path / "data"
    fill_and_die(folder, "full")
    everything = contents(folder)

    assert killed_at(step, CREATE_BY_STEPS, folder)

    kept_by = keeper(folder)
    for name in kept_by.shelf.names():
        place = kept_by.shelf.place(name)
        assert damages(place, read_manifest(place), lambda: None) == []
    assert contents(folder) == everything
    with contextlib.closing(opened(folder)) as store:
        assert kept_by.create(store, verify=True).state is BackupState.VERIFIED
    assert litter(kept_by) == []
