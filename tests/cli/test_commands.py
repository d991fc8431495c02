"""The commands as typed, against a local and against a remote server: both must look the same."""

import json
import re
from pathlib import Path

import pytest

from support.machines import Machine

ID = re.compile(r"[0-9a-f]{8}\n")


def test_a_memory_that_was_added_is_found_listed_and_shown(machine: Machine, project: str) -> None:
    added = machine.run("-p", project, "add", "We deploy on Fridays", "--type", "decision", "--tags", "ops,release")
    assert (added.code, added.err) == (0, "")
    assert ID.fullmatch(added.out)
    name = added.out.strip()

    for command in (("search", "deploy"), ("search", "-q", "deploy", "-m", "keyword"), ("list",)):
        found = machine.run(*command, "-p", project)
        [line] = found.out.splitlines()
        assert re.fullmatch(
            rf"{name}\tdecision\t\d{{4}}-\d\d-\d\d \d\d:\d\d\t{project}\tops,release\tWe deploy on Fridays", line
        )

    shown = machine.run("get", name).out
    assert f"project    {project}\n" in shown
    assert "client     laptop\n" in shown
    assert shown.endswith("\n\nWe deploy on Fridays\n")


def test_json_is_the_memory_as_the_server_gives_it(machine: Machine, project: str) -> None:
    kept = machine.run("add", "grüße 你好", "-p", project, "--json").json

    assert kept["content"] == "grüße 你好"
    assert kept["project_id"] == project
    assert (kept["memory_type"], kept["certainty_score"], kept["client_id"]) == ("observation", 0.7, "laptop")
    assert re.fullmatch(r"[0-9a-f]{32}", kept["id"])
    assert (kept.pop("outcome"), kept.pop("alike"), kept.pop("redacted")) == ("created", [], [])
    assert machine.run("get", kept["id"], "--json").json == kept
    assert machine.run("--json", "get", kept["id"][:6]).json == kept


def test_a_memory_can_come_from_standard_input(machine: Machine, project: str) -> None:
    name = machine.run("-p", project, "add", "-", "--type", "fact", stdin="first line\n  second – line\n").out.strip()

    assert machine.run("get", name, "--json").json["content"] == "first line\n  second – line"


def test_a_text_that_looks_like_an_option_follows_two_dashes(machine: Machine, project: str) -> None:
    name = machine.run("-p", project, "add", "--", "--force is forbidden").out.strip()

    assert machine.run("get", name, "--json").json["content"] == "--force is forbidden"


def test_tags_narrow_to_any_of_them_or_to_all(machine: Machine, project: str) -> None:
    machine.run("-p", project, "add", "both", "--tags", "a, b")
    machine.run("-p", project, "add", "one", "-t", "a", "-t", "c")

    def found(*options: str) -> set[str]:
        lines = machine.run("-p", project, "list", *options).out.splitlines()
        return {line.rpartition("\t")[2] for line in lines}

    assert found("--tags", "b,c") == {"both", "one"}
    assert found("-t", "a", "-t", "b", "--tags-all") == {"both"}
    assert found("--type", "fact") == set()
    assert found("--client", "laptop", "--since", "1h") == {"both", "one"}
    assert found("--until", "2001-01-01") == set()


def test_an_update_changes_what_it_names(machine: Machine, project: str) -> None:
    name = machine.run("-p", project, "add", "port is 8000", "-t", "net", "-s", "wiki").out.strip()

    assert machine.run("update", name, "--content", "-", "--type", "fact", stdin="port is 8420\n").out.strip() == name
    changed = machine.run("get", name, "--json").json
    assert (changed["content"], changed["memory_type"]) == ("port is 8420", "fact")
    assert (changed["tags"], changed["source"], changed["project_id"]) == (["net"], "wiki", project)

    machine.run("update", name, "port is 8421")
    assert machine.run("get", name).out.endswith("\n\nport is 8421\n")

    machine.run("update", name, "--no-tags", "--no-project", "--certainty", "1")
    changed = machine.run("get", name, "--json").json
    assert (changed["tags"], changed["project_id"], changed["certainty_score"]) == ([], None, 1.0)

    machine.run("update", name, "--to-project", project)
    assert machine.run("get", name, "--json").json["project_id"] == project


