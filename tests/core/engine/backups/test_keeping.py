"""Backups of real stores: what is restored equals what was there, at one moment, and every damage is found."""

import contextlib
import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from memory_core.backups import BackupState
from memory_core.engine.backups.manifest import FILE_NAME, read_manifest, write_manifest
from memory_core.engine.stores.duckdb import DuckDBStore, open_store
from memory_core.engine.stores.duckdb.backups import DuckDBBackups
from memory_core.engine.stores.duckdb.migrations import MIGRATIONS
from memory_core.errors import (
    ConflictError,
    InternalError,
    NotFoundError,
    StorageFullError,
    UnavailableError,
)
from memory_core.types import Scope
from support.disks import small_disk
from support.entries import START, edited, embed, entry, probe, random_vectors, trash
from support.platforms import posix_only
from support.released import released_store
from support.shelves import fill, folder_of, keeper, litter, opened, options, rows


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "it's here"  # a quote must do no harm


@pytest.fixture
def store(place: Path) -> Iterator[DuckDBStore]:
    with contextlib.closing(opened(place)) as filled:
        fill(filled)
        yield filled


def restored(backup: Path, folder: Path) -> Path:
    """The file of a new store in `folder`, made from `backup`."""
    folder.mkdir()
    return Path(keeper(folder).restore(backup, "", replace=False).path)


def test_a_restored_store_has_every_row_of_every_table(store: DuckDBStore, place: Path, tmp_path: Path) -> None:
    kept_by = keeper(place)
    made = kept_by.create(store, verify=True)
    file = restored(folder_of(kept_by, made), tmp_path / "new")
    before = [one for batch in store.export() for one in batch]
    store.close()

    assert (made.state, made.notes, made.memories) == (BackupState.VERIFIED, (), 41)
    assert rows(file) == rows(place / "memories.duckdb")
    with contextlib.closing(opened(tmp_path / "new")) as again:
        after = [one for batch in again.export() for one in batch]
        assert [one.memory for one in after] == [one.memory for one in before]
        again.insert([entry("goes on")])
        assert again.candidates(probe("goes", vector=random_vectors(1)[0]), Scope())
        assert again.flaws() == []


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60)


@settings(max_examples=15)
@given(st.lists(st.tuples(TEXTS, st.lists(TEXTS, max_size=3), st.none() | TEXTS, st.booleans()), max_size=12))
def test_whatever_memories_hold_comes_back(drawn: list[tuple[str, list[str], str | None, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "data")
        kept = [
            entry(text, tags=tuple(tags), project_id=project, deleted_at=START if trashed else None)
            for text, tags, project, trashed in drawn
        ]
        with contextlib.closing(opened(place)) as store:
            store.insert(kept)
            made = keeper(place).create(store, verify=True)
        file = restored(folder_of(keeper(place), made), Path(folder, "new"))
        with contextlib.closing(opened(file.parent)) as again:
            assert [one.memory for batch in again.export() for one in batch] == [one.memory for one in kept]
        assert rows(file) == rows(place / "memories.duckdb")


def test_an_empty_store_is_backed_up_like_any_other(place: Path, tmp_path: Path) -> None:
    with contextlib.closing(opened(place)) as store:
        made = keeper(place).create(store, verify=True)

    assert made.memories == 0
    assert rows(restored(folder_of(keeper(place), made), tmp_path / "new"))["memories"] == []


@posix_only("files have no modes there")
def test_only_its_owner_may_read_a_backup(store: DuckDBStore, place: Path) -> None:
    before = os.umask(0)
    try:
        made = keeper(place).create(store, verify=True)
    finally:
        os.umask(before)

    folder = folder_of(keeper(place), made)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)} == {0o700}
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_plain_duckdb_imports_a_backup(store: DuckDBStore, place: Path, tmp_path: Path) -> None:
    made = keeper(place).create(store, verify=False)
    moved = folder_of(keeper(place), made).rename(tmp_path / "moved")

    with duckdb.connect() as plain:
        plain.execute(f"IMPORT DATABASE '{moved}'").fetchall()
        assert plain.execute("SELECT count(*) FROM memories").fetchall() == [(41,)]


