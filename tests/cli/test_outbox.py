"""`claude-memory` while its server is away: writes are kept, shown, delivered or dropped, and each says so."""

import re
from pathlib import Path

import pytest

from memory_cli.commands.outbox import age
from memory_client.journal import FORMAT
from support.ledger import ledger, problem
from support.machines import Machine
from support.sockets import free_port

FAILED, MISUSED, NOT_FOUND = 1, 2, 3


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def machine(tmp_path: Path, port: int) -> Machine:
    return Machine(tmp_path / "home", MEMORY_SERVER=f"http://127.0.0.1:{port}", MEMORY_CLIENT_ID="laptop")


def folder(machine: Machine) -> Path:
    return machine.home / ".claude-memory" / "outbox"


def test_what_is_added_while_the_server_is_away_is_kept_and_said_so(machine: Machine) -> None:
    ran = machine.run("add", "We deploy on Fridays")

    assert (ran.code, ran.out) == (0, "")
    assert re.fullmatch(r"claude-memory: Kept on this machine \([0-9a-f]{8}\), not on the server yet: .+\n", ran.err)
    assert "will be delivered when the server is back" in ran.err


def test_a_program_is_told_in_json(machine: Machine) -> None:
    machine.run("add", "one")
    kept = machine.run("add", "two", "--json").json

    assert (kept["kept"], kept["waiting"]) == (True, 2)
    assert kept["server"] == machine.env["MEMORY_SERVER"]
    assert "refused" in kept["why"] or "reach" in kept["why"]


def test_a_person_at_a_terminal_is_told(machine: Machine) -> None:
    ran = machine.on_terminal("add", "We deploy on Fridays")

    assert ran.code == 0
    assert ran.out.startswith("Kept on this machine (")


def test_every_kind_of_write_is_kept_and_delivered_in_order_by_the_next_command(machine: Machine, port: int) -> None:
    machine.run("-p", "shop", "add", "m0")
    machine.run("update", "1a2b3c4d", "--content", "m1")
    machine.run("delete", "1a2b3c4d")
    with ledger(port) as (server, _):
        ran = machine.run("search", "deploy")

        assert ran.code == 0
        assert "delivered 3 writes kept on this machine" in ran.err
        assert server.done == ["add: m0", "update: m1", "delete: 1a2b3c4d"]
        assert server.requests[0]["x-project-id"] == "shop"
        assert {request["x-client-id"] for request in server.requests} == {"laptop"}
    assert machine.run("outbox", "list").out == ""


def test_a_new_write_lets_the_kept_ones_go_first(machine: Machine, port: int) -> None:
    machine.run("add", "before")
    with ledger(port) as (server, _):
        ran = machine.run("add", "after")

        assert server.done == ["add: before", "add: after"]
        assert ran.out == "1a2b3c4d\n"
        assert "delivered 1 write" in ran.err


def test_an_answer_that_was_lost_keeps_no_memory_twice(machine: Machine, port: int) -> None:
    with ledger(port) as (server, _):
        server.losing = 1
        assert "Kept on this machine" in machine.run("add", "once").err
        assert machine.run("outbox", "flush").code == 0

        assert server.done == ["add: once"]
        assert server.replayed == 1


def test_a_write_that_the_server_refuses_is_an_error_as_ever(machine: Machine, port: int) -> None:
    with ledger(port) as (server, _):
        server.fault = lambda _: problem(422, "invalid", "content is empty")
        ran = machine.run("add", "x")

    assert (ran.code, ran.err) == (MISUSED, "claude-memory: content is empty\n")
    assert not folder(machine).exists()


def test_the_list_shows_age_state_server_and_what(machine: Machine, port: int) -> None:
    machine.run("add", "We deploy on Fridays\nafter lunch")
    (line,) = machine.run("outbox", "list").out.splitlines()
    (row,) = machine.run("outbox", "list", "--json").json

    id_, age, state, server, what = line.split("\t")
    assert (state, server, what) == ("waiting", machine.env["MEMORY_SERVER"], "add: We deploy on Fridays after lunch")
    assert age in ("now", "1 min")
    assert (row["id"], row["state"], row["request"]["path"]) == (id_, "waiting", "/memories")
    assert "Nothing waits" not in machine.on_terminal("outbox", "list", columns=120).out


def test_flush_says_what_became_of_each(machine: Machine, port: int) -> None:
    for text in ("m0", "m1", "m2"):
        machine.run("add", text)
    with ledger(port) as (server, _):
        server.fault = lambda text: problem(409, "conflict", "it is there already") if text == "add: m1" else None
        ran = machine.run("outbox", "flush")

    assert ran.code == 0
    assert [re.sub(r"[0-9a-f]{8}", "ID", line) for line in ran.out.splitlines()] == [
        "delivered  ID  add: m0",
        "delivered  ID  add: m2",
        "refused    ID  add: m1 → it is there already",
    ]
    assert machine.run("outbox", "list").out.split("\t")[2] == "refused"


