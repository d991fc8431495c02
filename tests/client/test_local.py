"""The local server: one for all who need it, whatever happened before, or one sentence."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memory_client import __version__, local, starting
from memory_client.errors import SilentError, UnreachableError
from memory_client.transport import Transport
from memory_core.files import FileLock
from memory_core.system import process_exists
from support.bridges import bridge, machine, no_server_left, text_of
from support.platforms import WINDOWS, kill, posix_only
from support.sockets import listening, says

CONNECT = "import sys; from memory_client import local; e = local.connect(sys.argv[1], version='0.1.0'); print(e.pid)"


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in [name for name in os.environ if name.startswith("MEMORY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MEMORY_EMBEDDER", "none")
    folder = tmp_path / "data"
    with no_server_left(folder):
        yield str(folder)


def connect(data_dir: str) -> local.Endpoint:
    return local.connect(data_dir, version=__version__)


def write_state(data_dir: str, **fields: object) -> None:
    state = {"pid": 1, "port": 1, "token": "t", "version": __version__, "instance": "i", "started_at": ""} | fields
    Path(data_dir).mkdir(exist_ok=True)
    Path(data_dir, "server.json").write_text(json.dumps(state))


def a_dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_it_is_started_found_and_stopped(data_dir: str) -> None:
    assert local.find(data_dir) is None
    assert local.stop(data_dir) is False

    started = connect(data_dir)
    found = local.find(data_dir)
    again = connect(data_dir)

    assert found is not None
    assert started.instance == found.instance == again.instance
    transport = Transport(started.url, headers={"X-API-Key": started.key})
    with transport.request("GET", "/stats") as answer:
        assert answer.status == 200
        answer.read()
    transport.close()

    assert local.stop(data_dir) is True
    assert local.find(data_dir) is None
    assert not Path(data_dir, "server.json").exists()


@pytest.mark.slow
def test_ten_processes_at_once_get_one_server(data_dir: str) -> None:
    def in_another_process(_: int) -> str:
        command = [sys.executable, "-c", CONNECT, data_dir]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    with ThreadPoolExecutor(10) as pool:
        pids = list(pool.map(in_another_process, range(10)))

    assert len(pids) == 10
    assert len(set(pids)) == 1
    assert Path(data_dir, "server.log").read_text().count("listening on") == 1


def test_one_that_was_killed_is_replaced_and_has_lost_nothing(data_dir: str) -> None:
    first = connect(data_dir)
    kill(first.pid)
    assert local.find(data_dir) is None

    second = connect(data_dir)

    assert second.pid != first.pid
    assert second.instance != first.instance


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid":1,"port":null}', "\x00" * 100])
def test_a_state_file_without_sense_is_no_server(data_dir: str, content: str) -> None:
    Path(data_dir).mkdir()
    Path(data_dir, "server.json").write_text(content)

    assert local.find(data_dir) is None


def test_a_state_file_of_a_process_that_is_gone_is_replaced(data_dir: str) -> None:
    write_state(data_dir, pid=a_dead_pid())
    assert local.find(data_dir) is None

    assert connect(data_dir).instance != "i"


def test_a_port_that_went_to_another_program_is_not_taken_for_the_server(data_dir: str) -> None:
    """Its pid too may belong to someone else by now; and a stranger must not see the key."""
    heard: list[bytes] = []
    stranger = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    with listening(says(stranger, requests=heard)) as port:
        write_state(data_dir, pid=os.getpid(), port=port, token="secret")
        assert local.find(data_dir) is None

        started = connect(data_dir)

    assert started.instance != "i"
    assert heard
    assert not any(b"secret" in request for request in heard)


def test_an_older_server_is_replaced_by_a_newer_client(data_dir: str) -> None:
    first = connect(data_dir)
    state = Path(data_dir, "server.json")
    state.write_text(state.read_text().replace(f'"version":"{__version__}"', '"version":"0.0.1"'))

    second = connect(data_dir)

    assert second.version == __version__
    assert second.pid != first.pid
    assert not process_exists(first.pid)


def test_a_server_that_cannot_be_replaced_by_a_newer_one_stays(data_dir: str) -> None:
    """A newer client whose machine has no newer server must not stop it for nothing, again and again."""
    first = connect(data_dir)

    assert local.connect(data_dir, version="99.0").instance == first.instance


def test_versions_are_compared_by_their_numbers() -> None:
    assert local.is_newer("0.10.0", "0.9.9")
    assert local.is_newer("1.0", "0.99.99")
    assert not local.is_newer("0.1.0", "0.1.0")
    assert not local.is_newer("0.1.0", "0.1.1rc1")
    assert not local.is_newer("nonsense", "0.1.0")


@posix_only("a process is halted by a signal")
def test_one_that_hangs_is_named_with_its_pid(data_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started = connect(data_dir)
    monkeypatch.setattr(local, "_PROBE_TIMEOUT_S", 0.1)
    os.kill(started.pid, signal.SIGSTOP)
    try:
        with pytest.raises(SilentError, match=rf"\(pid {started.pid}\) does not answer; end it with: kill"):
            connect(data_dir)
    finally:
        os.kill(started.pid, signal.SIGCONT)


def sentence_of(data_dir: str) -> str:
    with pytest.raises(UnreachableError) as error:
        connect(data_dir)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    return sentence


def test_a_start_that_fails_says_what_the_server_said(data_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMORY_THREADS", "many")

    sentence = sentence_of(data_dir)

    assert sentence.startswith("the local memory server did not start: memory-server: ")
    assert "MEMORY_THREADS" in sentence


def test_a_store_that_another_program_holds_is_said(data_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "_HANDOVER_TIMEOUT_S", 0.0)
    Path(data_dir).mkdir()
    lock = FileLock(Path(data_dir, "server.lock"))
    assert lock.acquire()
    try:
        assert "in use by another" in sentence_of(data_dir)
    finally:
        lock.release()


def test_a_server_that_is_just_leaving_is_waited_for(data_dir: str) -> None:
    Path(data_dir).mkdir()
    lock = FileLock(Path(data_dir, "server.lock"))
    assert lock.acquire()
    with ThreadPoolExecutor(1) as pool:
        connecting = pool.submit(connect, data_dir)
        log = Path(data_dir, "server.log")
        while not (log.exists() and "in use" in log.read_text()):
            assert not connecting.done()
        lock.release()

        assert connecting.result().url.startswith("http://127.0.0.1:")


def test_a_file_in_place_of_the_folder_is_said(data_dir: str) -> None:
    Path(data_dir).write_text("a file")
    sentence = sentence_of(data_dir)

    assert sentence.startswith(f"{data_dir} is not a folder")
    assert "MEMORY_DATA_DIR" in sentence


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes every file")
def test_a_log_of_another_user_is_named_itself(data_dir: str) -> None:
    Path(data_dir).mkdir(parents=True, exist_ok=True)
    log = Path(data_dir, "server.log")
    log.touch(mode=0o400)

    assert sentence_of(data_dir).startswith(f"{log} cannot be used: permission denied; see with ls -l whose it is")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB of our own."""
    place = tmp_path / "mounted"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_said(mounted: Path, data_dir: str) -> None:
    (mounted / "data").mkdir()
    (mounted / "data" / "other").write_bytes(b"x" * 60_000)
    sentence = sentence_of(str(mounted / "data"))

    assert sentence.startswith(f"the disk that holds {mounted / 'data'} is full; free some space")


