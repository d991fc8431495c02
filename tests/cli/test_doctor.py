"""`claude-memory doctor` on real installations that are broken on purpose: what it says, and that its command helps.

Each fix that it names is run here as it stands.
"""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from support.disks import small_disk
from support.leaks import leak
from support.machines import COMMAND, Machine, Ran
from support.platforms import WINDOWS, kill, posix_only
from support.proxies import changed_on_the_way
from support.servers import running_server
from support.shelves import keeper, opened

KEY = "s3cret"
UNLIMITED = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}
Finding = dict[str, Any]  # as JSON has it


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "home", MEMORY_PROJECT="p")
    yield machine
    assert machine.run("stop").code == 0


@pytest.fixture
def data(own: Machine) -> Path:
    return own.home / ".claude-memory"


def examined(ran: Ran) -> dict[str, list[Finding]]:
    """What was found, by what it is about; the exit code must fit it."""
    findings = json.loads(ran.out)["findings"]
    assert ran.code == any(finding["level"] == "problem" for finding in findings), ran.out
    by_subject: dict[str, list[Finding]] = {}
    for finding in findings:
        by_subject.setdefault(finding["about"], []).append(finding)
    return by_subject


def one(machine: Machine, about: str, *options: str) -> Finding:
    (finding,) = examined(machine.run("--json", "doctor", *options))[about]
    return finding


