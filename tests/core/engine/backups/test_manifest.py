"""A manifest tells of every byte that changed, its own included, and leads nowhere else."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from memory_core.engine.backups.manifest import (
    FILE_NAME,
    FORMAT,
    BackupTable,
    Contents,
    Manifest,
    damages,
    describe,
    read_manifest,
    write_manifest,
)
from memory_core.errors import InvalidError, MemoryServiceError, NotFoundError, UnavailableError

CONTENTS = Contents(
    kind="duckdb",
    schema_version=2,
    memories=1,
    store_bytes=1000,
    files=("a.parquet", "b.sql"),
    tables=(BackupTable(name="a", file="a.parquet", rows=1, digest="7"),),
    digest_kind="k",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.parquet").write_bytes(b"PAR1...")
    (tmp_path / "b.sql").write_bytes(b"CREATE")
    write(tmp_path)
    return tmp_path


def write(folder: Path, contents: Contents = CONTENTS) -> Manifest:
    manifest = describe(folder, contents, program_version="1", created_at=datetime(2026, 11, 25, tzinfo=UTC))
    write_manifest(folder, manifest)
    return manifest


def nothing() -> None: ...


def test_what_is_written_is_read(folder: Path) -> None:
    assert read_manifest(folder) == write(folder)
    assert damages(folder, read_manifest(folder), nothing) == []


def test_no_byte_of_the_manifest_changes_unnoticed(folder: Path) -> None:
    path = folder / FILE_NAME
    before, whole = read_manifest(folder), path.read_bytes()
    unnoticed = []
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x01]) + whole[place + 1 :])
        try:
            unnoticed.append((place, read_manifest(folder) == before))
        except MemoryServiceError:
            continue

    assert all(same for _, same in unnoticed), "what is read in spite of it says the same"
    assert len(unnoticed) < 10


@pytest.mark.parametrize("size", [0, 1, 50, 300])
def test_a_manifest_that_is_cut_is_damaged(folder: Path, size: int) -> None:
    path = folder / FILE_NAME
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(InvalidError, match="damaged"):
        read_manifest(folder)


def test_a_folder_without_one_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no backup"):
        read_manifest(tmp_path)


def test_one_of_a_newer_form_is_refused_whatever_it_says_besides(folder: Path) -> None:
    import hashlib

    body = b'{"format": %d, "all": "else is new"}' % (FORMAT + 1)
    seal = hashlib.sha256(body).hexdigest().encode()
    (folder / FILE_NAME).write_bytes(b'{"sha256": "%s", "manifest": %s}' % (seal, body))

    with pytest.raises(UnavailableError, match="upgrade the program"):
        read_manifest(folder)


def test_a_name_that_leads_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder.parent / "outside").write_bytes(b"x")
    write(folder, replace(CONTENTS, files=("../outside",)))

    with pytest.raises(InvalidError, match="no name of a file"):
        read_manifest(folder)


def test_each_damage_is_named(folder: Path) -> None:
    manifest = read_manifest(folder)
    (folder / "a.parquet").write_bytes(b"PAR1..!")
    assert damages(folder, manifest, nothing) == ["a.parquet is damaged: its checksum differs"]
    (folder / "a.parquet").write_bytes(b"PAR1")
    (folder / "b.sql").unlink()
    assert damages(folder, manifest, nothing) == ["a.parquet has 4 bytes instead of 7", "b.sql is missing"]
