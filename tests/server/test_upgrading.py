"""Through the front door: a new program on an old folder, an old file, a newer file; and the way back."""

import subprocess
import sys
import time
from pathlib import Path

import duckdb
import httpx
import pytest

from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore
from memory_core.engine.stores.duckdb.migrations import MIGRATIONS
from support.founding import MEMORIES, founding_store
from support.machines import Machine
from support.servers import ServerDidNotStartError, environment, running_server, start_server

pytestmark = pytest.mark.slow
LATE = {"id": "11111111", "content": "only in the log", "created_at": "2025-04-01 00:00:00+00"}
OLDER = MIGRATIONS[:-1]


def older_store(folder: Path, *contents: str) -> Path:
    """A store of the schema before the newest one."""
    store = DuckDBStore(folder / "memories.duckdb", StoreOptions(data_dir=folder, min_free_bytes=0), migrations=OLDER)
    store.close()
    with duckdb.connect(folder / "memories.duckdb") as connection:
        for number, content in enumerate(contents):  # as a program of that schema wrote it
            memory_id = f"{number:032x}"
            values = f"'{memory_id}', '{content}', 'fact', [], 0.7, 0.7, now()::TIMESTAMP, now()::TIMESTAMP"
            values += f", now()::TIMESTAMP, 'create', 1, {number + 1}, 0, ''::BLOB, 0"
            columns = "id, content, memory_type, tags, certainty_score, quality_score, created_at, updated_at"
            columns += ", changed_at, action, revision, doc, dl, terms_digest, content_digest"
            connection.execute(f"INSERT INTO memories ({columns}) VALUES ({values})")
    return folder


