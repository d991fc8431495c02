"""Opening a store: one process at a time, and files that are not ours are told apart and left alone."""

import contextlib
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore, open_store, opening
from memory_core.errors import InternalError, UnavailableError
from memory_core.types import Scope
from support.disks import make_read_only, small_disk
from support.entries import entry
from support.platforms import closed_to_others


def options(folder: Path, min_free_bytes: int = 0) -> StoreOptions:
    return StoreOptions(data_dir=folder, threads=1, min_free_bytes=min_free_bytes)


def opened(folder: Path) -> contextlib.closing[DuckDBStore]:
    return contextlib.closing(open_store("", options(folder)))


def refusal(folder: Path) -> str:
    with pytest.raises(UnavailableError) as caught:
        open_store("", options(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_new_store_is_for_its_owner_alone(tmp_path: Path) -> None:
    with opened(tmp_path / "new" / "data") as store:
        folder = tmp_path / "new" / "data"
        assert closed_to_others(folder)
        assert closed_to_others(folder / "memories.duckdb")
        assert store.location == str(folder / "memories.duckdb")


def test_the_file_may_be_named_by_the_location(tmp_path: Path) -> None:
    for location in ("other.duckdb", str(tmp_path / "elsewhere" / "it's.duckdb")):
        with contextlib.closing(open_store(location, options(tmp_path))) as store:
            store.insert([entry()])
            assert Path(store.location).exists()


def test_plain_duckdb_reads_the_file(tmp_path: Path) -> None:
    kept = entry("Straße 🦆", project_id="x")
    with opened(tmp_path) as store:
        store.insert([kept])

    with duckdb.connect(tmp_path / "memories.duckdb", read_only=True) as plain:
        rows = plain.execute("SELECT id, content, memory_type FROM memories").fetchall()
    assert rows == [(kept.memory.id, "Straße 🦆", "fact")]


def test_a_second_opening_names_the_process_that_holds_the_store(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import open_store
store = open_store("", StoreOptions(data_dir=Path({str(tmp_path)!r})))
print("open", flush=True)
input()
store.close()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        assert f"in use by process {holder.pid}" in refusal(tmp_path)
        holder.communicate("\n")

    with opened(tmp_path) as store:
        assert store.counts(Scope()).total == 0


def test_the_same_process_cannot_open_a_store_twice_and_the_first_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert "in use" in refusal(tmp_path)
        store.insert([entry()])


def test_a_plain_duckdb_that_holds_the_file_is_named(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    script = (
        f"import duckdb; c = duckdb.connect({str(tmp_path / 'memories.duckdb')!r}); print('open', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        assert f"in use by process {holder.pid}" in refusal(tmp_path)
        holder.communicate("\n")


def _text(path: Path) -> None:
    path.write_text("no database at all\n" * 1000, encoding="utf-8")


def _empty(path: Path) -> None:
    path.touch()


def _damaged(path: Path) -> None:
    with opened(path.parent) as store:
        store.insert([entry()])
    content = bytearray(path.read_bytes())
    content[4096:4200] = bytes(104)
    content[8192:8300] = bytes(108)
    path.write_bytes(content)


def _newer(path: Path) -> None:
    with opened(path.parent):
        pass
    with duckdb.connect(path) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (99, 'from the future', 'x', TIMESTAMP '2030-01-01')")


def _changed_history(path: Path) -> None:
    with opened(path.parent):
        pass
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE schema_migrations SET checksum = 'another'")


def _founding(path: Path) -> None:
    """As the founding project wrote it, with a WAL that it did not get to check-point."""
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE memories (id VARCHAR PRIMARY KEY, content VARCHAR, embedding FLOAT[384])")
    connection = duckdb.connect(path, config={"checkpoint_threshold": "1GB"})
    connection.execute("PRAGMA disable_checkpoint_on_shutdown")
    connection.execute("INSERT INTO memories VALUES ('1', 'old', NULL)")
    connection.close()
    assert path.with_name(path.name + ".wal").stat().st_size


def _foreign(path: Path) -> None:
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE invoices (number INTEGER)")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_text, "cannot be read as a store"),
        (_empty, "cannot be read as a store"),
        (_damaged, "cannot be read as a store"),
        (_newer, "schema version 99, newer than this program knows"),
        (_changed_history, "another form of schema version 1"),
        (_founding, "older claude-local-memory-server"),
        (_foreign, "another program"),
    ],
)
def test_a_file_that_cannot_be_used_gets_one_sentence_and_stays_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    make(tmp_path / "memories.duckdb")
    before = _digests(tmp_path)

    for _ in range(2):  # the first refusal lets go of everything, so that the second is the same
        assert words in refusal(tmp_path)
        assert _digests(tmp_path) == before


def _digests(folder: Path) -> dict[str, str]:
    files = [file for file in folder.iterdir() if not file.name.endswith(".lock")]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_file_of_another_user_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    """A backup in its place would be the wrong advice. Root may open every file, so the sentence is DuckDB's."""
    path = tmp_path / "memories.duckdb"

    sentence = opening.refusal(path, f'IO Error: Cannot open file "{path}": Permission denied')

    assert sentence.startswith(f"{path} belongs to another user, or is closed to this one; it is unchanged")
    assert "backup" not in sentence


def test_a_folder_in_the_place_of_the_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "memories.duckdb").mkdir()

    assert str(tmp_path / "memories.duckdb") in refusal(tmp_path)


def test_a_data_directory_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert "cannot hold the store" in refusal(tmp_path / "file")
    assert "cannot hold the store" in refusal(tmp_path / "file" / "deeper")


def test_a_read_only_disk_is_said_so_and_keeps_the_store(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 32) as disk:
        with opened(disk):
            pass
        (disk / "memories.duckdb.lock").unlink()
        before = _digests(disk)
        make_read_only(disk)

        assert "Read-only file system" in refusal(disk)
        assert _digests(disk) == before


def test_no_store_is_begun_on_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="MB free") as caught:
        open_store("", options(tmp_path, min_free_bytes=1 << 60))

    assert "\n" not in str(caught.value)
    assert not (tmp_path / "memories.duckdb").exists()


@pytest.mark.parametrize("free", [0, 8_192, 100_000, 400_000])
def test_a_store_that_does_not_fit_on_the_disk_is_said_so_and_can_be_begun_later(tmp_path: Path, free: int) -> None:
    """Without the floor: whichever step it is that finds no room."""
    with small_disk(tmp_path / "disk", 4) as disk:
        (disk / "data").mkdir()
        (disk / "ballast").write_bytes(b"x" * (shutil.disk_usage(disk).free - free))

        assert "disk is full" in refusal(disk / "data") or "cannot hold the store" in refusal(disk / "data")
        (disk / "ballast").unlink()
        with opened(disk / "data") as store:
            store.insert([entry()])


def test_a_store_on_a_full_disk_opens_for_reading(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.insert([entry("there")])

    with contextlib.closing(open_store("", options(tmp_path, min_free_bytes=1 << 60))) as store:
        assert store.newest(Scope(), limit=1)[0].content == "there"


def test_options_that_duckdb_does_not_take_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="options"):
        open_store("", StoreOptions(data_dir=tmp_path, memory_limit="much"))
    with opened(tmp_path):
        pass


def test_an_older_duckdb_is_refused_in_a_sentence() -> None:
    with pytest.raises(UnavailableError, match=r"duckdb 1\.5\.5 is installed"):
        opening.check_library("1.5.5")
    opening.check_library("2.0.0")
    opening.check_library("2.11.3.dev4")


def test_the_store_reaches_no_file_outside_its_folders(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n", encoding="utf-8")
    refused = pytest.raises(InternalError, match="PermissionException")
    with opened(tmp_path) as store, refused, store._db.read() as cursor:
        cursor.execute(f"FROM read_csv('{tmp_path}/secret.csv')")