def test_a_deleted_memory_lies_in_the_trash_and_comes_back(machine: Machine, project: str) -> None:
    name = machine.run("-p", project, "add", "think again").out.strip()

    gone = machine.run("delete", name)
    assert gone.out == f"Moved {name} to the trash; `claude-memory restore {name}` brings it back\n"
    assert machine.run("get", name).code == 3
    assert name in machine.run("-p", project, "list", "--trash").out

    assert machine.run("restore", name).code == 0
    assert machine.run("get", name).code == 0


def test_a_long_list_is_read_page_by_page(machine: Machine, project: str) -> None:
    for at in range(3):
        machine.run("-p", project, "add", f"note {at}")

    first = machine.run("-p", project, "list", "-n", "2")
    assert [line[-6:] for line in first.out.splitlines()] == ["note 2", "note 1"]
    cursor = first.err.split()[-1]

    rest = machine.run("-p", project, "list", "-n", "2", "--cursor", cursor)
    assert ([line[-6:] for line in rest.out.splitlines()], rest.err) == (["note 0"], "")


def test_context_has_the_keys_that_hooks_read(machine: Machine, project: str) -> None:
    machine.run("-p", project, "add", "we chose DuckDB", "--type", "decision")

    context = machine.run("-p", project, "context", "--json").json

    assert context["project_id"] == project
    assert [(m["memory_type"], m["content"]) for m in context["memories"] if m["project_id"] == project] == [
        ("decision", "we chose DuckDB")
    ]
    assert context["summary"] == machine.run("-p", project, "context").out.rstrip("\n")


def test_a_context_of_nothing_prints_nothing_so_that_a_hook_adds_nothing(machine: Machine, project: str) -> None:
    found = machine.run("-p", project, "context", "-d", "1")

    assert found.code == 0
    assert project not in found.out


def test_stats_count_the_project_or_all(machine: Machine, project: str) -> None:
    machine.run("-p", project, "add", "one", "--type", "fact")

    counted = machine.run("-p", project, "stats", "--json").json
    assert (counted["total_memories"], counted["by_type"]) == (1, {"fact": 1})
    assert machine.run("-p", project, "stats").out.startswith(f"Project {project}\n\nmemories         1\n")
    everything = machine.run("stats", "--global").out
    assert everything.startswith("All projects\n")
    assert f"1  {project}\n" in everything


# ── Scopes ──


def test_a_repository_is_a_project_and_sees_itself_and_what_is_global(machine: Machine, project: str) -> None:
    shop = machine.repository(f"shop-{project}", f"git@git.example:acme/{project}.git")
    machine.run("add", f"{project} of the shop", cwd=shop)
    machine.run("add", f"{project} for everyone", "--no-project", cwd=shop)
    machine.run("add", f"{project} of another", "-p", f"other-{project}")

    def found(*command: str, cwd: Path | None = shop) -> set[str]:
        return {line.rpartition(" ")[2] for line in machine.run(*command, cwd=cwd).out.splitlines()}

    assert machine.run("project", cwd=shop).out == f"git.example/acme/{project}\n"
    assert found("search", project, "-m", "keyword") == {"shop", "everyone"}
    assert found("search", project, "-m", "keyword", "--global") == {"shop", "everyone", "another"}
    assert found("search", project, "-m", "keyword", "--no-project") == {"everyone"}
    assert found("list") == {"shop"}
    assert found("search", project, "-m", "keyword", cwd=None) == {"shop", "everyone", "another"}


def test_outside_of_a_repository_a_memory_belongs_to_no_project(machine: Machine) -> None:
    assert machine.run("add", "for everyone", "--json").json["project_id"] is None
    assert machine.run("project").out.startswith("No project: not in a git repository")