def rollback(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "memory_server", "rollback", "--data-dir", str(folder), *arguments]
    return subprocess.run(
        command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def version_of(file: Path) -> int:
    with duckdb.connect(file, read_only=True) as connection:
        return int(connection.execute("SELECT max(version) FROM schema_migrations").fetchall()[0][0])


def contents(url: str) -> set[str]:
    page = httpx.get(f"{url}/memories", params={"limit": 200}).json()
    return {memory["content"] for memory in page["memories"]}


def test_a_folder_of_the_founding_project_is_served_with_everything_that_was_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    path = founding_store(folder / "memories.duckdb", in_log=[LATE])
    before = {suffix: path.with_name(path.name + suffix).read_bytes() for suffix in ("", ".wal")}

    for _ in range(2):  # a second start finds it done
        with running_server(folder) as server:
            kept = contents(server.url)
            found = httpx.post(f"{server.url}/memories/search", json={"query": "fridays lunch"}).json()
            one = httpx.get(f"{server.url}/memories/1a2b3c4d").json()

            assert {"We deploy on Fridays, only after lunch", "Straße, 東京, 🦆", "only in the log"} <= kept
            assert len(kept) == len(MEMORIES) - 1 + 2
            assert found["results"][0]["id"] == one["id"]
            assert one["created_at"] == "2025-03-01T10:00:00.123456Z"

    aside = folder / "memories.founding.duckdb"
    assert {suffix: aside.with_name(aside.name + suffix).read_bytes() for suffix in before} == before
    said = [line for line in server.log_text().splitlines() if "were taken over from memories.duckdb" in line]
    assert len(said) == 1, "once, in the log of the first start"


def test_killed_while_it_takes_a_founding_file_over_the_server_does_it_at_the_next_start(tmp_path: Path) -> None:
    many = [{"id": f"{n:08x}", "content": f"Note {n}", "created_at": "2025-04-01 00:00:00+00"} for n in range(3_000)]
    folder = tmp_path / "data"
    founding_store(folder / "memories.duckdb", many, [], in_log=[LATE])
    work = folder / ".memories.duckdb.moving"
    command = [sys.executable, "-m", "memory_server", "--data-dir", str(folder), "--port", "0"]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        while not work.exists() and process.poll() is None:  # it has begun
            time.sleep(0)
        process.kill()
    assert process.returncode != 0

    with running_server(folder) as server:
        assert httpx.get(f"{server.url}/stats").json()["total_memories"] == len(many) + 1
        assert httpx.get(f"{server.url}/memories/11111111").json()["content"] == "only in the log"
    assert (folder / "memories.founding.duckdb").exists()
    assert not list(folder.glob(".memories*"))


def test_an_upgrade_and_the_way_back(tmp_path: Path) -> None:
    folder = older_store(tmp_path / "data", "from before")
    with running_server(folder) as server:
        assert contents(server.url) == {"from before"}
        assert httpx.post(f"{server.url}/memories", json={"content": "from after"}).status_code == 201
        busy = rollback(folder, "--yes")
    (snapshot,) = (folder / "snapshots").iterdir()

    assert (busy.returncode, "stop that one" in busy.stderr) == (3, True), "only when no server runs"
    assert f"now at schema version {MIGRATIONS[-1].version}" in server.log_text()
    nobody = rollback(folder)
    assert (nobody.returncode, "add --yes" in nobody.stderr) == (2, True)

    done = rollback(folder, "--yes")

    assert done.returncode == 0, done.stderr
    assert "1 memory was added or changed since" in done.stdout
    assert version_of(folder / "memories.duckdb") == OLDER[-1].version
    assert (folder / "memories.duckdb").read_bytes() == snapshot.read_bytes()
    (kept,) = (folder / "replaced").glob("*.duckdb")
    (export,) = (folder / "replaced").glob("*.parquet")
    assert version_of(kept) == MIGRATIONS[-1].version

    with running_server(folder) as server:
        assert contents(server.url) == {"from before"}
        headers = {"content-type": "application/vnd.apache.parquet"}
        taken = httpx.post(f"{server.url}/import", content=export.read_bytes(), headers=headers).json()
        assert (taken["imported"], contents(server.url)) == (1, {"from before", "from after"})


def test_a_store_that_cannot_be_read_any_more_can_be_rolled_back(tmp_path: Path) -> None:
    folder = older_store(tmp_path / "data", "from before")
    with running_server(folder):
        pass
    (folder / "memories.duckdb").write_bytes(b"no database at all\n" * 1000)

    done = rollback(folder, "--yes")

    assert done.returncode == 0, done.stderr
    assert "cannot be read" in done.stdout
    (kept,) = (folder / "replaced").glob("*.duckdb")
    assert kept.read_bytes().startswith(b"no database")
    with running_server(folder) as server:
        assert contents(server.url) == {"from before"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((), "has no snapshot"), (("--to", "nowhere"), "there is no snapshot nowhere; there are: none")],
)
def test_without_a_snapshot_there_is_no_way_back(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    with running_server(tmp_path / "data"):
        pass

    refused = rollback(tmp_path / "data", "--yes", *arguments)

    assert refused.returncode == 2
    assert words in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert rollback(tmp_path / "nowhere", "--yes").returncode == 2
    assert not (tmp_path / "nowhere").exists()


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The folder of a store that a later program has upgraded."""
    folder = tmp_path / "data"
    DuckDBStore(folder / "memories.duckdb", StoreOptions(data_dir=folder, min_free_bytes=0)).close()
    with duckdb.connect(folder / "memories.duckdb") as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (99, 'from the future', 'x', TIMESTAMP '2030-01-01')")
    return folder


def test_a_store_of_a_newer_program_is_refused_by_the_server_in_one_sentence(newer: Path) -> None:
    before = (newer / "memories.duckdb").read_bytes()

    with pytest.raises(ServerDidNotStartError) as failed:
        start_server(newer)

    (sentence,) = failed.value.said.splitlines()
    assert failed.value.code == 1
    assert "schema version 99, newer than this program knows" in sentence
    assert "upgrade the program, the file is unchanged" in sentence
    assert (newer / "memories.duckdb").read_bytes() == before


def test_a_store_of_a_newer_program_is_refused_by_the_command_line_in_one_sentence(newer: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home", MEMORY_DATA_DIR=str(newer))

    ran = machine.run("list")

    assert ran.code != 0
    assert "schema version 99, newer than this program knows" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_the_command_line_imports_a_founding_store_with_its_log(tmp_path: Path) -> None:
    path = founding_store(tmp_path / "old" / "memories.duckdb", in_log=[LATE])
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    machine = Machine(tmp_path / "home", MEMORY_DATA_DIR=str(tmp_path / "data"))

    first, again = (machine.run("import", path, "--json").json for _ in range(2))
    told = machine.run("import", path)
    listed = machine.run("list", "--global", "--json", "--limit", "100")
    assert machine.run("stop").code == 0

    assert (first["imported"], first["conflicts"], len(first["remarks"])) == (7, [], 4)
    assert (again["imported"], again["unchanged"], again["conflicts"]) == (0, 7, [])
    assert "memory e0e0e0e0: left out, because it has no text" in told.out
    assert "only in the log" in listed.out
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before
    assert not list((tmp_path / "data").glob(".transfer*"))
