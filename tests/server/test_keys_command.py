"""`memory-server keys`: on the server's machine, with the server stopped or running, and for whoever is locked out."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from memory_core.key_text import is_key
from support.keys import make_key, sending
from support.platforms import posix_only
from support.servers import environment, running_server

pytestmark = pytest.mark.slow


def command(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "memory_server", "keys", *arguments, "--data-dir", str(data_dir)]
    return subprocess.run(run, env=environment(), capture_output=True, text=True, timeout=90, check=False)


def printed(data_dir: Path, *arguments: str) -> str:
    ran = command(data_dir, *arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.removesuffix("\n")


def test_the_first_key_of_a_new_folder_opens_its_server(tmp_path: Path) -> None:
    data = tmp_path / "not there yet" / "data"

    key = printed(data, "create", "boss", "--scope", "admin")

    assert is_key(key), "a pipe gets the key and nothing else"
    with running_server(data, args=["--host", "0.0.0.0"]) as server:
        own = httpx.get(f"http://127.0.0.1:{server.port}/key", headers=sending(key)).json()
        assert (own["name"], own["scope"]) == ("boss", "admin")


def test_every_option_reaches_the_key(tmp_path: Path) -> None:
    options = ["--project", "shop", "--project", "site", "--no-project", "--client-id", "ci", "--expires", "90d"]
    limits = ["--max-memories", "5", "--max-bytes", "6000"]

    made = json.loads(printed(tmp_path, "create", "ci", "--scope", "read", *options, *limits, "--json"))
    (listed,) = json.loads(printed(tmp_path, "list", "--json"))["keys"]

    assert is_key(made.pop("key"))
    assert made == listed
    assert (made["scope"], made["projects"], made["client_id"]) == ("read", ["shop", "site", ""], "ci")
    assert (made["max_memories"], made["max_bytes"]) == (5, 6000)
    assert re.fullmatch(
        r"ci  read, projects shop and site and memories of no project, client ci, at most 5 memories, "
        r"at most 6,000 bytes  never used  until \d{4}-\d\d-\d\d \d\d:\d\d",
        printed(tmp_path, "list"),
    )


def test_a_running_server_knows_of_each_change_at_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data, api_key="k") as server, httpx.Client(base_url=server.url, timeout=60) as http:

        def status(key: str) -> int:
            return http.get("/key", headers=sending(key)).status_code

        first = printed(data, "create", "laptop")
        assert status(first) == 200
        second = printed(data, "rotate", "laptop", "--overlap", "12h")
        assert (status(first), status(second)) == (200, 200)
        third = printed(data, "rotate", "laptop", "--overlap", "0")
        assert (status(first), status(second), status(third)) == (401, 401, 200)
        assert printed(data, "revoke", "laptop") == "Revoked laptop"
        assert status(third) == 401
        assert http.get("/admin/keys", headers=sending("k")).json()["keys"][0]["name"] == "laptop"


def test_the_last_admin_key_can_be_revoked_here(tmp_path: Path) -> None:
    make_key(tmp_path, "boss", scope="admin")

    assert printed(tmp_path, "revoke", "boss") == "Revoked boss"
    assert "  revoked 20" in printed(tmp_path, "list")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("create", "a b"), 2, "the name of a key is 1 to 64 letters"),
        (("create", "taken"), 1, "there is, or was, a key 'taken', and no name is used twice; choose another"),
        (("create", "x", "--expires", "soon"), 2, "'soon' is no moment; write a date"),
        (("rotate", "taken", "--overlap", "long"), 2, "'long' is no span of time; write 0, 30m, 12h, 7d or 2w"),
        (("revoke", "nobody"), 1, "there is no key 'nobody'; `keys list` shows them"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    make_key(tmp_path, "taken")

    ran = command(tmp_path, *arguments)

    (line,) = ran.stderr.splitlines()
    assert (ran.returncode, ran.stdout) == (code, "")
    assert line.startswith(f"memory-server: {said}")


def test_a_list_of_no_keys_makes_no_file(tmp_path: Path) -> None:
    assert printed(tmp_path, "list") == "No keys"
    assert list(tmp_path.iterdir()) == []


@posix_only("it has a terminal")
def test_a_person_is_shown_the_key_with_the_lines_for_a_client(tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    run = [sys.executable, "-m", "memory_server", "keys", "create", "laptop", "--data-dir", str(tmp_path)]
    subprocess.run(run, env=environment({"MEMORY_PORT": "9000"}), stdout=theirs, timeout=90, check=True)
    os.close(theirs)
    shown = os.read(ours, 65536).decode().replace("\r\n", "\n")
    os.close(ours)

    key = re.search(r"^  (cmk_\w+)$", shown, re.MULTILINE)
    assert key is not None, shown
    assert is_key(key[1])
    assert re.search(rf"^  export MEMORY_SERVER=http://\S+:9000 MEMORY_API_KEY={key[1]}$", shown, re.MULTILINE)
    assert "It is shown this once." in shown


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_makes_belongs_to_whom_the_folder_belongs(tmp_path: Path) -> None:
    """An installer, or a person with sudo, makes a key that the service must be able to read."""
    os.chown(tmp_path, 12345, 23456)

    printed(tmp_path, "create", "boss", "--scope", "admin")

    assert {(file.stat().st_uid, file.stat().st_gid) for file in tmp_path.iterdir()} == {(12345, 23456)}
