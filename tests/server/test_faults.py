"""What a caller sees of a server whose disk, whose process or whose folder is in trouble, and what is kept.

The outcomes are those of docs/reliability.md.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from support.disks import failing_disk, make_read_only, second_path, small_disk
from support.platforms import posix_only
from support.rpc import ACCEPT
from support.servers import RunningServer, ServerDidNotStartError, environment, running_server, start_server

pytestmark = [pytest.mark.slow, posix_only("it stops processes and mounts disks")]

UNLIMITED = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}


def add(server: RunningServer, content: str) -> httpx.Response:
    return httpx.post(f"{server.url}/memories", json={"content": content}, timeout=60)


def total(server: RunningServer) -> int:
    return int(httpx.get(f"{server.url}/stats").json()["total_memories"])


def call(server: RunningServer, name: str, **arguments: object) -> dict[str, object]:
    """The result of a tool."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    answer = httpx.post(f"{server.url}/mcp", json=message, headers=ACCEPT, timeout=60)
    assert answer.status_code == 200
    (data,) = [line for line in answer.text.splitlines() if line.startswith("data:")]
    result: dict[str, object] = json.loads(data.removeprefix("data:"))["result"]
    return result


def test_on_a_full_disk_writes_are_refused_reads_go_on_and_nothing_is_lost(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 100) as disk, running_server(disk / "data", env=UNLIMITED) as server:
        kept = [add(server, f"note {number}").json()["id"] for number in range(10)]
        (disk / "ballast").write_bytes(b"x" * 60_000_000)

        refused = add(server, "one too many")
        assert refused.status_code == 507
        assert "make room" in refused.json()["detail"]
        tool = call(server, "memory_add", content="one too many")
        assert tool["isError"]
        assert "make room" in str(tool["content"])
        for memory_id in kept:
            assert httpx.get(f"{server.url}/memories/{memory_id}").status_code == 200
        assert httpx.get(f"{server.url}/health").status_code == 200

        (disk / "ballast").unlink()
        assert add(server, "room again").status_code == 201
        assert total(server) == 11
        assert server.stop() == 0
        with running_server(disk / "data") as again:
            assert total(again) == 11


def test_a_disk_that_turns_read_only_refuses_writes_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    with failing_disk(tmp_path / "disk", 400) as (disk, fail):
        (tmp_path / "data").symlink_to(disk)  # so that the log of the process is on another disk
        with running_server(tmp_path / "data", env=UNLIMITED) as server:
            for number in range(10):
                assert add(server, f"note {number}").status_code == 201
            fail()

            for _ in range(3):
                refused = add(server, "too late")
                assert refused.status_code == 503
                assert "takes no writes (Read-only file system)" in refused.json()["detail"]
            assert call(server, "memory_add", content="too late")["isError"]
            assert total(server) == 10
            assert server.stop() == 0
            assert "too late" not in server.log_text()
        shutil.copytree(disk, tmp_path / "saved")
        with running_server(tmp_path / "saved") as again:
            assert total(again) == 10


def test_a_read_only_folder_is_refused_at_the_start_in_one_sentence(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 100) as disk:
        with running_server(disk / "data") as server:
            add(server, "there")
            server.stop()
        make_read_only(disk)
        command = [sys.executable, "-m", "memory_server", "--port", "0", "--data-dir", str(disk / "data")]
        ended = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=90, check=False)

    (line,) = ended.stderr.splitlines()
    assert (ended.returncode, "Read-only file system" in line) == (1, True)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return tmp_path / "other"


def refusal_beside(server: RunningServer, data_dir: Path) -> ServerDidNotStartError:
    """How a second server on `data_dir` ends; the first must go on as if nothing had been."""
    with pytest.raises(ServerDidNotStartError) as caught:
        start_server(data_dir)
    assert "Traceback" not in caught.value.said
    assert add(server, "still writing").status_code == 201
    return caught.value


