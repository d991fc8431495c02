"""`claude-memory audit` shows what the server wrote down."""

from support.machines import Machine


def test_a_deletion_is_shown_with_who_did_it_and_to_what(machine: Machine, project: str) -> None:
    kept = machine.run("--json", "-p", project, "add", "to be deleted").json["id"]
    machine.run("delete", kept[:8])

    (line,) = machine.run("audit", "--limit", "1").out.splitlines()

    assert "DELETE /memories/{memory_id}" in line
    assert f"deleted={kept}" in line
    assert "done" in line
    assert "laptop" in line


def test_older_entries_are_asked_for_by_number(machine: Machine, project: str) -> None:
    for text in ("one", "two"):
        kept = machine.run("--json", "-p", project, "add", text).json["id"]
        machine.run("delete", kept[:8])

    newest = machine.run("--json", "audit", "-n", "1").json
    older = machine.run("--json", "audit", "-n", "1", "--before", str(newest["next_before"])).json

    assert older["entries"][0]["number"] < newest["entries"][0]["number"]
    assert "there is more: --before " in machine.run("audit", "-n", "1").err
