"""What a server tells of its own state, over REST and to the client, and how it repairs."""

import asyncio
import threading
from pathlib import Path

import duckdb
import httpx
import pytest

from memory_client.sdk import MemoryClient
from memory_core.backups import BackupState
from memory_core.diagnosis import Flaw, FlawKind
from memory_core.engine.compose import EngineOptions, open_engine
from memory_core.engine.service import MemoryService
from memory_core.errors import StorageFullError, UnavailableError
from memory_core.types import EmbeddingState, NewMemory, Scope
from support.disks import small_disk
from support.servers import RunningServer, running_server

KEY = "the key of these tests"
UNLIMITED = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}


def test_what_it_tells_is_documented_and_holds_no_memory(server: RunningServer, http: httpx.Client) -> None:
    http.post("/memories", json={"content": "nobody else's business"}).raise_for_status()

    told = http.get("/admin/diagnosis")

    assert told.status_code == 200
    assert "nobody else's business" not in told.text
    assert told.json()["flaws"] is None
    assert told.json()["store"]["memories"] >= 1
    document = http.get("/openapi.json").json()
    assert {"Diagnosis", "RepairReport", "StoreState", "Flaw"} <= document["components"]["schemas"].keys()
    assert http.get("/admin/diagnosis", params={"integrity": "perhaps"}).status_code == 422


async def test_the_client_is_told_the_same(server: RunningServer) -> None:
    async with MemoryClient(server.url, key=KEY) as client:
        quick, whole = await client.doctor.diagnose(), await client.doctor.diagnose(integrity=True)
        health = await client.health()

    assert (quick.flaws, whole.flaws) == (None, ())
    assert quick.location == str(server.data_dir / "memories.duckdb")
    assert quick.version == health.version
    assert quick.embedding.state is EmbeddingState.OFF
    assert quick.embedder_fixed
    assert quick.backups is not None
    assert quick.trash_days == 30


async def test_a_repair_makes_a_verified_backup_first_and_only_where_there_is_something_to_do(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", api_key=KEY, env=UNLIMITED) as server:
        async with MemoryClient(server.url, key=KEY) as client:
            await client.add(NewMemory(content="the word is gone from the index"))
    with duckdb.connect(tmp_path / "data" / "memories.duckdb") as store:
        store.execute("DELETE FROM postings_delta")
    with running_server(tmp_path / "data", api_key=KEY, env=UNLIMITED) as server:
        async with MemoryClient(server.url, key=KEY) as client:
            (flaw,) = (await client.doctor.diagnose(integrity=True)).flaws or ()
            assert flaw == Flaw(kind=FlawKind.REPAIRABLE, count=1, what="memories whose words are not all in the index")

            report = await client.doctor.repair()
            again = await client.doctor.repair()

            (backup,) = (await client.backups.list()).backups
            assert (backup.name, backup.state) == (report.backup, BackupState.VERIFIED)
            assert report.done[0] == "made the index anew, documents in it: 1"
            assert (report.left, again.left) == ((), ())
            assert again.backup is None
            assert not [sentence for sentence in again.done if "index" in sentence]


async def test_where_no_backup_can_be_made_nothing_is_repaired(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 90) as disk:
        service = open_engine(EngineOptions(data_dir=disk / "data", embedder="none", threads=1))
        await service.start()
        await service.add(NewMemory(content="one"))
        await service.close()
        with duckdb.connect(disk / "data" / "memories.duckdb") as store:
            store.execute("DELETE FROM postings_delta")
        service = open_engine(EngineOptions(data_dir=disk / "data", embedder="none", threads=1))
        await service.start()
        (disk / "ballast").write_bytes(b"x" * 60_000_000)
        try:
            with pytest.raises(StorageFullError, match="make room"):
                await service.doctor.repair()
            assert len((await service.doctor.diagnose(integrity=True)).flaws or ()) == 1
        finally:
            await service.close()


@pytest.fixture
async def service(tmp_path: Path) -> MemoryService:
    made = open_engine(EngineOptions(data_dir=tmp_path / "data", embedder="none", threads=1))
    await made.start()
    return made


async def test_neither_reads_nor_writes_wait_for_an_examination(service: MemoryService) -> None:
    gate = threading.Event()
    service.doctor._thread.submit(gate.wait)  # an examination that takes its time
    examining = asyncio.create_task(service.doctor.diagnose(integrity=True))
    try:
        await service.add(NewMemory(content="kept meanwhile"))
        assert (await service.stats(Scope(global_search=True))).total_memories == 1
        assert (await service.doctor.diagnose()).flaws is None
        assert not examining.done()
    finally:
        gate.set()
    assert (await examining).flaws == ()
    await service.close()


async def test_a_server_that_stops_gives_an_examination_up(service: MemoryService) -> None:
    gate = threading.Event()
    service.doctor._thread.submit(gate.wait)
    examining = asyncio.create_task(service.doctor.diagnose(integrity=True))
    await asyncio.sleep(0)  # so that it has begun
    service.doctor.give_up()
    gate.set()

    with pytest.raises(UnavailableError, match="stopping"):
        await examining
    await service.close()
    with pytest.raises(UnavailableError, match="stopping"):
        await service.doctor.diagnose(integrity=True)
