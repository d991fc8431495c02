"""What a service manager, a container engine and a load balancer learn of the server."""

from pathlib import Path

import httpx
import pytest

from memory_core.engine.compose import EngineOptions, open_engine
from memory_server.app import create_app
from memory_server.settings import ServerSettings
from support.apps import MakeApp
from support.disks import small_disk
from support.servers import RunningServer, running_server

CHECKS = ("/health", "/health/live", "/health/ready")


@pytest.mark.parametrize("path", CHECKS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_server_that_works_says_so_without_a_key(server: RunningServer, method: str, path: str) -> None:
    answer = httpx.request(method, server.url + path, timeout=60)

    assert answer.status_code == 200
    assert (answer.content == b"") == (method == "HEAD")


def test_a_ready_server_names_its_schema_and_what_waits_for_the_model(server: RunningServer) -> None:
    ready = httpx.get(f"{server.url}/health/ready", timeout=60).json()

    assert ready["ready"] is True
    assert ready["missing"] == []
    assert ready["schema_version"] > 0
    assert ready["embedding"] == httpx.get(f"{server.url}/health", timeout=60).json()["embedding"]


def test_checks_tell_nothing_of_the_memories(server: RunningServer, http: httpx.Client) -> None:
    before = [httpx.get(server.url + path, timeout=60).text for path in CHECKS]
    kept = http.post("/memories", json={"content": "known to nobody"}).json()

    assert kept["id"]
    assert [httpx.get(server.url + path, timeout=60).text for path in CHECKS] == before


def test_a_model_that_cannot_be_had_leaves_the_server_ready(tmp_path: Path) -> None:
    """Search goes by keyword meanwhile: whoever sends no requests to it would make a small loss a whole one."""
    nowhere = {"MEMORY_EMBEDDER": "openai:nothing", "MEMORY_EMBEDDER_URL": "http://127.0.0.1:9/v1"}
    with running_server(tmp_path / "data", env=nowhere) as server:
        answer = httpx.get(f"{server.url}/health/ready", timeout=60)

    assert answer.status_code == 200
    assert answer.json()["embedding"]["state"] in ("loading", "unavailable")


async def test_checks_are_free_however_often_they_come(make_app: MakeApp) -> None:
    http = await make_app(limit_reads="1/hour", limit_writes="1/hour")

    answers = [await http.get(path) for path in CHECKS for _ in range(20)]

    assert {answer.status_code for answer in answers} == {200}


async def test_before_the_start_is_over_and_after_the_stop_it_is_not_ready_but_alive(tmp_path: Path) -> None:
    service = open_engine(EngineOptions(data_dir=tmp_path, embedder="none", threads=1))
    app = create_app(service, ServerSettings(data_dir=tmp_path))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8420") as http:
        before = await http.get("/health/ready")
        async with app.router.lifespan_context(app):
            assert (await http.get("/health/ready")).status_code == 200
        after = await http.get("/health/ready")

        assert (await http.get("/health/live")).status_code == 200
    assert before.status_code == after.status_code == 503
    assert before.json() == {
        "ready": False, "missing": ["the server is starting or stopping"], "schema_version": None, "embedding": None,
    }  # fmt: skip


async def test_a_store_that_cannot_be_read_is_missing(tmp_path: Path) -> None:
    service = open_engine(EngineOptions(data_dir=tmp_path, embedder="none", threads=1))
    app = create_app(service, ServerSettings(data_dir=tmp_path))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost:8420") as http,
    ):
        await service.close()
        answer = await http.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json()["missing"] == ["the store cannot be read; the server's log says why"]


@pytest.mark.slow
def test_a_disk_without_room_is_missing_until_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 100) as disk, running_server(disk / "data") as server:
        (disk / "ballast").write_bytes(b"x" * 60_000_000)
        full = httpx.get(f"{server.url}/health/ready", timeout=60)
        (disk / "ballast").unlink()
        until = httpx.get(f"{server.url}/health/ready", timeout=60)
        while until.status_code == 503:  # an answer is kept for a second
            until = httpx.get(f"{server.url}/health/ready", timeout=60)

    assert full.status_code == 503
    assert full.json()["missing"] == ["the disk has too little room, so that writes are refused; make room on it"]
    assert until.json()["ready"] is True
