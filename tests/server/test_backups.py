"""Backups of a running server over REST, and by `memory-server backup` where none runs."""

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from memory_client.sdk import MemoryClient
from memory_core.backups import BackupState
from memory_core.engine.compose import EngineOptions, open_engine
from memory_core.errors import ConflictError, NotFoundError, UnavailableError
from memory_core.files import FileLock
from memory_core.types import NewMemory, Scope
from support.servers import RunningServer, environment, running_server, start_server

KEY = "the key of these tests"
UNLIMITED = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}


def command(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "memory_server", "backup", *map(str, arguments)]
    return subprocess.run(run, env=environment(env), capture_output=True, text=True, timeout=90, check=False)


def contents(server: RunningServer) -> set[str]:
    with httpx.Client(base_url=server.url, headers={"X-API-Key": KEY}, timeout=60) as http:
        return {memory["content"] for memory in http.get("/memories", params={"limit": 200}).json()["memories"]}


def keep(server: RunningServer, content: str) -> None:
    httpx.post(
        f"{server.url}/memories", json={"content": content}, headers={"X-API-Key": KEY}, timeout=60
    ).raise_for_status()


def test_a_running_server_makes_lists_and_verifies_backups(server: RunningServer, http: httpx.Client) -> None:
    http.post("/memories", json={"content": "to be backed up"}).raise_for_status()

    made = http.post("/admin/backup")
    quick = http.post("/admin/backup", params={"verify": "false"})
    listed = http.get("/admin/backups").json()
    verified = http.post(f"/admin/backups/{quick.json()['name']}/verify")

    assert (made.status_code, made.json()["state"]) == (201, "verified")
    assert made.json()["memories"] >= 1
    assert made.json()["bytes"] > 1000
    assert (quick.status_code, quick.json()["state"], quick.json()["verified_at"]) == (201, "unverified", None)
    assert [each["name"] for each in listed["backups"]] == [made.json()["name"], quick.json()["name"]]
    assert listed["folder"] == str(server.data_dir / "backups")
    assert (verified.status_code, verified.json()["state"]) == (200, "verified")
    assert http.post("/admin/backups/20260101T000000.000Z/verify").status_code == 404


@pytest.mark.parametrize(("method", "path"), [("POST", "/admin/backup"), ("GET", "/admin/backups")])
def test_backups_need_the_key(server: RunningServer, method: str, path: str) -> None:
    assert httpx.request(method, server.url + path).status_code == 401


async def test_a_second_one_is_refused_in_a_sentence(server: RunningServer) -> None:
    lock = FileLock(server.data_dir / "backups" / "backups.lock")
    lock.path.parent.mkdir(exist_ok=True)
    assert lock.acquire()
    try:
        async with MemoryClient(server.url, key=KEY) as client:
            with pytest.raises(ConflictError, match="already; try again when it is done"):
                await client.backups.create()
    finally:
        lock.release()


async def test_the_client_says_what_is_broken_and_what_is_not_there(server: RunningServer) -> None:
    async with MemoryClient(server.url, key=KEY) as client:
        made = await client.backups.create(verify=False)
        file = server.data_dir / "backups" / made.name / "memories.parquet"
        file.write_bytes(file.read_bytes()[:-1] + b"?")

        found = await client.backups.verify(made.name)

        assert (found.state, found.problem) == (
            BackupState.BROKEN, "memories.parquet is damaged: its checksum differs",
        )  # fmt: skip
        assert found in (await client.backups.list()).backups
        for name in ("20260101T000000.000Z", "../stats", "", "a/b"):
            with pytest.raises(NotFoundError):
                await client.backups.verify(name)


def test_a_backup_made_while_clients_write_restores_to_what_was_acknowledged_before_it(tmp_path: Path) -> None:
    stop = threading.Event()
    acknowledged: list[str] = []

    def keep_writing(number: int) -> None:
        with httpx.Client(base_url=server.url, headers={"X-API-Key": KEY}, timeout=60) as http:
            count = 0
            while not stop.is_set():
                content = f"writer {number} memory {count}"
                http.post("/memories", json={"content": content}).raise_for_status()
                acknowledged.append(content)
                count += 1

    with running_server(tmp_path / "data", api_key=KEY, env=UNLIMITED) as server, ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(keep_writing, number) for number in range(3)]
        try:
            while len(acknowledged) < 20 and not any(writer.done() for writer in writers):
                threading.Event().wait(0.01)
            before = set(acknowledged)
            made = httpx.post(f"{server.url}/admin/backup", headers={"X-API-Key": KEY}, timeout=60).json()
        finally:
            stop.set()
        for writer in writers:
            writer.result()
    assert made["state"] == "verified"
    assert made["notes"] == []
    restored = command("restore", tmp_path / "data" / "backups" / made["name"], "--data-dir", tmp_path / "other")
    assert restored.returncode == 0, restored.stderr
    with running_server(tmp_path / "other", api_key=KEY, env=UNLIMITED) as server:
        stats = httpx.get(f"{server.url}/stats", headers={"X-API-Key": KEY}, timeout=60).json()
        assert stats["total_memories"] == made["memories"] >= len(before)
        found = contents(server)
    assert len(found) == min(200, made["memories"])
    assert found <= set(acknowledged)


