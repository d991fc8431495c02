"""Sessions from a shell: begun, noted in, ended, listed, shown; and what each was told, and why."""

import re
import uuid

import httpx
import pytest

from support.machines import Machine


@pytest.fixture
def name() -> str:
    """A session that no other test knows: they share a server."""
    return str(uuid.uuid4())


def test_a_session_is_begun_ended_with_what_it_came_to_and_shown(machine: Machine, project: str, name: str) -> None:
    here = ("-p", project)

    begun = machine.run(*here, "session", "start", "--title", "Release", "--session", name)
    assert (begun.code, begun.out) == (0, f"{name}\n")
    ended = machine.run(
        *here, "session", "end", "--summary", "-", "--decision", "Deploy on Fridays", "--decision", "Tag first",
        "--question", "Who is on call?", "--topic", "release", stdin="The release is out\n",
    )  # fmt: skip
    memory_id = ended.out.rpartition(" ")[2].strip()
    assert ended.out == f"Session {name} is closed; what it came to is {memory_id}\n"

    shown = machine.run(*here, "session", "show").out
    assert f"session     {name}\n" in shown
    assert f"project     {project}\n" in shown
    assert "topics      release\n" in shown
    assert shown.endswith(
        "\n\nThe release is out\n\nDecisions:\n- Deploy on Fridays\n- Tag first\n\nOpen questions:\n- Who is on call?\n"
    )
    told = machine.run("session", "show", name[:8], "--json").json
    assert (told["status"], told["title"], told["written_by"]) == ("ended", "Release", "agent")
    assert told["memory_id"].startswith(memory_id)
    assert machine.run(*here, "search", "on call", "--type", "session").out.startswith(memory_id)


def test_a_list_has_a_line_a_session_and_open_ones_can_be_picked(machine: Machine, project: str) -> None:
    here, names = ("-p", project, "session"), [str(uuid.uuid4()) for _ in range(3)]
    for number, name in enumerate(names):
        machine.run(*here, "start", "--title", f"Task {number}", "--session", name)
    machine.run(*here, "end", names[0])

    lines = machine.run(*here, "list").out.splitlines()
    opened = machine.run(*here, "list", "--open", "-n", "1", "--json").json

    assert sorted(line.split()[0] for line in lines) == sorted(one[:8] for one in names)
    assert {(line.split()[3], line[-6:]) for line in lines} == {
        ("ended", "Task 0"),
        ("open", "Task 1"),
        ("open", "Task 2"),
    }
    assert [one["title"] for one in opened["sessions"]] == ["Task 2"]
    assert opened["next_cursor"] is not None
    assert names[0][:8] in machine.run("session", "list", "--global").out


def test_what_is_noted_becomes_the_summary_when_it_ends(machine: Machine, project: str, name: str) -> None:
    here = ("-p", project, "session")
    machine.run(*here, "start", "--session", name)

    noted = machine.run(*here, "note", "We decided to deploy on Fridays, because the shop is quiet then.")
    ended = machine.run(*here, "end", "--json").json

    assert noted.out == f"Noted in session {name}\n"
    assert ended["written_by"] == "extract"
    assert "Fridays" in f"{ended['summary']} {ended['decisions']}"


def test_a_session_that_is_dropped_leaves_its_memory(machine: Machine, project: str, name: str) -> None:
    machine.run("-p", project, "session", "start", "--session", name)
    memory_id = machine.run("-p", project, "session", "end", "--summary", "Kept").out.rpartition(" ")[2].strip()

    dropped = machine.run("session", "delete", name)

    assert dropped.out == f"Dropped session {name}; its memory {memory_id} stays\n"
    assert machine.run("session", "show", name).code == 3
    assert machine.run("get", memory_id).code == 0


@pytest.mark.parametrize("command", [("end",), ("show",), ("note", "x")])
def test_where_there_is_no_session_it_is_said_how_to_see_others(
    machine: Machine, project: str, command: tuple[str, ...]
) -> None:
    missed = machine.run("-p", project, "session", *command)

    assert missed.code == 3
    place = f"session of this machine in project {project}; "
    assert f"{place}name one, `claude-memory session list --global`" in missed.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "nobody"), 3, "there is no session nobody"),
        (("end", "a/b"), 2, "'a/b' is no id of a session that has an address"),
        (("end", "nobody", "--topic", "x"), 2, "there is nothing in it; give a summary, decisions or open_questions"),
        (("end", "nobody", "--summary", "x" * 5_000), 2, "summary is 5,000 characters; at most 4,000 fit"),
        (("note", " "), 2, "text is empty; there is nothing to note"),
    ],
)
def test_a_wrong_call_ends_in_one_sentence(
    remote_machine: Machine, arguments: tuple[str, ...], code: int, said: str
) -> None:
    refused = remote_machine.run("session", *arguments)

    assert (refused.code, refused.out) == (code, "")
    assert refused.err.startswith(f"claude-memory: {said}")
    assert len(refused.err.splitlines()) == 1


# ── What was told, and why ──


def test_a_context_explains_each_of_its_memories(machine: Machine, project: str) -> None:
    kept = machine.run("-p", project, "add", "We deploy on Fridays", "--type", "decision").out.strip()

    plain = machine.run("-p", project, "context", "-n", "1")
    explained = machine.run("-p", project, "context", "-n", "1", "--explain")

    assert explained.out.startswith(plain.out)
    row, total = explained.out.removeprefix(plain.out).strip().splitlines()
    assert re.match(rf"{kept}  Decisions +\d+ tokens  \S", row)
    assert re.match(r"1 memory in about \d+ tokens", total)
    chosen = machine.run("-p", project, "context", "-n", "1", "--explain", "--json").json["chosen"]
    assert [(one["memory_id"][:8], one["section"]) for one in chosen] == [(kept, "Decisions")]


def test_what_a_session_was_told_is_shown_with_its_occasion_and_why(
    remote_machine: Machine, project: str, name: str
) -> None:
    kept = remote_machine.run("-p", project, "add", "We deploy on Fridays", "--type", "decision").out.strip()
    headers = {"X-API-Key": remote_machine.env["MEMORY_API_KEY"], "X-Project-ID": project}
    address = f"{remote_machine.env['MEMORY_SERVER']}/sessions/{name}/context"
    httpx.post(address, json={}, headers=headers).raise_for_status()

    told = remote_machine.run("context", "--session", name)
    why = remote_machine.run("context", "--session", name, "--explain")
    shown = remote_machine.run("session", "show", name, "--shown")

    assert re.search(rf"^[\d-]+ [\d:]+  start  {kept}  Decisions$", told.out, re.MULTILINE)
    assert re.search(rf"^[\d-]+ [\d:]+  start  {kept}  Decisions +\d+ tokens  \S", why.out, re.MULTILINE)
    assert shown.out == why.out
    listed = remote_machine.run("context", "--session", name, "--json").json
    assert listed == remote_machine.run("session", "show", name, "--shown", "--json").json
    assert kept in [one["memory_id"][:8] for one in listed["shown"]]


def test_a_session_that_was_told_nothing_says_so(remote_machine: Machine, project: str, name: str) -> None:
    remote_machine.run("-p", project, "session", "start", "--session", name)

    told = remote_machine.run("context", "--session", name)

    assert (told.code, told.out) == (0, "")
    assert f"session {name} was told nothing yet" in told.err
