"""Back to the file from before an upgrade: what is there now is kept, and what was written since is exported."""

import shutil
from pathlib import Path

import duckdb
import pytest

from memory_core.engine.parquet import read_parquet
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore
from memory_core.engine.stores.duckdb.migrations import MIGRATIONS
from memory_core.engine.stores.duckdb.rollback import Done, Plan, planned, roll_back
from memory_core.errors import InvalidError, UnavailableError
from memory_core.types import Scope
from support.entries import edited, entry
from support.kills import kills

OLDER = MIGRATIONS[:-1]


def opened(folder: Path, *, older: bool = False) -> DuckDBStore:
    options = StoreOptions(data_dir=folder, threads=1, min_free_bytes=0)
    return DuckDBStore(folder / "memories.duckdb", options, migrations=OLDER if older else MIGRATIONS)


@pytest.fixture
def upgraded(tmp_path: Path) -> Path:
    """The folder of a store that was upgraded, and written to afterwards."""
    folder = tmp_path / "data"
    opened(folder, older=True).close()
    store = opened(folder)
    store.insert([entry("from after")])
    store.close()
    return folder


def rolled_back(folder: Path, to: str | None = None) -> tuple[Plan, Done]:
    with planned(folder / "memories.duckdb", to) as plan:
        return plan, roll_back(plan)


def version_of(file: Path) -> int:
    with duckdb.connect(file, read_only=True) as connection:
        return int(connection.execute("SELECT max(version) FROM schema_migrations").fetchall()[0][0])


def contents(folder: Path) -> list[str]:
    store = opened(folder)
    found = [memory.content for memory in store.newest(Scope(), limit=50)]
    store.close()
    return found


def test_the_snapshot_is_the_store_again_and_what_was_there_is_kept(upgraded: Path) -> None:
    (snapshot,) = (upgraded / "snapshots").glob("*.duckdb")
    before = (upgraded / "memories.duckdb").read_bytes()

    plan, done = rolled_back(upgraded)

    assert (plan.snapshot_version, plan.version) == (OLDER[-1].version, MIGRATIONS[-1].version)
    assert (upgraded / "memories.duckdb").read_bytes() == snapshot.read_bytes()
    assert done.kept.read_bytes() == before
    assert version_of(upgraded / "memories.duckdb") == OLDER[-1].version
    opened(upgraded, older=True).close()


def test_what_was_added_or_changed_since_is_exported(upgraded: Path) -> None:
    rolled_back(upgraded)
    opened(upgraded).close()  # upgraded once more, now with a snapshot that holds something
    store = opened(upgraded)
    kept, changed, new = entry("stays"), entry("changes"), entry("new")
    store.insert([kept, changed])
    store.close()
    shutil.copy(upgraded / "memories.duckdb", upgraded / "snapshots" / "mine.duckdb")
    store = opened(upgraded)
    store.change(changed.memory.id, edited(content="has changed"))
    store.insert([new])
    store.close()

    plan, done = rolled_back(upgraded, "mine.duckdb")

    assert done.exported is not None
    exported = [one.memory for batch in read_parquet(done.exported) for one in batch]
    assert sorted(memory.content for memory in exported) == ["has changed", "new"]
    assert set(plan.since or ()) == {changed.memory.id, new.memory.id}
    assert sorted(contents(upgraded)) == ["changes", "stays"]


def test_nothing_is_exported_where_nothing_was_written_since(tmp_path: Path) -> None:
    opened(tmp_path, older=True).close()
    opened(tmp_path).close()

    plan, done = rolled_back(tmp_path)

    assert (plan.since, done.exported) == ((), None)


def test_a_store_in_use_is_not_rolled_back(upgraded: Path) -> None:
    store = opened(upgraded)

    with pytest.raises(UnavailableError, match="in use"):
        rolled_back(upgraded)

    store.close()


def test_a_snapshot_that_is_damaged_is_refused_and_the_store_stays(upgraded: Path) -> None:
    (snapshot,) = (upgraded / "snapshots").glob("*.duckdb")
    snapshot.write_bytes(b"no database at all\n" * 1000)

    with pytest.raises(UnavailableError, match="cannot be read"):
        rolled_back(upgraded)

    assert contents(upgraded) == ["from after"]
    assert not (upgraded / "replaced").exists()


@pytest.mark.parametrize("to", ["nowhere", "../memories.duckdb", ""])
def test_what_is_no_snapshot_is_refused(upgraded: Path, to: str) -> None:
    with pytest.raises(InvalidError, match=r"there is no snapshot .*; there are: memories-v"):
        rolled_back(upgraded, to)


SCRIPT = """
from pathlib import Path

import duckdb
from memory_core.engine.stores.duckdb.rollback import planned, roll_back

folder = Path(sys.argv[1])
arm()
with planned(folder / "memories.duckdb", None) as plan:
    roll_back(plan)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)  # some thirty processes, on a machine that may be busy
def test_killed_at_any_step_a_rollback_loses_neither_store(upgraded: Path, tmp_path: Path) -> None:
    beginning = tmp_path / "beginning"
    shutil.copytree(upgraded, beginning)
    (snapshot,) = (upgraded / "snapshots").glob("*.duckdb")
    steps = 0
    for _ in kills(SCRIPT, upgraded):
        found = contents(upgraded)  # finishes what was under way; of the older schema it makes the newest
        kept = [version_of(file) for file in (upgraded / "replaced").glob("*.duckdb")]
        assert found == ["from after"] or kept == [MIGRATIONS[-1].version]
        assert snapshot.exists()
        assert not list(upgraded.glob("*.exchange"))
        shutil.rmtree(upgraded)
        shutil.copytree(beginning, upgraded)
        steps += 1
    assert steps > 6, "each of the renames was among them"
