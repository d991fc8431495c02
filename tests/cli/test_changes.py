"""History, undo, time and decisions, as typed, against a local and against a remote server."""

import re

from support.machines import Machine


def added(machine: Machine, project: str, *arguments: str) -> str:
    return machine.run("-p", project, "add", *arguments).out.strip()


def listed(machine: Machine, project: str, *options: str) -> set[str]:
    return {line.split("\t")[-1] for line in machine.run("-p", project, "list", *options).out.splitlines()}


def test_history_says_what_was_done_by_whom_and_why(machine: Machine, project: str) -> None:
    name = added(machine, project, "The API listens on 8000", "--type", "fact")
    machine.run("update", name, "The API listens on 9000", "--tags", "api", "--reason", "moved behind the proxy")
    machine.run("delete", name)

    told = machine.run("history", name).out

    lines = [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "WHEN", line) for line in told.splitlines()]
    assert re.fullmatch(r"3  WHEN  delete  \(laptop.*\)", lines[0])
    assert lines[1].startswith("   deleted_at: ")
    assert re.fullmatch(r"2  WHEN  update  \(laptop.*\)", lines[2])
    assert lines[3:6] == ["   because moved behind the proxy", "   The API listens on 9000", "   tags: api"]
    assert lines[-1] == "   The API listens on 8000"
    revisions = machine.run("history", name, "--json").json["revisions"]
    assert [(one["revision"], one["action"]) for one in revisions] == [(3, "delete"), (2, "update"), (1, "create")]


def test_undo_takes_the_last_change_back_and_undoing_that_brings_it_back(machine: Machine, project: str) -> None:
    name = added(machine, project, "first")
    machine.run("update", name, "second")

    assert "Undid update of 1 memory" in machine.run("undo", name).out
    assert listed(machine, project) == {"first"}
    machine.run("undo", name)
    assert listed(machine, project) == {"second"}
    assert machine.run("undo", "purge-nonsense").code == 3


def test_a_memory_goes_back_to_any_revision(machine: Machine, project: str) -> None:
    name = added(machine, project, "one")
    for text in ("two", "three"):
        machine.run("update", name, text)

    assert machine.run("restore", name, "--revision", "1").out == f"Brought {name} back to what it was at revision 1\n"

    assert listed(machine, project) == {"one"}
    missing = machine.run("restore", name, "--revision", "9")
    assert (missing.code, "has no revision 9; it has 1, 2, 3, 4" in missing.err) == (3, True)


def test_what_is_said_twice_is_kept_once_and_what_is_nearly_the_same_is_named(machine: Machine, project: str) -> None:
    name = added(machine, project, "The staging database listens on port 5432", "--type", "fact")

    again = machine.run("-p", project, "add", "The staging database listens on port 5432", "--type", "fact", "--json")
    other = machine.run("-p", project, "add", "The staging database listens on port 5433", "--type", "fact")

    assert (again.json["id"][:8], again.json["outcome"]) == (name, "unchanged")
    assert f"nearly the same as {name} (5432 → 5433)" in other.err
    assert listed(machine, project) == {f"The staging database listens on port {port}" for port in (5432, 5433)}


def test_review_lists_open_pairs_and_takes_the_decision(machine: Machine, project: str) -> None:
    old = added(machine, project, "Backups of the shop run at 02:00 every night")
    new = added(machine, project, "Backups of the shop run at 03:00 every night")
    waiting = machine.run("-p", project, "review").out
    assert new in waiting
    assert old in waiting
    assert "02:00 → 03:00" in waiting

    settled = machine.run("-p", project, "review", "supersede", new, old)

    assert "`claude-memory undo supersede-" in settled.out
    assert machine.run("-p", project, "review").out == "Nothing waits for a decision\n"
    assert listed(machine, project) == {"Backups of the shop run at 03:00 every night"}
    assert len(listed(machine, project, "--superseded")) == 2
    assert f"superseded by  {new}" in machine.run("get", old).out
    machine.run("undo", old)
    assert len(listed(machine, project)) == 2
    assert machine.run("-p", project, "review", "keep", new, old).out == "Both stay\n"
    assert machine.run("-p", project, "review").out == "Nothing waits for a decision\n"


def test_merging_keeps_the_text_and_the_tags_of_both(machine: Machine, project: str) -> None:
    one = added(machine, project, "Deploys need two approvals", "--tags", "deploy")
    other = added(machine, project, "Deploys need two approvals, one from ops", "--tags", "ops")

    machine.run(
        "-p", project, "review", "merge", one, other, "--content", "Deploys need two approvals; one is from ops"
    )

    kept = machine.run("get", one, "--json").json
    assert (kept["content"], kept["tags"]) == ("Deploys need two approvals; one is from ops", ["deploy", "ops"])
    assert listed(machine, project) == {"Deploys need two approvals; one is from ops"}


def test_a_topic_has_one_memory_that_follows_the_latest_word(machine: Machine, project: str) -> None:
    name = added(machine, project, "We are on release 1.4", "--topic", "release")

    assert added(machine, project, "We are on release 1.5", "--topic", "release") == name

    assert listed(machine, project) == {"We are on release 1.5"}
    assert "We are on release 1.4" in machine.run("history", name).out


def test_a_memory_with_an_end_shows_it_and_one_to_be_reviewed_is_listed(machine: Machine, project: str) -> None:
    name = added(machine, project, "The freeze ends soon", "--ttl", "7d")
    assert "expires    20" in machine.run("get", name).out
    assert machine.run("-p", project, "add", "too late", "--expires", "2001-01-01").code == 2

    late = added(machine, project, "The licence is valid", "--review-by", "2001-01-01")
    assert "unreviewed since 2001-01-01" in machine.run("-p", project, "review").out
    machine.run("update", late, "--reviewed")
    assert machine.run("-p", project, "review").out == "Nothing waits for a decision\n"
    assert "The licence is valid" in listed(machine, project), "a review date is a mark, never a filter"


def test_as_of_shows_what_was_known_then(machine: Machine, project: str) -> None:
    added(machine, project, "known today")

    assert listed(machine, project, "--as-of", "2001-01-01") == set()
    assert listed(machine, project, "--as-of", "0m") == {"known today"}
    assert machine.run("-p", project, "search", "known", "--as-of", "2001-01-01").out == ""
    assert machine.run("-p", project, "context", "--as-of", "yesterday").code == 2


def test_the_trash_is_listed_restored_and_emptied_only_with_yes(local_machine: Machine, project: str) -> None:
    machine = local_machine
    name = added(machine, project, "thrown away")
    machine.run("delete", name)

    assert "thrown away" in machine.run("-p", project, "trash").out
    assert "thrown away" in machine.run("-p", project, "trash", "list").out
    machine.run("trash", "restore", name)
    assert listed(machine, project) == {"thrown away"}
    machine.run("delete", name)
    shown = machine.run("trash", "empty")
    assert "would be removed for good; add --yes to do it" in shown.out
    assert machine.run("history", name).code == 0
    assert "for good" in machine.run("trash", "empty", "--yes").out
    assert machine.run("history", name).code == 3
