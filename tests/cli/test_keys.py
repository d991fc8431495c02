"""Keys from a shell: an admin makes them, a machine uses them, and everyone is told what theirs may."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_core.key_text import is_key
from support.keys import make_key
from support.machines import Machine
from support.platforms import closed_to_others
from support.servers import RunningServer, running_server

UNLIMITED = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("keys") / "data", api_key="s3cret", env=UNLIMITED) as running:
        yield running


@pytest.fixture
def admin(tmp_path: Path, server: RunningServer) -> Machine:
    return Machine(tmp_path / "admin", MEMORY_SERVER=server.url, MEMORY_API_KEY="s3cret")


def holder(tmp_path: Path, server: RunningServer, key: str, **settings: str) -> Machine:
    return Machine(tmp_path / "holder", MEMORY_SERVER=server.url, MEMORY_API_KEY=key, **settings)


def line(machine: Machine, name: str) -> str:
    (found,) = [line for line in machine.run("keys", "list").out.splitlines() if line.split()[0] == name]
    return re.sub(r" {2,}", "  ", found)


def test_a_pipe_gets_the_key_alone_and_it_works(admin: Machine, server: RunningServer, tmp_path: Path) -> None:
    made = admin.run("keys", "create", "piped", "--scope", "read")
    laptop = holder(tmp_path, server, made.out.strip())

    assert is_key(made.out.strip())
    assert laptop.run("list", "--global").code == 0
    refused = laptop.run("add", "not allowed")
    assert (refused.code, refused.err) == (1, "claude-memory: this needs a key that may write, which yours may not\n")
    assert line(admin, "piped").startswith("piped  read, all projects  used 20")


def test_a_person_is_shown_the_key_with_the_lines_for_a_client(admin: Machine, server: RunningServer) -> None:
    shown = admin.on_terminal("keys", "create", "shown", "--client-id", "desk", columns=200).out

    key = re.search(r"^  (cmk_\w+)$", shown, re.MULTILINE)
    assert key is not None, shown
    assert f"export MEMORY_SERVER={server.url} MEMORY_API_KEY={key[1]} MEMORY_CLIENT_ID=desk" in shown
    assert f"--header 'Authorization: Bearer {key[1]}'" in shown
    assert shown.startswith("The key shown: write, all projects, client desk, works\n")


@pytest.mark.parametrize(
    ("name", "options", "projects"),
    [
        ("one", ["-p", "shop"], ["shop"]),
        ("some", ["--projects", "shop, site", "--projects", "docs"], ["shop", "site", "docs"]),
        ("both", ["--project", "docs", "--projects", "shop", "--no-project"], ["shop", "docs", ""]),
        ("none", ["--no-project"], [""]),
        ("all", [], None),
    ],
)
def test_a_key_is_limited_to_the_projects_that_were_named(
    admin: Machine, name: str, options: list[str], projects: list[str] | None
) -> None:
    """Those of a repository, or of MEMORY_PROJECT, are where somebody is: they limit nothing."""
    made = admin.run("--json", "keys", "create", name, *options, env={"MEMORY_PROJECT": "here"}).json

    assert made["projects"] == projects


def test_all_options_reach_the_server(admin: Machine) -> None:
    options = ["--scope", "read", "--client-id", "ci", "--expires", "2100-01-01", "--max-memories", "5"]

    made = admin.run("--json", "keys", "create", "options", *options, "--max-bytes", "6000").json

    assert (made["scope"], made["client_id"], made["expires_at"]) == ("read", "ci", "2100-01-01T00:00:00Z")
    assert (made["max_memories"], made["max_bytes"]) == (5, 6000)
    assert line(admin, "options") == (
        "options  read, all projects, client ci, at most 5 memories, at most 6,000 bytes  never used  "
        "until 2100-01-01 00:00"
    )


def test_a_rotated_key_comes_with_time_to_put_it_in(admin: Machine, server: RunningServer, tmp_path: Path) -> None:
    old = admin.run("keys", "create", "turning").out.strip()
    laptop = holder(tmp_path, server, old)

    new = admin.run("keys", "rotate", "turning", "--overlap", "7d").out.strip()

    assert new != old
    assert laptop.run("status").code == 0
    assert "the one before works until 20" in line(admin, "turning")
    assert "what is sent here works for 6 days yet" in laptop.run("doctor", "--quick").out
    laptop.env["MEMORY_API_KEY"] = new
    assert "turning: write, all projects" in laptop.run("status").out
    ended = admin.run("keys", "rotate", "turning", "--overlap", "0").out.strip()
    assert "the key is wrong, revoked or expired" in laptop.run("status").err
    laptop.env["MEMORY_API_KEY"] = ended
    assert laptop.run("status").code == 0


def test_revoking_asks_and_does_nothing_without_a_yes(admin: Machine) -> None:
    admin.run("keys", "create", "leaving")

    nobody = admin.run("keys", "revoke", "leaving")
    declined = admin.on_terminal("keys", "revoke", "leaving", types="n\n")
    assert (nobody.code, declined.code) == (2, 1)
    assert "revoke asks before it acts, and nobody is here to answer; add --yes" in nobody.err
    assert line(admin, "leaving").endswith("works")

    agreed = admin.on_terminal("keys", "revoke", "leaving", types="y\n")
    assert "Revoked leaving" in agreed.out
    assert admin.run("keys", "revoke", "leaving", "--yes").out == "Revoked leaving\n", "twice is once"
    assert "  revoked 20" in line(admin, "leaving")


def test_an_error_is_a_sentence_and_a_code(admin: Machine) -> None:
    admin.run("keys", "create", "twice")

    assert "no name is used twice" in admin.run("keys", "create", "twice").err
    assert admin.run("keys", "revoke", "nobody", "--yes").code == 3
    assert admin.run("keys", "create", "x", "--expires", "2001-01-01").code == 2
    assert admin.run("keys", "create", "x", "--projects", ",").code == 2


def test_an_own_server_has_no_keys_and_is_not_started_to_say_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home")

    refused = machine.run("keys", "list")

    assert refused.code == 2
    assert "this machine's own server has a key of its own, and no others" in refused.err
    assert not (machine.home / ".claude-memory").exists()


def test_status_and_doctor_say_what_a_key_may(server: RunningServer, tmp_path: Path) -> None:
    key = make_key(server.data_dir, "telling", projects=("shop",), client_id="desk")
    machine = holder(tmp_path, server, key, MEMORY_CLIENT_ID="desk")

    status = machine.run("status")
    doctor = machine.run("doctor", "--quick")

    assert "telling: write, project shop, client desk" in status.out
    assert machine.run("--json", "status").json["key"]["projects"] == ["shop"]
    assert re.search(
        r"^ok +key +needed, and accepted: telling, write, project shop, client desk$", doctor.out, re.MULTILINE
    )
    assert re.search(r"^note +store +only an admin key is told of its state$", doctor.out, re.MULTILINE)
    assert doctor.code == 0, doctor.out


def test_doctor_names_the_client_that_a_key_speaks_for(server: RunningServer, tmp_path: Path) -> None:
    key = make_key(server.data_dir, "bound", client_id="the desk")
    machine = holder(tmp_path, server, key, MEMORY_CLIENT_ID="laptop")

    doctor = machine.run("doctor", "--quick")

    assert doctor.code == 1
    assert "bound speaks for the client the desk, and this machine says it is laptop" in doctor.out
    assert "fix: export MEMORY_CLIENT_ID='the desk'" in doctor.out


def test_doctor_warns_of_a_key_that_ends_soon_with_the_command_for_it(
    admin: Machine, server: RunningServer, tmp_path: Path
) -> None:
    key = admin.run("keys", "create", "ending", "--expires", "13d").out.strip()
    laptop = holder(tmp_path, server, key)

    warned = laptop.run("doctor", "--quick").out
    fix = re.search(r"fix: claude-memory (keys rotate ending .*)", warned)

    assert re.search(r"^warning +key +ending works for 12 days yet, until 20", warned, re.MULTILINE)
    assert fix is not None
    laptop.env["MEMORY_API_KEY"] = admin.run(*fix[1].split()).out.strip()
    assert re.search(r"^ok +key", laptop.run("doctor", "--quick").out, re.MULTILINE)


def test_keys_are_not_put_into_files_that_others_can_read(server: RunningServer) -> None:
    for file in server.data_dir.glob("access*"):
        assert closed_to_others(file)