def test_a_home_that_cannot_be_written_is_said(mounted: Path, data_dir: str) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)

    sentence = sentence_of(str(mounted / "data"))

    assert "read-only file system" in sentence
    assert "MEMORY_DATA_DIR" in sentence


def test_a_machine_without_a_server_is_told_how_to_get_one(
    data_dir: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    sentence = sentence_of(data_dir)

    assert "uv tool install 'memory-cli[local]'" in sentence
    assert "MEMORY_SERVER" in sentence
    assert not Path(data_dir).exists()


@posix_only("uv puts copies of a tool's programs on the PATH there, not links")
def test_the_server_of_an_installed_cli_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed tool shows its own command alone; the server lies beside it."""
    tool, shown = tmp_path / "tools" / "memory-cli" / "bin", tmp_path / "bin"
    for folder in (tool, shown):
        folder.mkdir(parents=True)
    for name in ("claude-memory", "memory-server"):
        (tool / name).write_text("#!/bin/sh\n")
        (tool / name).chmod(0o755)
    (shown / "claude-memory").symlink_to(tool / "claude-memory")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(shown))

    assert starting.server_command() == [str(tool / "memory-server")]


@pytest.mark.skipif(not WINDOWS, reason="elsewhere the programs of a tool are links to it")
def test_the_server_of_an_installed_cli_is_run_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "claude-memory.exe").touch()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert starting.server_command() == [str(tmp_path / "claude-memory.exe"), "server"]
    with pytest.raises(UnreachableError, match="no memory server is installed"):
        starting.server_command(through_cli=False)


def test_the_log_does_not_grow_for_ever(data_dir: str) -> None:
    Path(data_dir).mkdir()
    log = Path(data_dir, "server.log")
    log.write_bytes(b"x" * ((1 << 20) + 1))

    connect(data_dir)

    assert log.stat().st_size < 100_000
    assert Path(data_dir, "server.log.1").stat().st_size == (1 << 20) + 1


@posix_only("files have no modes there")
def test_only_its_user_may_read_what_it_keeps(data_dir: str) -> None:
    connect(data_dir)

    assert Path(data_dir).stat().st_mode & 0o077 == 0
    for name in ("server.json", "server.log"):
        assert Path(data_dir, name).stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_two_bridges_share_a_server_and_start_another_when_it_is_killed(tmp_path: Path) -> None:
    environ = machine(tmp_path / "home", MEMORY_PROJECT="tool")
    data_dir = environ["MEMORY_DATA_DIR"]
    with no_server_left(Path(data_dir)), bridge(environ) as one, bridge(environ) as other:
        assert one.initialize()["result"]["instructions"]  # at once, long before there is a server
        other.initialize()
        assert one.call("memory_add", content="Kept through the first window")["isError"] is False
        assert "first window" in text_of(other.call("memory_search", query="window"))

        first = local.find(data_dir)
        assert first is not None
        kill(first.pid)

        assert "first window" in text_of(one.call("memory_search", query="window"))
        assert "first window" in text_of(other.call("memory_search", query="window"))
        second = local.find(data_dir)
        assert second is not None
        assert second.instance != first.instance
        assert (one.close(), other.close()) == (0, 0)


def test_a_bridge_whose_server_cannot_start_says_why(tmp_path: Path) -> None:
    environ = machine(tmp_path / "home", MEMORY_THREADS="many")
    with bridge(environ) as client:
        client.initialize()
        assert "MEMORY_THREADS" in text_of(client.call("memory_stats"))
        assert client.request("tools/list")["result"]["tools"]
        assert client.close() == 0


def test_the_server_does_not_keep_its_callers_directory_or_streams(tmp_path: Path, data_dir: str) -> None:
    """`$(claude-memory …)` must end, and the directory must be removable, while the server lives on."""
    place = tmp_path / "place"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CONNECT, data_dir], cwd=place, check=True, capture_output=True, text=True, timeout=120
    )
    place.rmdir()  # which Windows refuses where a process stands
    if sys.platform == "linux":
        assert Path(f"/proc/{done.stdout.strip()}/cwd").readlink() == Path(data_dir)
