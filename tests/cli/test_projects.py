"""`claude-memory project`: the verdict and why, and how memories come from one project to another."""

import re
import uuid
from pathlib import Path

import pytest

from support.machines import Machine, Ran


@pytest.fixture
def shop(local_machine: Machine, project: str) -> Path:
    return local_machine.repository(f"shop-{project}", f"git@git.example:acme/{project}.git")


def listed(machine: Machine, *names: str) -> dict[str, tuple[int, list[str]]]:
    """Of each of these ids, how many memories the project has and under which other names it goes."""
    found = machine.run("project", "list", "--json").json["projects"]
    return {one["project_id"]: (one["memories"], one["aliases"]) for one in found if one["project_id"] in names}


def undo_of(ran: Ran) -> str:
    named = re.search(r"`claude-memory undo (\S+)`", ran.out)
    assert named is not None, ran
    return named[1]


# ── The verdict ──


def test_the_verdict_is_one_line_and_says_why_on_request(local_machine: Machine, project: str, shop: Path) -> None:
    report = local_machine.run("project", "--json", cwd=shop).json

    assert local_machine.run("project", cwd=shop).out == f"git.example/acme/{project}\n"
    assert report == {
        "project_id": f"git.example/acme/{project}",
        "name": project,
        "why": f'remote "origin" of {shop}',
        "kind": "remote",
        "root": str(shop),
        "upstream": None,
        "remarks": [],
    }