def test_a_backup_shows_the_moment_it_began_whatever_is_written_while_it_is_made(
    store: DuckDBStore, place: Path, tmp_path: Path
) -> None:
    """Between any two tables somebody adds, changes, trashes, embeds, and merges the index."""
    steps = 0
    expected = [one.memory for batch in store.export() for one in batch]

    def others_write() -> None:
        nonlocal steps
        steps += 1
        late = entry(f"late {steps}")
        store.insert([late])
        store.change(late.memory.id, edited(content=f"changed {steps}"))
        store.change(expected[steps % len(expected)].id, edited(content=f"other {steps}"))
        waiting = store.pending(limit=1)
        store.set_vectors({waiting[0].doc: random_vectors(steps)})
        if steps == 3:
            trash(store, Scope(), content_contains="number 2", at=START)
            with store._db.write() as cursor:
                from memory_core.engine.stores.duckdb import maintenance

                maintenance.merge_postings(cursor)
        store.maintain()

    made = keeper(place).create(store, verify=True, go_on=others_write)

    assert steps > 8
    assert made.notes == (), "index, queue and vectors are of the same moment as the rows"
    file = restored(folder_of(keeper(place), made), tmp_path / "new")
    with contextlib.closing(opened(file.parent)) as again:
        assert [one.memory for batch in again.export() for one in batch] == expected