def carried_out(machine: Machine, fix: str) -> None:
    """The command as a person would paste it, on Windows into PowerShell."""
    shell = ("powershell", "-NoProfile", "-Command") if WINDOWS else ("bash", "-c")
    env = {**machine.env, "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([*shell, fix], env=env, cwd=machine.folder, check=True, capture_output=True, timeout=120)


@contextmanager
def stopped_store(machine: Machine, data: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The store as plain DuckDB sees it, its server stopped."""
    assert machine.run("stop").code == 0
    with duckdb.connect(data / "memories.duckdb") as connection:
        yield connection


def test_a_healthy_installation_is_a_line_each_and_exit_code_0(own: Machine, data: Path) -> None:
    own.run("add", "We deploy on Fridays")
    own.run("backup", "create")

    ran = own.run("doctor")
    found = examined(own.run("doctor", "--json"))

    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].startswith("ok       server     http://127.0.0.1:")
    assert lines[-1] == "Everything works"
    assert {about for about in found if found[about][0]["level"] == "ok"} >= {
        "server", "versions", "clock", "key", "store", "disk", "log", "backup", "snapshots", "trash", "integrity",
        "project", *(() if WINDOWS else ("data",)),
    }  # fmt: skip
    assert found["hooks"][0]["level"] in ("ok", "warning")
    assert "a start of memory-client with a question takes" in found["hooks"][0]["what"]
    assert found["integrity"][0]["what"] == "1 memory, 0 past states; everything was read, and fits together"
    assert found["project"][0]["what"] == "p: MEMORY_PROJECT names it"
    assert str(data) in found["store"][0]["what"]


def test_secrets_from_before_are_found_and_left_for_somebody_to_see_to(own: Machine) -> None:
    careless = {"MEMORY_SECRETS": "off"}
    old = leak("the bucket wants AK|IA<16 upper>")
    name = own.run("add", "-", stdin=old.text, env=careless).out.strip()
    changed = own.run("add", "-", stdin=leak("uses gh|p_<36>").text).out.strip()
    own.run("update", changed, "uses the vault")
    assert own.run("stop").code == 0

    ran = own.run("--json", "doctor")

    (found,) = examined(ran)["secrets"]
    assert found["level"] == "warning"
    assert "a secret (aws-key, github-token) is in 2 memories: " in found["what"]
    assert {name, changed} <= set(re.findall(r"[0-9a-f]{8}", found["what"]))
    assert old.remains(ran.out) == []
    assert own.run("--json", "get", name).json["content"] == old.text, "nothing is changed unasked"
    for memory in (name, changed):
        own.run("delete", memory)
    own.run("trash", "empty", "--yes")
    assert examined(own.run("--json", "doctor"))["secrets"][0]["level"] == "ok"


def test_it_starts_the_local_server_and_quick_reads_no_store(own: Machine) -> None:
    found = examined(own.run("--json", "doctor", "--quick"))

    assert found["server"][0]["what"].endswith("started just now")
    assert "integrity" not in found
    assert own.run("status").code == 0


def test_a_project_is_said_with_why(own: Machine) -> None:
    folder = own.repository("repo", "git@github.com:acme/site.git")
    without = {name: value for name, value in own.env.items() if name != "MEMORY_PROJECT"}
    done = subprocess.run(
        [COMMAND, "--json", "doctor", "--quick"], cwd=folder, env=without, capture_output=True, check=True
    )
    (found,) = [each for each in json.loads(done.stdout)["findings"] if each["about"] == "project"]
    assert found["what"].startswith('github.com/acme/site: remote "origin" of ')


def test_remains_and_a_missing_posting_are_found_and_repaired_after_a_backup(own: Machine, data: Path) -> None:
    for content in ("the worker restarts on Mondays", "the gateway restarts on Tuesdays"):
        own.run("add", content)
    with stopped_store(own, data) as store:
        store.execute("DELETE FROM postings_delta WHERE term = (SELECT min(term) FROM postings_delta)")
        store.execute("INSERT INTO postings_delta VALUES ('orphan', 0, 1, 1)")
        store.execute("INSERT INTO unembedded VALUES (0), (0)")
        store.execute("INSERT INTO uncompared VALUES ('gone')")
        store.execute("UPDATE memories SET content_digest = 0")
        store.execute("INSERT INTO links VALUES ('gone', 'gone too', 'near', 0.9, '[]', TIMESTAMP '2026-01-01', NULL)")
        before = store.execute("SELECT id, content, revision FROM memories ORDER BY id").fetchall()

    found = examined(own.run("--json", "doctor"))["integrity"]
    assert {finding["level"] for finding in found} == {"note", "problem"}
    said = " | ".join(finding["what"] for finding in found)
    for flaw in (
        "memories whose words are not all in the index", "entries of the embedding queue for what has no need of it: 2",
        "documents in the index whose memory is gone: 1", "links of memories that are gone: 1",
        "memories waiting to be compared that are gone: 1", "memories whose repeats would not be recognised: 2",
    ):  # fmt: skip
        assert flaw in said
    assert {finding["fix"] for finding in found} == {"claude-memory doctor --repair"}

    carried_out(own, found[0]["fix"])
    again = own.run("--json", "doctor", "--repair")

    assert [finding["level"] for finding in examined(again)["integrity"]] == ["ok"]
    assert again.json["repair"]["backup"] is None, "nothing was left to do"
    (made,) = own.run("--json", "backup", "list").json["backups"]
    assert made["state"] == "verified"
    assert "the gateway restarts" in own.run("search", "gateway", "-m", "keyword").out
    assert own.run("--json", "add", "the worker restarts on Mondays").json["outcome"] == "unchanged"
    with stopped_store(own, data) as store:
        assert store.execute("SELECT id, content, revision FROM memories ORDER BY id").fetchall() == before


def test_what_only_a_backup_can_bring_back_is_restored_by_the_command_it_names(own: Machine, data: Path) -> None:
    memory = own.run("--json", "add", "first").json["id"]
    own.run("update", memory, "--content", "second")
    own.run("update", memory, "--content", "third")
    own.run("backup", "create")
    with stopped_store(own, data) as store:
        store.execute("DELETE FROM revisions WHERE revision = 2")

    (found,) = [each for each in examined(own.run("--json", "doctor"))["integrity"] if each["level"] == "problem"]
    assert found["what"].startswith("memories with a gap in their history: 1; only a backup")
    repaired = own.run("doctor", "--repair")
    assert (repaired.code, "with a gap" in repaired.out) == (1, True), "no repair touches a history"

    carried_out(own, found["fix"])
    assert one(own, "integrity")["level"] == "ok"
    assert "second" in own.run("history", memory).out


def test_backups_that_are_missing_old_unverified_or_broken_are_said_so(own: Machine, data: Path) -> None:
    own.run("add", "one")
    missing = one(own, "backup", "--quick")
    assert (missing["level"], missing["what"]) == ("warning", f"none in {data / 'backups'}")

    own.run("stop")
    with closing(opened(data)) as store:
        keeper(data, clock=lambda: datetime.now(UTC) - timedelta(days=9)).create(store, verify=True)
    old = one(own, "backup", "--quick")
    assert (old["level"], "is 9 days old" in old["what"]) == ("warning", True)

    own.run("backup", "create", "--no-verify")
    unverified = one(own, "backup", "--quick")
    assert "was never verified" in unverified["what"]
    carried_out(own, unverified["fix"])
    assert one(own, "backup", "--quick")["level"] == "ok"

    (data / "backups" / unverified["fix"].split()[-1] / "memories.parquet").unlink()
    broken = one(own, "backup", "--quick")
    assert (broken["level"], "memories.parquet is missing" in broken["what"]) == ("problem", True)
    carried_out(own, broken["fix"])
    assert one(own, "backup", "--quick")["level"] == "ok"


@posix_only("files have no modes there")
def test_what_others_can_read_is_closed_by_the_command_and_by_repair(own: Machine, data: Path) -> None:
    own.run("add", "one")
    data.chmod(0o755)
    opened_up = one(own, "data", "--quick")
    assert (opened_up["level"], opened_up["fix"]) == ("problem", f"chmod 700 {data}")
    carried_out(own, opened_up["fix"])

    (data / "memories.duckdb").chmod(0o644)
    file = one(own, "data", "--quick")
    assert (file["level"], "memories.duckdb in " in file["what"]) == ("warning", True)
    carried_out(own, file["fix"])
    assert one(own, "data", "--quick")["level"] == "ok"

    data.chmod(0o755)
    assert one(own, "data", "--quick", "--repair")["level"] == "ok"
    assert data.stat().st_mode & 0o777 == 0o700


def test_a_model_that_is_off_or_cannot_be_had_is_said_with_what_to_do(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home", MEMORY_PROJECT="p", MEMORY_EMBEDDER="onnx:no-such-model")
    machine.run("add", "one")
    try:
        machine.run("backfill-embeddings")  # which waits until it is known
        found = examined(machine.run("--json", "doctor", "--quick"))
        assert found["model"][0]["level"] == "warning"
        assert "no-such-model" in found["model"][0]["what"]
        assert found["model"][0]["fix"] == "claude-memory backfill-embeddings"
        assert (found["vectors"][0]["level"], found["vectors"][0]["what"]) == (
            "note", "1 memory still without; they are found by words",
        )  # fmt: skip
        machine.run("stop")
        machine.env["MEMORY_EMBEDDER"] = "none"
        off = one(machine, "model", "--quick")
        assert (off["level"], "search goes by words alone" in off["what"]) == ("note", True)
    finally:
        machine.run("stop")


def test_a_disk_that_is_nearly_full_is_a_problem(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 120) as disk:
        machine = Machine(tmp_path / "home", MEMORY_DATA_DIR=str(disk / "data"))
        try:
            machine.run("add", "one")
            assert one(machine, "disk", "--quick")["level"] == "ok"
            (disk / "ballast").write_bytes(b"x" * 80_000_000)

            full = one(machine, "disk", "--quick")
            assert (full["level"], "writes are refused" in full["what"]) == ("problem", True)
            carried_out(machine, full["fix"])
            assert machine.run("doctor", "--repair").code == 1, "which says so instead of failing"
        finally:
            machine.run("stop")


# With a server elsewhere.


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("elsewhere") / "data", api_key=KEY, env=UNLIMITED) as server:
        yield server.url


@pytest.fixture
def laptop(tmp_path: Path, elsewhere: str) -> Machine:
    return Machine(tmp_path / "home", MEMORY_SERVER=elsewhere, MEMORY_API_KEY=KEY)


def test_a_server_elsewhere_is_examined_with_its_key(laptop: Machine) -> None:
    found = examined(laptop.run("--json", "doctor"))

    assert found["key"][0]["what"].startswith("needed, and accepted: ")
    assert found["key"][0]["what"].endswith(", admin")
    assert found["integrity"][0]["level"] == "ok"
    assert "data" not in found, "the folder of this machine says nothing of that server"


def test_a_wrong_key_and_a_missing_one_are_problems(laptop: Machine) -> None:
    for key, said in (("wrong", "the key is wrong"), ("", "a key is needed")):
        laptop.env["MEMORY_API_KEY"] = key
        found = one(laptop, "key")
        assert (found["level"], said in found["what"]) == ("problem", True)
    carried_out(laptop, found["fix"].replace("THE_KEY_OF_THE_SERVER", KEY) + "; claude-memory doctor --quick")


def test_a_key_that_nobody_asks_for_is_noted(tmp_path: Path, own: Machine) -> None:
    with running_server(tmp_path / "data") as server:
        machine = Machine(tmp_path / "other", MEMORY_SERVER=server.url, MEMORY_API_KEY="unasked")
        assert one(machine, "key", "--quick")["level"] == "note"
        del machine.env["MEMORY_API_KEY"]
        assert one(machine, "key", "--quick")["what"] == "none needed"
    own.env["MEMORY_API_KEY"] = "unasked"
    assert "MEMORY_API_KEY is not used" in one(own, "key", "--quick")["what"]


@pytest.mark.parametrize(
    ("off", "said"), [(timedelta(hours=2), "7,200 s ahead of"), (-timedelta(seconds=95), "95 s behind")]
)
def test_a_clock_that_differs_is_said_with_how_much(laptop: Machine, elsewhere: str, off: timedelta, said: str) -> None:
    def shifted(_: str, headers: dict[str, str], body: bytes) -> tuple[None, dict[str, str], bytes]:
        now = datetime.now(UTC).replace(microsecond=500_000)  # the middle of what a header can say
        return None, headers | {"date": format_datetime(now + off, usegmt=True)}, body

    with changed_on_the_way(elsewhere, shifted) as url:
        laptop.env["MEMORY_SERVER"] = url
        found = one(laptop, "clock", "--quick")

    number, words = said.split(" s ")
    shown = int(found["what"].split("'s is ")[1].split(" s ")[0].replace(",", ""))
    assert found["level"] == "warning"
    assert abs(shown - int(number.replace(",", ""))) <= 2
    assert f" s {words} this machine's" in found["what"]


@pytest.mark.parametrize(
    ("version", "said", "fix"),
    [
        ("0.0.1", "older than this command", "git pull && sudo scripts/install-systemd.sh --upgrade --from-source"),
        ("99.0.0", "newer than this command", "uv tool upgrade memory-cli"),
    ],
)
def test_a_server_of_another_version_is_said(
    laptop: Machine, elsewhere: str, version: str, said: str, fix: str
) -> None:
    def other(path: str, headers: dict[str, str], body: bytes) -> tuple[int | None, dict[str, str], bytes]:
        if path == "/health":
            return None, headers, json.dumps({**json.loads(body), "version": version}).encode()
        if version == "0.0.1":  # which had no such route
            return 404, headers, b"not found"
        return None, headers, body

    with changed_on_the_way(elsewhere, other) as url:
        laptop.env["MEMORY_SERVER"] = url
        found = examined(laptop.run("--json", "doctor", "--quick"))

    assert (found["versions"][0]["level"], found["versions"][0]["fix"]) == ("warning", fix)
    assert said in found["versions"][0]["what"]
    if version == "0.0.1":
        assert "is it a memory server, and not an older one?" in found["store"][0]["what"]


@posix_only("uv puts copies of a tool's programs on the PATH there, not links")
@pytest.mark.parametrize("tool", ["memory-cli", "memory-client"])
def test_a_client_of_another_version_is_upgraded_as_the_tool_that_brought_it(
    laptop: Machine, elsewhere: str, tool: str
) -> None:
    """Either may have put it on the PATH; uv keeps each in an environment of its own, and links to it."""
    environment = laptop.home / "tools" / tool
    program = environment / "bin" / "memory-client"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho memory-client 0.0.1\n", encoding="utf-8")
    program.chmod(0o755)
    (environment / "uv-receipt.toml").touch()
    linked = laptop.home / "bin" / "memory-client"
    linked.parent.mkdir()
    linked.symlink_to(program)
    laptop.env |= {"MEMORY_SERVER": elsewhere, "PATH": f"{linked.parent}{os.pathsep}{laptop.env['PATH']}"}

    found = examined(laptop.run("--json", "doctor", "--quick"))["versions"]

    assert found[0]["level"] == "ok"
    assert f"{linked}, is 0.0.1" in found[1]["what"]
    assert found[1]["fix"] == f"uv tool upgrade {tool}"


def test_what_is_no_memory_server_is_told_apart_and_so_is_nobody(laptop: Machine, elsewhere: str) -> None:
    with changed_on_the_way(elsewhere, lambda _, headers, __: (200, headers, b"<html>")) as url:
        laptop.env["MEMORY_SERVER"] = url
        assert "is no memory server" in one(laptop, "server")["what"]
    found = one(laptop, "server")
    assert (found["level"], found["fix"]) == ("problem", "systemctl start claude-local-memory-server")
    assert "is unreachable" in found["what"]


def test_what_waits_for_a_server_is_said_and_delivered_by_the_command_or_by_repair(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", api_key=KEY, env=UNLIMITED) as server:
        machine = Machine(tmp_path / "home", MEMORY_SERVER=server.url, MEMORY_API_KEY=KEY, MEMORY_PROJECT="p")
        assert one(machine, "outbox", "--quick")["level"] == "ok"
        port = server.port
    machine.run("add", "written while it was away")
    waiting = one(machine, "outbox")
    assert (waiting["level"], waiting["fix"]) == ("warning", "claude-memory outbox flush")
    assert waiting["what"].startswith(f"1 write for {server.url}")

    with running_server(tmp_path / "data", api_key=KEY, env=UNLIMITED, args=["--port", str(port)]):
        carried_out(machine, waiting["fix"])
        assert one(machine, "outbox", "--quick")["level"] == "ok"
    machine.run("add", "and once more")
    with running_server(tmp_path / "data", api_key=KEY, env=UNLIMITED, args=["--port", str(port)]):
        assert one(machine, "outbox", "--quick", "--repair")["level"] == "ok"
        kept = machine.run("list").out
    assert ("written while it was away" in kept, "and once more" in kept) == (True, True)


# With a server that does not start, or a store that cannot be read.


def test_a_damaged_store_names_the_backup_to_restore_and_that_helps(own: Machine, data: Path) -> None:
    own.run("add", "kept")
    own.run("backup", "create")
    own.run("stop")
    (data / "memories.duckdb").write_bytes(b"noise" * 10_000)

    found = examined(own.run("--json", "doctor"))

    assert "cannot be read as a store" in found["server"][0]["what"]
    assert "server.log ends with" in found["log"][0]["what"]
    assert (found["disk"][0]["level"], found["data"][0]["level"]) == ("ok", "ok")
    carried_out(own, found["log"][0]["fix"])
    carried_out(own, found["server"][0]["fix"])
    assert "kept" in own.run("list").out
    assert own.run("doctor", "--quick").code == 0


def test_a_damaged_block_is_found_by_reading_everything(own: Machine, data: Path) -> None:
    memory = own.run("--json", "add", "kept").json["id"]
    for number in range(12):
        own.run("update", memory, "--content", f"{number} {os.urandom(30_000).hex()}")
    own.run("backup", "create")
    with stopped_store(own, data) as store:
        store.execute("CHECKPOINT")
        ((block,),) = store.execute(
            "SELECT max(block_id) FROM pragma_storage_info('revisions') WHERE column_name = 'content' AND block_id >= 0"
        ).fetchall()
        ((size,),) = store.execute("SELECT block_size FROM pragma_database_size()").fetchall()
    file = data / "memories.duckdb"
    content = bytearray(file.read_bytes())
    content[3 * 4096 + block * size + size // 2] ^= 255
    file.write_bytes(content)

    found = examined(own.run("--json", "doctor"))

    assert (found["store"][0]["level"], found["integrity"][0]["level"]) == ("ok", "problem")
    assert "is damaged" in found["integrity"][0]["what"]
    carried_out(own, found["integrity"][0]["fix"])
    assert one(own, "integrity")["level"] == "ok"


def test_a_store_of_a_newer_version_asks_for_an_upgrade(own: Machine, data: Path) -> None:
    own.run("add", "one")
    with stopped_store(own, data) as store:
        store.execute("INSERT INTO schema_migrations VALUES (99, 'of tomorrow', 'x', TIMESTAMP '2027-01-01')")

    found = one(own, "server")

    assert "schema version 99, newer than this program knows" in found["what"]
    assert found["fix"] == "uv tool upgrade memory-cli"


def test_a_log_that_is_gone_names_the_backup(own: Machine, data: Path) -> None:
    own.run("add", "one")
    own.run("backup", "create")
    kill_server(data)
    (data / "memories.duckdb.wal").unlink()

    found = examined(own.run("--json", "doctor"))
    assert "lacks what was acknowledged last" in found["server"][0]["what"]
    assert "is of a server that is gone" in found["state"][0]["what"]
    carried_out(own, found["state"][0]["fix"])
    carried_out(own, found["server"][0]["fix"])
    assert "one" in own.run("list").out


def kill_server(data: Path) -> None:
    """End the local server as a crash does, with what it wrote last in its log."""
    state = json.loads((data / "server.json").read_text(encoding="utf-8"))
    httpx.post(
        f"http://127.0.0.1:{state['port']}/memories",
        json={"content": "in the log"}, headers={"X-API-Key": state["token"]},
    ).raise_for_status()  # fmt: skip
    kill(state["pid"])
    while Path(f"/proc/{state['pid']}/stat").exists() and "Z" not in _state(state["pid"]):
        pass


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "Z"


@posix_only("a process is halted by a signal")
def test_a_server_that_does_not_answer_is_named_with_its_process(own: Machine, data: Path) -> None:
    own.run("add", "one")
    pid = json.loads((data / "server.json").read_text(encoding="utf-8"))["pid"]
    os.kill(pid, 19)
    try:
        found = one(own, "server")
    finally:
        os.kill(pid, 18)
    assert found["fix"] == f"kill {pid}"
    carried_out(own, found["fix"])
    assert one(own, "server", "--quick")["level"] == "ok"


def test_a_data_folder_given_as_an_option_stands_in_the_commands(own: Machine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "with a blank"
    own.run("--data-dir", elsewhere, "add", "one")
    try:
        (found,) = examined(own.run("--data-dir", elsewhere, "--json", "doctor", "--quick"))["backup"]
        assert shlex.split(found["fix"]) == ["claude-memory", "--data-dir", str(elsewhere), "backup", "create"]
        carried_out(own, found["fix"])
    finally:
        own.run("--data-dir", elsewhere, "stop")