def test_the_verdict_starts_no_server(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home")

    assert machine.run("project").code == 0
    explained = machine.run("project", "explain")

    assert "Nothing is known of its memories: no server is running here" in explained.out
    assert machine.run("status").code == 3


def test_every_step_to_the_verdict_is_explained(local_machine: Machine, project: str, shop: Path) -> None:
    local_machine.run("add", "a fact", cwd=shop)

    text = local_machine.run("project", "explain", cwd=shop).out

    assert f'because    remote "origin" of {shop}\n' in text
    assert "  -p               not given\n  MEMORY_PROJECT   not set\n  .memory-project  none\n" in text
    assert f'  remote "origin"  git@git.example:acme/{project}.git: git.example/acme/{project}\n' in text
    assert "  memories  1\n" in text


def test_what_names_a_project_is_explained(local_machine: Machine, shop: Path) -> None:
    option = local_machine.run("project", "explain", "-p", "mine", "--json", cwd=shop).json
    variable = local_machine.run("project", "explain", "--json", cwd=shop, env={"MEMORY_PROJECT": "mine"}).json
    (shop / ".memory-project").write_text("theirs\n", encoding="utf-8")
    file = local_machine.run("project", "explain", "--json", cwd=shop).json

    assert (option["why"], variable["why"]) == ("-p names it", "MEMORY_PROJECT names it")
    assert option["steps"] == [{"looked_at": "-p", "found": "mine"}]
    assert (file["project_id"], file["kind"], file["why"]) == ("theirs", "file", f"{shop / '.memory-project'} names it")
    assert {"looked_at": ".memory-project", "found": f"{shop / '.memory-project'}: theirs"} in file["steps"]


def test_a_file_that_claims_another_repository_is_said(local_machine: Machine, shop: Path) -> None:
    (shop / ".memory-project").write_text("github.com/acme/secret\n", encoding="utf-8")

    ran = local_machine.run("project", cwd=shop)
    doctor = local_machine.run("doctor", "--json", cwd=shop)

    assert "secret" not in ran.out
    assert "github.com/acme/secret is a name that git gives, and not to this folder" in ran.err
    assert "is a name that git gives" in doctor.out


def test_a_fork_says_how_it_becomes_one_with_its_upstream(local_machine: Machine, project: str, shop: Path) -> None:
    with (shop / ".git" / "config").open("a") as config:
        config.write('[remote "upstream"]\n\turl = https://git.example/up/tool\n')

    ran = local_machine.run("project", cwd=shop)

    assert ran.out == f"git.example/acme/{project}\n"
    assert f"claude-memory project merge git.example/acme/{project} git.example/up/tool" in ran.err


def test_a_folder_under_another_name_finds_its_first_commit_again(local_machine: Machine, project: str) -> None:
    commit = uuid.uuid4().hex[:12]
    local_machine.run("add", "before", "-p", f"old-{project}@{commit}")

    found = local_machine.run("project", "explain", "-p", f"new-{project}@{commit}").out

    assert f"claude-memory project merge old-{project}@{commit} new-{project}@{commit}" in found


def test_a_directory_says_what_it_was_before(local_machine: Machine, project: str, shop: Path) -> None:
    """A remote was renamed: what was remembered is there still, under the name before."""
    local_machine.run("add", "before", cwd=shop)
    assert local_machine.run("project", "register", cwd=shop).out.endswith(f"is project git.example/acme/{project}\n")
    config = shop / ".git" / "config"
    config.write_text(
        config.read_text(encoding="utf-8").replace(f"acme/{project}", f"acme/new-{project}"), encoding="utf-8"
    )

    unseen = local_machine.run("project", "explain", cwd=shop).out
    local_machine.run("project", "register", cwd=shop)
    seen = local_machine.run("project", "explain", cwd=shop).out
    local_machine.run("project", "merge", f"git.example/acme/{project}", f"git.example/acme/new-{project}", "--yes")
    merged = local_machine.run("project", "explain", cwd=shop).out

    for text in (unseen, seen):
        assert f"This directory was project git.example/acme/{project} until " in text
        assert f"claude-memory project merge git.example/acme/{project} git.example/acme/new-{project}" in text
    assert "This directory was" not in merged
    assert f"other names  git.example/acme/{project}" in merged


def test_only_a_project_can_be_registered(local_machine: Machine) -> None:
    refused = local_machine.run("project", "register")

    assert (refused.code, "not in a git repository" in refused.err) == (2, True)


# ── The list ──


def test_projects_are_listed_with_a_star_for_this_one(local_machine: Machine, project: str, shop: Path) -> None:
    local_machine.run("add", "one", cwd=shop)
    local_machine.run("add", "two", "-p", f"other-{project}")

    lines = local_machine.run("project", "list", cwd=shop).out.splitlines()

    assert [line[0] for line in lines if project in line] == [" ", "*"] or [
        line[0] for line in lines if project in line
    ] == ["*", " "]
    (here,) = [line for line in lines if line.startswith("*")]
    assert re.match(rf"\*  {project} +git\.example/acme/{project} +1  \d{{4}}-", here)


# ── From one project to another ──


def test_a_rename_takes_everything_along_and_the_old_name_means_it_still(machine: Machine, project: str) -> None:
    old, new = f"old-{project}", f"new-{project}"
    machine.run("add", "a fact", "-p", old)

    shown = machine.run("project", "rename", old, new)
    assert f"1 memory of project {old} would become one of project {new}" in shown.out
    assert "add --yes to do it" in shown.out
    assert listed(machine, old, new) == {old: (1, [])}

    done = machine.run("project", "rename", old, new, "--yes")
    machine.run("add", "another fact", "-p", old)
    assert listed(machine, old, new) == {new: (2, [old])}
    assert len(machine.run("list", "-p", old).out.splitlines()) == 2

    undone = machine.run("undo", undo_of(done))
    assert undone.code == 0, undone.err
    assert old in listed(machine, old, new)


def test_a_rename_refuses_a_name_that_is_taken(local_machine: Machine, project: str) -> None:
    machine = local_machine
    machine.run("add", "one", "-p", f"a-{project}")
    machine.run("add", "two", "-p", f"b-{project}")

    refused = machine.run("project", "rename", f"a-{project}", f"b-{project}", "--yes")

    assert refused.code == 2
    assert f"claude-memory project merge a-{project} b-{project}" in refused.err


def test_two_projects_become_one_by_their_short_names_and_two_again(machine: Machine, project: str) -> None:
    source, target = f"git.example/a/{project}-old", f"git.example/b/{project}-new"
    machine.run("add", "one", "-p", source)
    machine.run("add", "two", "-p", target)

    done = machine.run("project", "merge", f"{project}-old", f"{project}-new", "--yes")
    assert listed(machine, source, target) == {target: (2, [source])}

    machine.run("undo", undo_of(done))
    assert listed(machine, source, target) == {source: (1, []), target: (1, [])}


def test_whoever_is_there_is_asked(local_machine: Machine, project: str) -> None:
    machine, names = local_machine, (f"a-{project}", f"b-{project}")
    machine.run("add", "one", "-p", names[0])

    no = machine.on_terminal("project", "rename", *names, types="n\n", columns=200)
    assert (no.code, "nothing was changed" in no.out) == (1, True)
    assert listed(machine, *names) == {names[0]: (1, [])}

    yes = machine.on_terminal("project", "rename", *names, types="y\n", columns=200)
    assert yes.code == 0, yes.out
    assert listed(machine, *names) == {names[1]: (1, [names[0]])}


def test_parts_of_a_project_that_is_renamed_are_named(local_machine: Machine, project: str) -> None:
    machine = local_machine
    machine.run("add", "one", "-p", project)
    machine.run("add", "two", "-p", f"{project}//pay")

    done = machine.run("project", "rename", project, f"new-{project}", "--yes")

    assert f"parts of it are projects of their own, and stay what they are: {project}//pay" in done.err


def test_another_name_is_given_and_taken_away(machine: Machine, project: str) -> None:
    machine.run("add", "a fact", "-p", project)

    given = machine.run("project", "alias", f"also-{project}", project)
    assert f"also-{project} means project {project} from now on" in given.out
    assert len(machine.run("list", "-p", f"also-{project}").out.splitlines()) == 1
    explained = machine.run("project", "explain", "-p", f"also-{project}").out
    assert f"  alias of  {project}\n" in explained

    taken = machine.run("project", "unalias", f"also-{project}")
    assert f"`claude-memory project alias also-{project} {project}` takes that back" in taken.out
    assert machine.run("list", "-p", f"also-{project}").out == ""
    assert machine.run("project", "unalias", f"also-{project}").code == 3


def test_memories_move_by_id(machine: Machine, project: str) -> None:
    one = machine.run("add", "one", "-p", f"a-{project}").out.strip()
    machine.run("add", "two", "-p", f"a-{project}")

    done = machine.run("project", "move", one, "--to", f"b-{project}", "--yes")

    assert "1 memory is now of project" in done.out
    assert listed(machine, f"a-{project}", f"b-{project}") == {f"a-{project}": (1, []), f"b-{project}": (1, [])}
    machine.run("undo", undo_of(done))
    assert listed(machine, f"a-{project}", f"b-{project}") == {f"a-{project}": (2, [])}


def test_memories_move_by_filters_after_they_were_shown(local_machine: Machine, project: str, shop: Path) -> None:
    machine = local_machine
    machine.run("add", "a port", "--tags", "net", cwd=shop)
    machine.run("add", "a colour", cwd=shop)
    by_tag = ("project", "move", "--tags", "net", "--to", f"net-{project}")

    shown = machine.run(*by_tag, cwd=shop)
    assert ("a port" in shown.out, "a colour" in shown.out) == (True, False)
    assert "1 memory would become one of project" in shown.out

    machine.run(*by_tag, "--yes", cwd=shop)
    machine.run("project", "move", "--from", f"net-{project}", "--to-none", "--yes")
    assert listed(machine, f"net-{project}", f"git.example/acme/{project}") == {f"git.example/acme/{project}": (1, [])}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--to", "x"), "name what is to move"),
        (("1a2b",), "name where they go"),
        (("1a2b", "--to", "x", "--to-none"), "name where they go"),
        (("1a2b", "--to", "x", "--tags", "t"), "not by both"),
    ],
)
def test_a_move_that_is_not_clear_moves_nothing(
    local_machine: Machine, arguments: tuple[str, ...], sentence: str
) -> None:
    refused = local_machine.run("project", "move", *arguments)

    assert (refused.code, sentence in refused.err) == (2, True)