@pytest.mark.slow
def test_a_server_killed_in_the_middle_of_a_backup_starts_again_and_makes_another(tmp_path: Path) -> None:
    server = start_server(tmp_path / "data", api_key=KEY, env=UNLIMITED)
    keep(server, "kept before the end")
    backups = tmp_path / "data" / "backups"

    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(f"{server.url}/admin/backup", headers={"X-API-Key": KEY}, timeout=60)

    asking = threading.Thread(target=ask)
    asking.start()
    while not (backups.exists() and any(backups.iterdir())):
        assert asking.is_alive()
    server.kill()
    asking.join()

    with running_server(tmp_path / "data", api_key=KEY, env=UNLIMITED) as again:
        assert contents(again) == {"kept before the end"}
        made = httpx.post(f"{again.url}/admin/backup", headers={"X-API-Key": KEY}, timeout=60)
        assert made.json()["state"] == "verified"
        assert not [left for left in backups.iterdir() if left.name.startswith(".")]
        assert "broken" not in httpx.get(f"{again.url}/admin/backups", headers={"X-API-Key": KEY}).text


async def test_a_service_that_stops_gives_a_backup_up(tmp_path: Path) -> None:
    service = open_engine(EngineOptions(data_dir=tmp_path, embedder="none", threads=1))
    await service.start()
    await service.add(NewMemory(content="one"))
    making = asyncio.create_task(service.backups.create())
    await asyncio.sleep(0)  # so that it has begun

    await service.close()

    with contextlib.suppress(UnavailableError):
        await making
    assert not list((tmp_path / "backups").glob(".*"))
    with pytest.raises(UnavailableError, match="stopping"):
        await service.backups.create()


async def test_who_leaves_before_a_backup_is_made_blocks_nobody(tmp_path: Path) -> None:
    service = open_engine(EngineOptions(data_dir=tmp_path, embedder="none", threads=1))
    await service.start()
    leaving = asyncio.create_task(service.backups.create())
    await asyncio.sleep(0)
    leaving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await leaving

    made = None
    while made is None:
        with contextlib.suppress(ConflictError):  # the one that was left goes on to its end
            made = await service.backups.create()
    assert made.state is BackupState.VERIFIED
    assert (await service.stats(Scope(global_search=True))).total_memories == 0
    await service.close()


def test_the_command_works_where_no_server_does(tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    env = {"MEMORY_DATA_DIR": str(data), "MEMORY_BACKUP_DIR": str(elsewhere), "MEMORY_BACKUP_KEEP": "1"}
    with running_server(data, api_key=KEY, env=UNLIMITED | env) as server:
        keep(server, "first")
        refused = command("create", env=env)
        assert (refused.returncode, refused.stderr.count("\n")) == (3, 1)
        assert "in use by another memory-server" in refused.stderr
        made = httpx.post(f"{server.url}/admin/backup", headers={"X-API-Key": KEY}, timeout=60).json()["name"]
        keep(server, "second")
        assert command("restore", made, "--replace", env=env).returncode == 3

    listed = json.loads(command("list", "--json", env=env).stdout)
    assert [each["name"] for each in listed["backups"]] == [made]
    assert command("verify", made, env=env).stdout.rstrip().endswith("verified")
    assert command("restore", made, env=env).returncode == 1
    restored = command("restore", made, "--replace", env=env)
    assert restored.returncode == 0, restored.stderr
    assert "The store that was there is kept as" in restored.stdout
    with running_server(data, api_key=KEY, env=UNLIMITED | env) as server:
        assert contents(server) == {"first"}

    created = command("create", env=env)
    assert "1 memory" in created.stdout
    file = elsewhere / created.stdout.split()[0] / "schema.sql"
    file.write_bytes(file.read_bytes() + b" ")
    broken = command("verify", file.parent, env=env)
    assert broken.returncode == 1
    assert "schema.sql has" in broken.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create",), "there is no store at"),
        (("verify", "20260101T000000.000Z"), "there is no backup '20260101T000000.000Z'"),
        (("restore", "/nowhere/at/all"), "/nowhere/at/all is no backup"),
        (("create", "--store", "nonsense"), "there is no store 'nonsense'"),
        (("list", "--backup-keep", "0"), "it takes a whole number of at least 1"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    ended = command(*arguments, "--data-dir", tmp_path / "data")

    assert ended.returncode in (1, 2)
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "data" / "memories.duckdb").exists()
