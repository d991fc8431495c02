"""Backups from a shell: made, listed and verified wherever the server is, restored where its files are."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from support.machines import Machine

LINE = re.compile(
    r"\d{8}T\d{6}\.\d{3}Z  \d{4}-\d\d-\d\d \d\d:\d\d  (1 memory|[\d,]+ memories)  [\d.]+ [kM]B  schema \d+  (\w+)"
)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "home", MEMORY_PROJECT="p")
    yield machine
    assert machine.run("stop").code == 0


def test_a_backup_is_made_listed_and_verified(machine: Machine) -> None:
    machine.run("-p", "backups", "add", "to be backed up")

    made = machine.run("backup", "create")
    quick = machine.run("--json", "backup", "create", "--no-verify").json
    listed = machine.run("backup", "list").out.splitlines()
    verified = machine.run("backup", "verify", quick["name"])

    shown = LINE.fullmatch(made.out.rstrip())
    assert shown is not None, made.out
    assert shown[2] == "verified"
    assert quick["state"] == "unverified"
    assert made.out.rstrip() in listed
    assert [line.split()[0] for line in listed] == sorted(line.split()[0] for line in listed)
    assert verified.out.startswith(quick["name"])
    assert verified.out.endswith("verified\n")
    assert machine.run("backup", "verify").out == verified.out, "without a name it is the newest"
    assert machine.run("backup", "verify", "20200101T000000.000Z").code == 3


def test_a_store_is_restored_and_the_one_it_replaces_is_kept(own: Machine) -> None:
    own.run("add", "before the backup")
    name = own.run("--json", "backup", "create").json["name"]
    own.run("add", "after the backup")

    refused = own.run("backup", "restore", name)
    assert refused.code == 1
    assert "--replace" in refused.err
    assert "after the backup" in own.run("list").out

    restored = own.run("backup", "restore", name, "--replace")
    assert restored.code == 0, restored.err
    assert f"Restored {name} with 1 memory to " in restored.out
    assert "the local server was stopped for this; the next command starts it again" in restored.err
    (line,) = own.run("list").out.splitlines()
    assert "before the backup" in line
    kept = Path(restored.out.split("is kept as ")[1].strip())
    with duckdb.connect(kept, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM memories").fetchall() == [(2,)]


def test_a_new_machine_starts_from_a_backup(own: Machine, tmp_path: Path) -> None:
    own.run("add", "moves to another machine")
    name = own.run("--json", "backup", "create").json["name"]
    other = Machine(tmp_path / "other", MEMORY_PROJECT="p")

    restored = other.run("--json", "backup", "restore", own.home / ".claude-memory" / "backups" / name).json

    assert (restored["memories"], restored["replaced"]) == (1, None)
    assert "moves to another machine" in other.run("search", "another machine").out
    assert other.run("backup", "list").out.startswith("No backups in ")
    assert other.run("backup", "verify").code == 3
    other.run("stop")


def test_a_server_elsewhere_is_restored_there(remote_machine: Machine) -> None:
    name = remote_machine.run("--json", "backup", "create").json["name"]

    refused = remote_machine.run("backup", "restore", name, "--replace")

    assert refused.code == 2
    assert f"memory-server backup restore {name} --replace" in refused.err


def test_a_broken_backup_is_an_exit_code(own: Machine) -> None:
    name = own.run("--json", "backup", "create").json["name"]
    (own.home / ".claude-memory" / "backups" / name / "notes.parquet").unlink()

    found = own.run("backup", "verify", name)
    refused = own.run("backup", "restore", name, "--replace")

    assert (found.code, refused.code) == (1, 1)
    assert f"claude-memory: {name} is broken: notes.parquet is missing" in found.err
    assert "is broken and was not restored: notes.parquet is missing" in refused.err
    assert "broken  notes.parquet is missing" in own.run("backup", "list").out