def test_several_writers_go_on_while_backups_are_made(store: DuckDBStore, place: Path) -> None:
    stop = threading.Event()
    written = [0, 0, 0]

    def keep_writing(number: int) -> None:
        while not stop.is_set():
            one = entry(f"writer {number} memory {written[number]}")
            store.insert([one])
            if number == 0:
                embed(store, {one.memory.id: random_vectors(number)})
            store.change(one.memory.id, edited(content=f"writer {number} changed {written[number]}"))
            written[number] += 1

    writers = [threading.Thread(target=keep_writing, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    try:
        made = [keeper(place).create(store, verify=True) for _ in range(3)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()

    assert all(written)
    assert [(each.state, each.notes) for each in made] == [(BackupState.VERIFIED, ())] * 3


def test_a_flipped_byte_in_any_file_is_found(store: DuckDBStore, place: Path) -> None:
    kept_by = keeper(place)
    made = kept_by.create(store, verify=True)
    folder = folder_of(kept_by, made)
    names = [*(file.name for file in read_manifest(folder).files), FILE_NAME]
    assert len(names) > 9
    for name in names:
        whole = (folder / name).read_bytes()
        middle = len(whole) // 2
        (folder / name).write_bytes(whole[:middle] + bytes([whole[middle] ^ 0x40]) + whole[middle + 1 :])

        found = kept_by.verify(made.name)

        assert (found.state, name in (found.problem or "")) == (BackupState.BROKEN, True), name
        assert kept_by.list().backups[0].state is BackupState.BROKEN
        with pytest.raises(UnavailableError, match="is broken and was not restored"):
            kept_by.restore(folder, "other.duckdb", replace=False)
        (folder / name).write_bytes(whole)
    assert kept_by.verify(made.name).state is BackupState.VERIFIED
    assert not (place / "other.duckdb").exists()


def test_a_missing_file_is_found_without_verifying(store: DuckDBStore, place: Path) -> None:
    kept_by = keeper(place)
    made = kept_by.create(store, verify=True)
    (folder_of(kept_by, made) / "models.parquet").unlink()

    assert kept_by.list().backups[0].problem == "models.parquet is missing"
    assert kept_by.verify(made.name).problem == "models.parquet is missing"


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("memories", {"rows": 40}, "table memories has 41 rows instead of 40"),
        ("vectors_1", {"digest": "1"}, "table vectors_1 has other rows than were written"),
    ],
)
def test_rows_that_are_not_those_of_the_store_are_found(
    store: DuckDBStore, place: Path, table: str, change: dict[str, object], said: str
) -> None:
    """As if the export itself had gone wrong: every checksum is right."""
    kept_by = keeper(place)
    made = kept_by.create(store, verify=False)
    folder = folder_of(kept_by, made)
    manifest = read_manifest(folder)
    tables = tuple(replace(each, **change) if each.name == table else each for each in manifest.tables)
    write_manifest(folder, replace(manifest, tables=tables))

    assert kept_by.verify(made.name).problem == said
    store.close()
    with pytest.raises(UnavailableError, match=said):
        kept_by.restore(folder, "", replace=True)


def test_a_flaw_of_the_store_itself_is_told_and_restored(store: DuckDBStore, place: Path, tmp_path: Path) -> None:
    with store._db.write() as cursor:
        cursor.execute("DELETE FROM postings").fetchall()

    made = keeper(place).create(store, verify=True)

    assert made.state is BackupState.VERIFIED
    assert "as in the store itself, memories whose words are not all in the index" in made.notes[0]
    assert restored(folder_of(keeper(place), made), tmp_path / "new").exists()


def test_a_backup_by_another_duckdb_is_compared_by_its_checksums_and_counts(store: DuckDBStore, place: Path) -> None:
    kept_by = keeper(place)
    made = kept_by.create(store, verify=False)
    folder = folder_of(kept_by, made)
    write_manifest(folder, replace(read_manifest(folder), digest_kind="another"))

    found = kept_by.verify(made.name)

    assert found.state is BackupState.VERIFIED
    assert "by their number alone" in found.notes[0]


def test_a_newer_schema_is_refused_and_an_older_one_brought_up_to_date(place: Path, tmp_path: Path) -> None:
    first = MIGRATIONS[:1]
    place.mkdir()
    kept = released_store(1, place / "memories.duckdb")
    old = DuckDBStore(place / "memories.duckdb", options(place), migrations=first)
    made = keeper(place).create(old, verify=False)
    old.close()
    assert made.schema_version == 1

    file = restored(folder_of(keeper(place), made), tmp_path / "new")
    with contextlib.closing(opened(file.parent)) as store:
        found = {one.memory.id: one.memory.content for batch in store.export() for one in batch}
        assert found == {known["id"]: known["content"] for known in kept["memories"]}
        newer = keeper(tmp_path / "new").create(store, verify=True)
    assert newer.schema_version == len(MIGRATIONS)
    assert not (file.parent / "snapshots").exists(), "the backup is the copy from before"

    behind = keeper(tmp_path / "new", format=DuckDBBackups(first))
    for refused in (
        lambda: behind.restore(folder_of(behind, newer), "", replace=True),
        lambda: behind.verify(newer.name),
    ):
        with pytest.raises(UnavailableError, match=r"newer than this program knows \(1\); upgrade the program"):
            refused()
    assert behind.list().backups[0].state is BackupState.VERIFIED, "it is not broken for that"


def test_a_restore_refuses_a_store_that_is_there_and_keeps_one_it_replaces(store: DuckDBStore, place: Path) -> None:
    kept_by = keeper(place)
    made = kept_by.create(store, verify=True)
    folder = folder_of(kept_by, made)
    late = entry("after the backup")
    store.insert([late])
    with pytest.raises(UnavailableError, match="in use"):
        kept_by.restore(folder, "", replace=True)
    store.close()
    before = rows(place / "memories.duckdb")

    with pytest.raises(ConflictError, match="--replace"):
        kept_by.restore(folder, "", replace=False)
    assert rows(place / "memories.duckdb") == before

    result = kept_by.restore(folder, "", replace=True)

    assert result.memories == 41
    assert result.replaced is not None
    assert Path(result.replaced).parent == place / "replaced"
    assert rows(Path(result.replaced)) == before
    with contextlib.closing(opened(place)) as again, pytest.raises(NotFoundError):
        again.get(late.memory.id, trashed=None)
    assert not [left for left in place.iterdir() if left.name.startswith(".")]


def test_an_exchange_without_its_stores_is_never_an_empty_store(store: DuckDBStore, place: Path) -> None:
    """Somebody tidied up between a crash and the next start."""
    store.close()
    (place / "memories.duckdb").rename(place / "elsewhere.duckdb")
    note = place / "memories.duckdb.exchange"
    note.write_text(
        '{"new": ".memories.duckdb.restore/memories.duckdb", "kept": "replaced/old.duckdb"}', encoding="utf-8"
    )
    with pytest.raises(UnavailableError, match="neither it nor the new store is there"):
        opened(place)
    note.write_text("{", encoding="utf-8")
    with pytest.raises(UnavailableError, match="damaged"):
        opened(place)

    (place / "elsewhere.duckdb").rename(place / "memories.duckdb")
    note.unlink()
    opened(place).close()


def test_a_second_one_is_refused_while_a_backup_is_made(store: DuckDBStore, place: Path) -> None:
    refused = []

    def ask_again() -> None:
        with pytest.raises(ConflictError, match="already") as caught:
            keeper(place).create(store, verify=False)
        refused.append(caught)

    keeper(place).create(store, verify=True, go_on=ask_again)

    assert refused
    assert len(keeper(place).list().backups) == 1


def test_what_is_given_up_leaves_nothing(store: DuckDBStore, place: Path) -> None:
    kept_by, steps = keeper(place), 0

    def give_up_after(most: int) -> None:
        nonlocal steps
        steps += 1
        if steps > most:
            raise UnavailableError("stopping")

    for most in (0, 1, 5, 12, 20):
        steps = 0
        with pytest.raises(UnavailableError, match="stopping"):
            kept_by.create(store, verify=True, go_on=lambda most=most: give_up_after(most))  # type: ignore[misc]
        assert litter(kept_by) == []
    assert all(each.state is BackupState.UNVERIFIED for each in kept_by.list().backups)
    assert kept_by.create(store, verify=True).state is BackupState.VERIFIED


def test_old_ones_go_only_when_a_new_one_is_found_good(store: DuckDBStore, place: Path) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    kept_by = keeper(place, keep=2, clock=lambda: now)
    (place / "backups").mkdir()
    mine = place / "backups" / "holiday"
    mine.mkdir()
    for _ in range(4):
        now += timedelta(minutes=1)
        kept_by.create(store, verify=True)
    # The two newest, and the last of the week before those.
    assert len(kept_by.shelf.names()) == 3

    now += timedelta(minutes=1)
    kept_by.create(store, verify=False)
    assert len(kept_by.shelf.names()) == 4
    now += timedelta(minutes=1)
    with pytest.raises(InternalError, match="does not equal the store"):
        keeper(place, keep=2, clock=lambda: now, format=Faulty()).create(store, verify=True)
    states = [each.state for each in kept_by.list().backups]
    assert states == [BackupState.VERIFIED] * 3 + [BackupState.UNVERIFIED, BackupState.BROKEN]
    assert mine.exists()


class Faulty(DuckDBBackups):
    """Finds fault with everything."""

    def check(self, *_: object) -> object:  # type: ignore[override]
        from memory_core.engine.backups.ports import Checked

        return Checked(problems=("nothing is right",))


def test_without_room_it_is_refused_before_it_begins(store: DuckDBStore, place: Path) -> None:
    kept_by = keeper(place, options=options(place, min_free_bytes=1 << 60))

    with pytest.raises(StorageFullError, match="make room"):
        kept_by.create(store, verify=True)
    made = keeper(place).create(store, verify=False)
    with pytest.raises(StorageFullError, match="make room"):
        kept_by.verify(made.name)
    store.close()
    with pytest.raises(StorageFullError, match="make room"):
        kept_by.restore(folder_of(kept_by, made), "", replace=True)

    assert kept_by.list().backups[0].state is BackupState.UNVERIFIED
    assert litter(kept_by) == []
    assert rows(place / "memories.duckdb")["memories"]


@pytest.mark.parametrize("step", [1, 4, 9, 20, 24])
def test_a_disk_that_fills_up_meanwhile_leaves_no_half_backup(place: Path, tmp_path: Path, step: int) -> None:
    """On the disk of the backups; the store's own has room."""
    steps = 0
    with small_disk(tmp_path / "disk", 32) as disk:
        backups = disk / "backups"

        def fill_the_disk() -> None:
            nonlocal steps
            steps += 1
            if steps == step:
                with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
                    while file.write(b"x" * 4096):
                        pass

        given = options(place, backup_dir=backups)
        from memory_core.engine.backups.shelf import Shelf

        kept_by = keeper(place, options=given, shelf=Shelf(backups))
        with contextlib.closing(open_store("", given)) as store:
            fill(store, 400)
            store.insert([entry(os.urandom(2_000).hex()) for _ in range(1_000)])
            with pytest.raises(StorageFullError, match="make room"):
                kept_by.create(store, verify=True, go_on=fill_the_disk)
            assert litter(kept_by) == []
            assert all(each.state is BackupState.UNVERIFIED for each in kept_by.list().backups)
            (disk / "ballast").unlink()
            assert kept_by.create(store, verify=True).state is BackupState.VERIFIED


def test_no_folder_no_backup_and_a_sentence(store: DuckDBStore, place: Path) -> None:
    kept_by = keeper(place)
    (place / "backups").write_text("in the way", encoding="utf-8")

    with pytest.raises(UnavailableError, match="cannot hold backups"):
        kept_by.create(store, verify=True)
    (place / "backups").unlink()
    assert kept_by.list().backups == ()
    for name in ("20261125T183000.123Z", "../x", ""):
        with pytest.raises(NotFoundError, match="there is no backup"):
            kept_by.verify(name)
