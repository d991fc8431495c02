"""Memories come in from other systems and go out as files, as typed in a shell against a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_core.formats.jsonl import line_of
from support.kept import kept
from support.machines import Machine
from support.servers import running_server
from support.sources import SOURCES, claude_code, mcp_memory, mem0

BEYOND_ANY = "x" * 70_000


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Machine]:
    """A machine with a server of its own, and nothing in it."""
    machine = Machine(tmp_path / "home", MEMORY_PROJECT="p", MEMORY_CLIENT_ID="laptop")
    yield machine
    assert machine.run("stop").code == 0


def everything(machine: Machine) -> dict[str, object]:
    listed = machine.run("--json", "list", "--global", "--superseded", "-n", "200").json["memories"]
    trashed = machine.run("--json", "list", "--global", "--trash", "-n", "200").json["memories"]
    return {memory["id"]: memory for memory in [*listed, *trashed]}


@pytest.mark.parametrize("name", SOURCES)
def test_what_another_system_kept_comes_in_once_and_can_be_undone(own: Machine, name: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    path = SOURCES[name](source)

    forecast = own.run("--json", "import", path, "--dry-run").json
    assert everything(own) == {}, "a dry run changes nothing"
    assert (forecast["format"], forecast["dry_run"], forecast["batch_id"]) == (name, True, None)

    taken = own.run("--json", "import", path).json
    assert taken["imported"] == forecast["imported"] == len(everything(own)) > 0
    assert taken["left"] == forecast["left"]

    again = own.run("--json", "import", path, "--from", name).json
    assert (again["imported"], again["unchanged"], again["conflicts"]) == (0, taken["imported"], [])

    unnamed = own.run("undo")
    assert (unnamed.code, unnamed.out) == (3, ""), "an import is undone by its name alone"
    assert "an import is named to be undone" in unnamed.err
    undone = own.run("undo", taken["batch_id"])
    assert undone.code == 0, undone.err
    assert own.run("--json", "list", "--global", "--superseded").json["memories"] == []


def test_a_dry_run_and_a_run_say_what_comes_and_how_to_take_it_back(own: Machine, tmp_path: Path) -> None:
    path = mem0(tmp_path)

    forecast = own.run("import", path, "--dry-run").out.splitlines()
    taken = own.run("import", path).out.splitlines()
    again = own.run("import", path).out.splitlines()

    assert forecast[0] == "Would import 2 memories; 0 are here already"
    assert taken[0] == "Imported 2 memories; 0 were here already"
    assert again[0] == "Imported 0 memories; 2 were here already"
    assert any(line.startswith("Never taken from mem0: ") for line in taken)
    assert taken[-1].startswith("`claude-memory undo import-")
    assert not any("undo" in line for line in forecast + again)


def test_a_file_that_was_touched_is_no_conflict_and_one_that_was_changed_brings_the_change(
    own: Machine, tmp_path: Path
) -> None:
    path = mcp_memory(tmp_path)
    own.run("import", path)
    lines = path.read_text(encoding="utf-8").splitlines()
    entity = json.loads(lines[0])
    entity["observations"].append("moved to York")
    path.write_text("\n".join([json.dumps(entity), *lines[1:]]), encoding="utf-8")

    report = own.run("--json", "import", path).json

    assert (report["imported"], report["unchanged"], report["conflicts"]) == (1, 5, [])


def test_what_was_changed_here_stays_as_it_is_and_is_named(own: Machine, tmp_path: Path) -> None:
    path = mcp_memory(tmp_path)
    own.run("import", path)
    memory_id = own.run("--json", "search", "likes tea", "--global", "-m", "keyword").json["results"][0]["id"]
    own.run("update", memory_id, "--content", "Ada: likes coffee")

    report = own.run("import", path)

    assert f"1 differs here and stayed as it is: {memory_id}" in report.out
    assert "likes coffee" in own.run("get", memory_id).out


def test_a_project_is_given_to_memories_of_none(own: Machine, tmp_path: Path) -> None:
    own.run("-p", "tea-house", "import", mcp_memory(tmp_path))

    assert {memory["project_id"] for memory in everything(own).values()} == {"tea-house"}  # type: ignore[index]
    assert own.run("--json", "-p", "tea-house", "import", mcp_memory(tmp_path)).json["unchanged"] == 5


def test_what_cannot_be_taken_is_reported_with_its_place_and_the_rest_comes(own: Machine, tmp_path: Path) -> None:
    path = mcp_memory(tmp_path)
    bad = ["{broken", '{"type":"entity","name":"\\ud800","entityType":"x","observations":[]}', *["[]"] * 30]
    path.write_text(path.read_text(encoding="utf-8") + "\n".join(bad) + "\n", encoding="utf-8")

    ran = own.run("import", path)
    report = own.run("--json", "import", path).json

    assert ran.code == 0, ran.err
    assert ran.out.startswith("Imported 5 memories; 0 were here already\nLeft out: 32\n  ")
    assert "  … and 12 more; --json names all" in ran.out
    assert len(report["left"]) == 32
    assert all(each["where"] and each["why"] for each in report["left"])


def test_a_text_beyond_the_limit_comes_in_parts(own: Machine, tmp_path: Path) -> None:
    path = tmp_path / "memory.jsonl"
    path.write_text(
        json.dumps({"type": "entity", "name": "long", "entityType": "x", "observations": [BEYOND_ANY]}),
        encoding="utf-8",
    )

    assert own.run("--json", "import", path).json["imported"] == 3
    assert own.run("--json", "import", path).json["unchanged"] == 3


def test_a_source_that_could_be_two_things_or_none_is_asked_for(own: Machine, tmp_path: Path) -> None:
    nonsense = tmp_path / "notes.txt"
    nonsense.write_text("just some words", encoding="utf-8")

    unknown = own.run("import", nonsense)
    misnamed = own.run("import", claude_code(tmp_path), "--from", "claude-cod")
    missing = own.run("import", tmp_path / "nowhere")

    assert (unknown.code, misnamed.code, missing.code) == (2, 2, 3)
    assert "is of no format that is known here" in unknown.err
    assert "there is no format 'claude-cod'; there are parquet, jsonl, markdown, claude-code" in misnamed.err
    assert "does not exist" in missing.err


def fill(machine: Machine) -> None:
    for command in (
        ["add", "We deploy on Fridays", "--type", "decision", "--reason", "agreed"],
        ["add", "plain", "--no-project"],
        ["add", "to be thrown away"],
    ):
        assert machine.run(*command).code == 0
    by_content = {memory["content"]: key for key, memory in everything(machine).items()}  # type: ignore[index]
    machine.run("update", by_content["plain"], "--content", "plain\r\n---\nwith odd lines ")
    machine.run("delete", by_content["to be thrown away"])


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "folder"])
def test_an_export_brings_everything_to_an_empty_server(own: Machine, ending: str, tmp_path: Path) -> None:
    fill(own)
    path = tmp_path / f"all.{ending}"
    options = ["--format", "markdown"] if ending == "folder" else []

    exported = own.run("export", path, *options)
    assert exported.out.startswith(f"Exported 3 memories to {path}"), exported.err

    with running_server(tmp_path / "data") as server:
        other = Machine(tmp_path / "other", MEMORY_SERVER=server.url)
        assert other.run("--json", "import", path).json["imported"] == 3
        assert everything(other) == everything(own)
        if ending != "folder":
            for memory_id in everything(own):
                assert other.run("--json", "history", memory_id).json == own.run("--json", "history", memory_id).json
        assert other.run("import", path).out.startswith("Imported 0 memories; 3 were here already")


def test_a_markdown_folder_is_brought_up_to_date_and_another_is_left_alone(own: Machine, tmp_path: Path) -> None:
    fill(own)
    folder = tmp_path / "memories"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "mine.txt").write_text("precious", encoding="utf-8")
    own.run("export", folder, "--format", "markdown")
    own.run("add", "another one")

    again = own.run("export", folder)
    refused = own.run("export", foreign)

    assert again.out == f"Exported 4 memories to {folder}: 1 file written, 3 unchanged, 0 removed\n"
    assert refused.code == 1
    assert [path.name for path in foreign.iterdir()] == ["mine.txt"]


def test_an_export_has_the_format_of_its_name_and_overwrites_nothing(own: Machine, tmp_path: Path) -> None:
    fill(own)
    taken = tmp_path / "taken.jsonl"
    taken.write_text("precious", encoding="utf-8")

    own.run("export", tmp_path / "a.jsonl", "--bare")
    unclear = own.run("export", tmp_path / "memories")
    refused = own.run("export", taken)

    assert [b'"history"' in line for line in (tmp_path / "a.jsonl").read_bytes().splitlines()] == [False] * 3
    assert (unclear.code, refused.code) == (2, 1)
    assert "--format" in unclear.err
    assert taken.read_text(encoding="utf-8") == "precious"


def test_a_broken_line_of_our_own_file_refuses_all_of_it(own: Machine, tmp_path: Path) -> None:
    path = tmp_path / "memories.jsonl"
    path.write_bytes(line_of(kept()) + b'{"id":"\\ud800"}\n')

    refused = own.run("import", path)

    assert refused.code == 2
    assert "line 2 of the file cannot be taken" in refused.err
    assert everything(own) == {}


def test_a_file_beyond_the_size_that_the_server_takes_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "memories.jsonl"
    path.write_bytes(b"".join(line_of(kept(f"note {n}", id=f"{n:032x}")) for n in range(50)))
    with running_server(tmp_path / "data", env={"MEMORY_MAX_IMPORT_BYTES": "4096"}) as server:
        machine = Machine(tmp_path / "home", MEMORY_SERVER=server.url)

        refused = machine.run("import", path)

        assert refused.code == 1
        assert "at most 4,096 bytes fit in one request" in refused.err
        assert everything(machine) == {}