def test_a_project_from_the_environment_gives_way_to_the_option(machine: Machine, project: str) -> None:
    env = {"MEMORY_PROJECT": "from-the-environment"}

    assert machine.run("project", "--json", env=env).json["project_id"] == "from-the-environment"
    named = machine.run("project", "--json", "-p", project, env=env).json
    assert (named["project_id"], named["why"]) == (project, "-p names it")


# ── The whole store ──


def test_a_purge_shows_what_would_go_and_takes_it_with_yes(machine: Machine, project: str) -> None:
    for text in ("old cache one", "old cache two", "keep me"):
        machine.run("-p", project, "add", text)
    only_old = ("-p", project, "purge", "--containing", "OLD CACHE")

    for looking in (only_old, (*only_old, "--dry-run"), (*only_old, "--dry-run", "--yes")):
        shown = machine.run(*looking)
        assert shown.out.splitlines()[-1] == "2 memories would go to the trash; add --yes to move them there"
        assert "old cache one" in shown.out
    assert len(machine.run("-p", project, "list").out.splitlines()) == 3

    done = machine.run(*only_old, "--yes")
    found = re.fullmatch(
        r"Moved 2 memories to the trash; `claude-memory undo (purge-\w{12})` brings all back\n", done.out
    )
    assert found, done.out
    assert len(machine.run("-p", project, "list").out.splitlines()) == 1

    undone = machine.run("-p", project, "undo", found[1])
    assert undone.out.splitlines()[-1].startswith("Undid purge of 2 memories; `claude-memory undo undo-")
    assert len(machine.run("-p", project, "list").out.splitlines()) == 3
    assert machine.run("-p", project, "purge", "--yes", "--json").json["purged"] == 3


def test_a_purge_without_a_filter_is_refused_also_inside_a_repository(machine: Machine, project: str) -> None:
    shop = machine.repository(f"purged-{project}", f"https://git.example/acme/{project}")
    for command in (("purge", "--yes"), ("purge", "--global", "--yes"), ("purge", "-g", "-p", project, "--yes")):
        refused = machine.run(*command, cwd=shop)
        assert refused.code == 2
        assert "needs a filter" in refused.err


def test_an_export_is_taken_in_again_without_a_change(machine: Machine, project: str, tmp_path: Path) -> None:
    machine.run("-p", project, "add", "to be exported")
    file = tmp_path / "all.parquet"

    exported = machine.run("export", file)
    assert re.fullmatch(rf"Exported \d+ memor(y|ies) to {file}\n", exported.out)
    imported = machine.run("import", file)
    assert re.fullmatch(r"Imported 0 memories; \d+ were here already\n", imported.out)

    again = machine.run("export", file)
    assert again.code == 1
    assert "exists already" in again.err
    assert [path.name for path in tmp_path.iterdir()] == ["all.parquet"]


def test_backfill_without_a_model_says_that_there_is_none(machine: Machine) -> None:
    refused = machine.run("backfill-embeddings")

    assert refused.code == 1
    assert "embeddings are off" in refused.err


def test_a_search_by_meaning_without_a_model_notes_that_it_went_by_words(machine: Machine, project: str) -> None:
    machine.run("-p", project, "add", "red kettle")

    found = machine.run("-p", project, "search", "kettle", "--mode", "semantic")

    assert found.out.endswith("red kettle\n")
    assert "keyword" in found.err
    assert json.loads(machine.run("-p", project, "search", "kettle", "--json").out)["count"] == 1


def test_status_names_the_server_its_version_and_what_is_pending(machine: Machine) -> None:
    machine.run("add", "there must be a server")

    report = machine.run("status", "--json").json
    assert report["health"]["status"] == "ok"
    assert report["local"] is ("MEMORY_SERVER" not in machine.env)
    shown = machine.run("status").out
    assert f"server      {report['url']}\n" in shown
    assert "embeddings  off: keyword search only\n" in shown


@pytest.mark.parametrize("nothing", ["search", "list"])
def test_finding_nothing_is_a_note_and_no_error(machine: Machine, project: str, nothing: str) -> None:
    found = machine.run("-p", project, nothing, "--type", "relation", "-t", project)

    assert (found.code, found.out) == (0, "")
    assert f"project {project}" in found.err
