"""scripts/backup.sh, as cron runs it: a line for success, a sentence and an exit code for every failure."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.machines import COMMAND, Machine
from support.platforms import posix_only
from support.servers import RunningServer, environment, running_server
from support.sockets import free_port

pytestmark = posix_only("it runs a shell script")

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "backup.sh"
KEY = "a key with $igns, 'quotes', \"two\", \\ and %s"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    key = KEY
    with running_server(tmp_path_factory.mktemp("server") / "data", api_key=key) as running:
        body = {"content": "to be kept"}
        httpx.post(f"{running.url}/memories", json=body, headers={"X-API-Key": key}).raise_for_status()
        yield running


def run(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, env=environment(settings), capture_output=True, text=True, timeout=90, check=False)


def reaching(server: RunningServer) -> dict[str, str]:
    return {"MEMORY_SERVER": server.url, "MEMORY_API_KEY": KEY}


def test_a_backup_is_one_line(server: RunningServer) -> None:
    ended = run(**reaching(server))

    assert (ended.returncode, ended.stderr) == (0, "")
    (line,) = ended.stdout.splitlines()
    _, word, name, memories, size, state = line.split()
    assert (word, memories, state) == ("backup", "memories=1", "verified")
    assert size.startswith("bytes=")
    assert (server.data_dir / "backups" / name / "manifest.json").exists()


def test_it_is_copied_to_a_second_folder_where_old_copies_make_room(server: RunningServer, tmp_path: Path) -> None:
    second = tmp_path / "second disk"
    second.mkdir()
    (second / "20200101T000000.000Z").mkdir()
    (second / "holiday").mkdir()
    for _ in range(3):
        ended = run(second, MEMORY_BACKUP_COPIES="2", **reaching(server))
        assert ended.returncode == 0, ended.stderr

    name = ended.stdout.split("copied=")[1].strip().rpartition("/")[2]
    copies = sorted(each.name for each in second.iterdir())
    assert len(copies) == 4
    assert copies[0] == "20200101T000000.000Z", "it has no manifest, so it is none of ours"
    assert copies[-2:] == [name, "holiday"]
    verified = Machine(tmp_path / "home").run("server", "backup", "verify", second / name)
    assert verified.out.rstrip().endswith("verified"), verified.err
    assert (second / name).stat().st_mode & 0o077 == 0


def test_a_key_may_come_from_a_file(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n", encoding="utf-8")

    assert run(MEMORY_SERVER=server.url, MEMORY_API_KEY_FILE=str(tmp_path / "key")).returncode == 0


def test_every_failure_is_a_sentence_and_an_exit_code(server: RunningServer, tmp_path: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    for settings, arguments, said in (
        ({"MEMORY_SERVER": away}, (), "connect"),
        ({"MEMORY_SERVER": server.url, "MEMORY_API_KEY": "wrong"}, (), "the key is wrong"),
        (reaching(server), (tmp_path / "not mounted",), "is the disk mounted?"),
        ({"PATH": "/usr/bin:/bin"}, (), "set MEMORY_SERVER"),
    ):
        ended = run(*arguments, **settings)
        assert (ended.returncode, ended.stdout) == (1, ""), said
        assert said in ended.stderr
        assert ended.stderr.startswith("backup.sh: ")
        assert ended.stderr.count("\n") == 1


def test_without_a_server_named_it_is_this_machines_own(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home")
    assert machine.run("add", "kept here").code == 0
    second = tmp_path / "second"
    second.mkdir()
    path = f"{COMMAND.parent}:{machine.env['PATH']}"
    try:
        ended = subprocess.run(
            ["sh", SCRIPT, second], env=machine.env | {"PATH": path}, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert "memories=1" in ended.stdout
        assert len(list(second.iterdir())) == 1
    finally:
        machine.run("stop")