def test_flush_fails_while_something_has_to_stay(machine: Machine) -> None:
    assert machine.run("outbox", "flush").out.startswith("Nothing waits for http://")
    machine.run("add", "x")
    ran = machine.run("outbox", "flush")

    assert (ran.code, ran.out) == (FAILED, "")
    assert ran.err.startswith("claude-memory: still on this machine, 1 write: ")
    assert machine.run("outbox", "flush", "--json").out.count('"left": 1') == 1


def test_a_wrong_key_keeps_everything(machine: Machine, port: int) -> None:
    machine.run("add", "x", env={"MEMORY_API_KEY": "wrong"})
    with ledger(port, key="right") as (server, _):
        refused = machine.run("outbox", "flush", env={"MEMORY_API_KEY": "wrong"})
        assert (refused.code, server.done) == (FAILED, [])
        assert "set MEMORY_API_KEY" in refused.err
        machine.run("outbox", "flush", env={"MEMORY_API_KEY": "right"})

        assert server.done == ["add: x"]


def test_a_refusal_met_on_the_way_is_said_once(machine: Machine, port: int) -> None:
    machine.run("delete", "1a2b3c4d")
    with ledger(port) as (server, _):
        server.fault = lambda _: problem(404, "not-found", "no memory 1a2b3c4d")
        first, second = machine.run("search", "x"), machine.run("search", "x")

    assert "refused 1 write kept on this machine; see claude-memory outbox list" in first.err
    assert (first.code, second.code) == (0, 0)
    assert "refused" not in second.err
    assert "no memory 1a2b3c4d" in machine.run("outbox", "list").out


def test_status_shows_what_waits_also_while_the_server_is_away(machine: Machine) -> None:
    machine.run("add", "x")
    ran = machine.run("status")

    assert ran.code == FAILED
    assert "outbox: 1 write waiting; see claude-memory outbox list" in ran.err


def test_drop_takes_one_by_its_id(machine: Machine) -> None:
    machine.run("add", "m0")
    machine.run("add", "m1")
    id_ = machine.run("outbox", "list").out.split("\t")[0]
    ran = machine.run("outbox", "drop", id_, "--yes")

    assert (ran.code, ran.out) == (0, f"dropped  {id_}  add: m0\n")
    assert machine.run("outbox", "list").out.endswith("add: m1\n")


def test_drop_asks_and_shows_what_would_go(machine: Machine) -> None:
    machine.run("add", "m0")

    refused = machine.run("outbox", "drop", "--all")
    assert refused.code == MISUSED
    assert "add: m0" in refused.err
    assert "add --yes" in refused.err
    assert "nothing was dropped" in machine.on_terminal("outbox", "drop", "--all", types="n\n").out
    assert machine.run("outbox", "list").out != ""
    assert machine.on_terminal("outbox", "drop", "--all", types="y\n").code == 0
    assert machine.run("outbox", "list").out == ""


@pytest.mark.parametrize(
    ("arguments", "code"), [((), MISUSED), (("ab",), MISUSED), (("00000000",), NOT_FOUND), (("0000", "--all"), MISUSED)]
)
def test_what_cannot_be_dropped_is_a_sentence(machine: Machine, arguments: tuple[str, ...], code: int) -> None:
    machine.run("add", "m0")

    assert machine.run("outbox", "drop", *arguments, "--yes").code == code
    assert machine.run("outbox", "list").out != ""


def test_drop_all_means_this_server_alone(machine: Machine) -> None:
    other = {"MEMORY_SERVER": f"http://127.0.0.1:{free_port()}"}
    machine.run("add", "here")
    machine.run("add", "elsewhere", env=other)
    machine.run("outbox", "drop", "--all", "--yes")

    assert machine.run("outbox", "list").out.endswith("add: elsewhere\n")
    assert other["MEMORY_SERVER"] in machine.run("outbox", "flush").err


def test_a_file_of_a_newer_version_is_left_and_named(machine: Machine) -> None:
    machine.run("add", "m0")
    (file,) = folder(machine).glob("*.log")
    file.write_bytes(b"memory-outbox %d x\n%s" % (FORMAT + 1, b"y" * 100))
    before = file.read_bytes()

    ran = machine.run("add", "m1")
    assert ran.code == FAILED
    assert "could not be kept on this machine" in ran.err
    assert "newer version" in ran.err
    assert "newer version" in machine.run("outbox", "list").err
    assert file.read_bytes() == before


def test_a_local_server_that_cannot_start_loses_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home")
    store = machine.home / ".claude-memory" / "memories.duckdb"
    store.mkdir(parents=True)
    kept = machine.run("add", "We deploy on Fridays")
    assert kept.code == 0
    assert "Kept on this machine" in kept.err

    store.rmdir()
    try:
        ran = machine.run("list")
        assert ran.out.endswith("We deploy on Fridays\n")
        assert "delivered 1 write" in ran.err
    finally:
        machine.run("stop")


def test_a_clock_that_was_set_back_makes_nothing_younger_than_now() -> None:
    assert [age(seconds) for seconds in (-1e9, 0, 59, 60, 7200, 90000)] == ["now", "now", "now", "1 min", "2 h", "1 d"]
