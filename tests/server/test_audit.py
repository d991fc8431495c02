"""Who deleted, exported or administered what is written down; what a memory says is not."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from memory_core.auditing import AuditEntry, AuditOutcome, AuditQuery
from memory_server.audit import REFUSALS_A_MINUTE, Actor, Auditor
from memory_server.audit_file import NAME, AuditFile
from memory_server.meters import Meters
from support.apps import MakeApp
from support.disks import fill, small_disk
from support.platforms import closed_to_others
from support.rpc import call_tool, tool_text
from support.servers import running_server

KEY = "the key of these tests"
MARK = "Zq7xMARKx7qZ"
UNLIMITED = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}
Json = dict[str, Any]


def lines(folder: Path) -> list[Json]:
    return [json.loads(line) for line in (folder / NAME).read_text().splitlines()]


def test_a_deletion_is_written_down_before_it_is_done_and_when_it_has_ended(tmp_path: Path) -> None:
    headers = {"X-API-Key": KEY, "X-Client-ID": "laptop", "X-Reason": MARK, "X-Request-ID": "delete-this-one"}
    with (
        running_server(tmp_path / "data", api_key=KEY) as server,
        httpx.Client(base_url=server.url, headers=headers, timeout=60) as http,
    ):
        kept = http.post("/memories", json={"content": MARK, "tags": [MARK]}).json()["id"]
        assert http.delete(f"/memories/{kept[:12]}").status_code == 200
        page = http.get("/admin/audit").json()

    begun, ended, looked = lines(server.data_dir)
    who = {"request_id": "delete-this-one", "client_id": "laptop", "address": "127.0.0.1", "key": begun["key"]}
    what = {"action": "DELETE /memories/{memory_id}", "target": {"memory_id": kept[:12]}} | who
    assert begun == {"number": 1, "at": begun["at"], "outcome": "begun"} | what
    assert ended == {
        "number": 2, "at": ended["at"], "outcome": "done", "status": 200, "of": 1, "result": {"deleted": kept},
    } | what  # fmt: skip
    assert (looked["action"], looked["outcome"]) == ("GET /admin/audit", "done")
    assert [entry["number"] for entry in page["entries"]] == [2], "what has ended is one entry"
    assert MARK not in (server.data_dir / NAME).read_text()
    assert closed_to_others(server.data_dir / NAME)


def test_what_is_to_be_audited_is_also_where_it_is_refused(tmp_path: Path) -> None:
    """By construction: a new route that deletes, or is for admins, is in the log without anybody thinking of it."""
    with running_server(tmp_path / "data", api_key=KEY, env=UNLIMITED) as server:
        document = httpx.get(f"{server.url}/openapi.json", headers={"X-API-Key": KEY}, timeout=60).json()
        served = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
        for method, path in served:
            httpx.request(method, server.url + path.replace("{", "").replace("}", ""), timeout=60)
        httpx.delete(f"{server.url}/memories/0123", headers={"X-API-Key": "wrong"}, timeout=60)

    refused = [line for line in lines(server.data_dir) if line["outcome"] == "refused"]
    must = {f"{method} {path}" for method, path in served if method == "DELETE" or path.startswith("/admin")}
    named = {
        "POST /memories/purge", "POST /undo", "POST /review/settle", "POST /trash/empty", "POST /models/use",
        "POST /embeddings/backfill", "GET /export", "POST /import", "POST /projects/aliases", "POST /projects/merge",
        "POST /memories/move",
    }  # fmt: skip
    assert must
    assert {line["action"] for line in refused} >= must | named
    assert {line["status"] for line in refused} == {401}
    assert "GET /memories" not in {line["action"] for line in refused}


async def test_scopes_and_counts_are_written_down_and_texts_are_not(make_app: MakeApp, tmp_path: Path) -> None:
    http = await make_app(limit_reads="off", limit_writes="off")
    for number in range(3):
        await http.post("/memories", json={"content": f"{MARK} {number}", "project_id": "p", "tags": [MARK]})

    query = {"project_id": "p", "content_contains": MARK, "tags": [MARK], "dry_run": False}
    purged = (await http.post("/memories/purge", json=query)).json()
    undone = await http.post("/undo", json={"batch_id": purged["batch_id"]})
    failed = await http.post("/undo", json={"batch_id": "purge-0"})
    await http.get("/export")

    text = (tmp_path / "app-0" / NAME).read_text()
    done = {line["request_id"]: line for line in lines(tmp_path / "app-0") if line["outcome"] != "begun"}
    purge, undo, not_found, export = done.values()
    assert purge["target"] == {"project_id": "p", "global_search": False, "dry_run": False}
    assert purge["result"] == {"batch_id": purged["batch_id"], "dry_run": False, "matched": 3, "purged": 3}
    assert (undo["target"], undo["result"]["undone"]) == ({"batch_id": purged["batch_id"]}, undone.json()["undone"])
    assert (not_found["outcome"], not_found["status"], not_found["error"]) == (
        "failed", failed.status_code, failed.json()["code"],
    )  # fmt: skip
    assert (export["action"], export["outcome"]) == ("GET /export", "done")
    assert MARK not in text


async def test_a_tool_that_deletes_is_written_down(make_app: MakeApp, tmp_path: Path) -> None:
    http = await make_app(limit_reads="off", limit_writes="off")
    kept = (await http.post("/memories", json={"content": "by a tool"})).json()["id"]

    await call_tool(http, "memory_search", {"query": "tool"})
    await call_tool(http, "memory_delete", {"memory_id": f"[{kept[:8]}]"}, {"X-Client-ID": "laptop"})
    await call_tool(http, "memory_delete", {"memory_id": "00000000"})

    found = [(line["action"], line["outcome"], line["target"]["memory_id"]) for line in lines(tmp_path / "app-0")]
    assert found == [
        ("memory_delete", "begun", f"[{kept[:8]}]"), ("memory_delete", "done", f"[{kept[:8]}]"),
        ("memory_delete", "begun", "00000000"), ("memory_delete", "failed", "00000000"),
    ]  # fmt: skip


async def test_what_cannot_be_written_down_is_not_done(make_app: MakeApp, tmp_path: Path) -> None:
    http = await make_app(limit_reads="off", limit_writes="off")
    kept = (await http.post("/memories", json={"content": "stays"})).json()["id"]
    (tmp_path / "app-0" / NAME).mkdir()  # so that nobody can write a file of that name, root included

    deleted = await http.delete(f"/memories/{kept}")
    by_tool = await call_tool(http, "memory_delete", {"memory_id": kept})
    exported = await http.get("/export")
    looked = await http.get("/admin/diagnosis")

    assert (deleted.status_code, exported.status_code) == (507, 507)
    assert "nothing was done, because the audit log cannot be written" in deleted.json()["detail"]
    assert "nothing was done" in tool_text(by_tool)
    assert (await http.get(f"/memories/{kept}")).status_code == 200
    assert looked.status_code == 200, "whoever looks for the fault must be able to"
    assert "memory_audit_failures_total 4.0" in (await http.get("/metrics")).text


@pytest.mark.slow
def test_on_a_full_disk_a_deletion_is_refused_and_leaves_no_torn_line(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 100) as disk, running_server(disk / "data", env=UNLIMITED) as server:
        kept = httpx.post(f"{server.url}/memories", json={"content": "stays"}, timeout=60).json()["id"]
        httpx.get(f"{server.url}/admin/backups", timeout=60)
        fill(disk / "ballast")

        # More than one: a page may have room left.
        refused = [httpx.delete(f"{server.url}/memories/{kept}", timeout=60) for _ in range(40)]
        (disk / "ballast").unlink()
        again = httpx.delete(f"{server.url}/memories/{kept}", timeout=60)

        assert {answer.status_code for answer in refused} == {507}
        assert again.status_code == 200
        assert lines(server.data_dir)[-1]["outcome"] == "done"


def entry(action: str = "DELETE /x", **fields: Any) -> AuditEntry:
    return AuditEntry(number=0, at="2026-11-25T00:00:00Z", action=action, outcome=AuditOutcome.DONE, **fields)


def test_numbers_go_on_after_a_restart_and_after_a_line_that_a_crash_tore(tmp_path: Path) -> None:
    file = AuditFile(tmp_path)
    file.append(entry())
    with (tmp_path / NAME).open("ab") as torn:
        torn.write(b'{"number":2,"at":"20')

    again = AuditFile(tmp_path)

    assert again.append(entry()).number == 2
    assert [each.number for each in again.page(AuditQuery()).entries] == [2, 1]
    assert (tmp_path / NAME).read_bytes().count(b"\n") == 3


def test_a_large_file_is_put_aside_and_still_read(tmp_path: Path) -> None:
    file = AuditFile(tmp_path, max_bytes=1000)
    for _ in range(50):
        file.append(entry())

    assert len(list(tmp_path.glob("audit-*.jsonl"))) > 2
    assert (tmp_path / NAME).stat().st_size < 1200
    numbers: list[int] = []
    before = None
    while True:
        page = file.page(AuditQuery(limit=7, before=before))
        numbers += [each.number for each in page.entries]
        if (before := page.next_before) is None:
            break
    assert numbers == list(range(50, 0, -1))
    assert AuditFile(tmp_path, max_bytes=1000).append(entry()).number == 51


async def test_who_is_refused_without_end_does_not_fill_the_disk(tmp_path: Path) -> None:
    now = [0.0]
    auditor = Auditor(AuditFile(tmp_path), Meters(), ticks=lambda: now[0])
    for _ in range(REFUSALS_A_MINUTE + 40):
        await auditor.refuse("DELETE /x", Actor(address="192.0.2.9"), status=401)
    now[0] = 61.0
    await auditor.refuse("DELETE /x", Actor(address="192.0.2.9"), status=401)

    found = lines(tmp_path)
    assert len(found) == REFUSALS_A_MINUTE + 1
    assert found[-1]["left_out"] == 40


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"before": "x"}, {"after": 1}])
async def test_a_page_that_cannot_be_is_refused(make_app: MakeApp, query: Json) -> None:
    http = await make_app()

    assert (await http.get("/admin/audit", params=query)).status_code == 422