def test_a_second_server_on_the_folder_leaves_at_once(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        assert refusal_beside(server, tmp_path / "data").code == 3
        assert total(server) == 1


def test_a_second_server_by_a_symbolic_link_leaves_at_once(tmp_path: Path, other: Path) -> None:
    with running_server(tmp_path / "data") as server:
        other.symlink_to(tmp_path / "data")
        assert refusal_beside(server, other).code == 3


def test_a_second_server_by_a_second_mount_leaves_at_once(tmp_path: Path, other: Path) -> None:
    with running_server(tmp_path / "data") as server, second_path(tmp_path / "data", other):
        assert refusal_beside(server, other).code == 3


def test_a_second_server_by_a_hard_link_to_the_file_leaves_at_once(tmp_path: Path, other: Path) -> None:
    """Its lock is another file, so that DuckDB's own lock on the data is what refuses it."""
    with running_server(tmp_path / "data") as server:
        add(server, "there")
        other.mkdir()
        os.link(tmp_path / "data" / "memories.duckdb", other / "memories.duckdb")

        ended = refusal_beside(server, other)

        assert ended.code == 1
        assert f"in use by process {server.process.pid}" in ended.said
        server.kill()
    with running_server(tmp_path / "data") as again:
        assert total(again) == 2


def write_until_refused(server: RunningServer, name: str, kept: list[str], answers: Counter[object]) -> None:
    """Each content that was acknowledged; ends with the first answer that is not a 201, which has to be a clean one."""
    with httpx.Client(base_url=server.url, timeout=60) as http:
        for number in range(100_000):
            try:
                answer = http.post("/memories", json={"content": f"{name} {number}"})
            except httpx.TransportError as error:  # before it was asked, or in place of an answer
                answers[type(error).__name__] += 1
                return
            answers[answer.status_code] += 1
            if answer.status_code != 201:
                assert answer.json()["code"] == "unavailable", answer.text
                return
            kept.append(f"{name} {number}")


def test_stopped_under_load_it_leaves_in_order_with_everything_acknowledged(tmp_path: Path) -> None:
    kept: list[str] = []
    answers: Counter[object] = Counter()
    with running_server(tmp_path / "data", env=UNLIMITED) as server, ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(write_until_refused, server, f"writer{n}", kept, answers) for n in range(8)]
        while len(kept) < 40:
            assert not any(writer.done() for writer in writers)
        server.process.send_signal(signal.SIGTERM)
        for writer in writers:
            writer.result()
        assert server.process.wait(30) == 0, "within the ten seconds of grace that systemd and containers allow"
        assert "Traceback" not in server.log_text()

    assert set(answers) <= {201, 503, "ConnectError", "RemoteProtocolError", "ReadError", "WriteError"}
    assert not (tmp_path / "data" / "memories.duckdb.wal").exists()
    with running_server(tmp_path / "data", env=UNLIMITED) as again:
        found = {memory["content"] for memory in everything(again)}
    assert set(kept) <= found
    assert len(found) <= len(kept) + 8, "one of each that may have been kept without an answer"


def everything(server: RunningServer) -> list[dict[str, str]]:
    memories: list[dict[str, str]] = []
    params = {"limit": "200"}
    while True:
        page = httpx.get(f"{server.url}/memories", params=params).json()
        memories += page["memories"]
        if page["next_cursor"] is None:
            return memories
        params["cursor"] = page["next_cursor"]


def test_a_server_that_was_suspended_answers_when_it_goes_on_and_nobody_takes_its_folder(tmp_path: Path) -> None:
    """As a laptop does it that is closed, or a container engine that pauses."""
    with running_server(tmp_path / "data") as server:
        add(server, "before")
        server.process.send_signal(signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(add, server, "meanwhile")
                with pytest.raises(ServerDidNotStartError) as caught:
                    start_server(tmp_path / "data")
                assert caught.value.code == 3
                assert not waiting.done()
                server.process.send_signal(signal.SIGCONT)
                assert waiting.result().status_code == 201
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert total(server) == 2


def test_a_write_beyond_the_memory_of_the_store_is_refused_and_the_server_goes_on(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", env=UNLIMITED | {"MEMORY_STORE_MEMORY": "6MB"}) as server:
        answers = Counter(add(server, f"{number} " + os.urandom(30_000).hex()).status_code for number in range(180))
        assert set(answers) == {201, 503}
        refused = add(server, os.urandom(30_000).hex())
        assert "limit of 6MB; raise the limit" in refused.json()["detail"]
        assert httpx.get(f"{server.url}/health").status_code == 200
    with running_server(tmp_path / "data") as again:
        assert total(again) == answers[201]
        assert add(again, "with room").status_code == 201
