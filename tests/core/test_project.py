"""Which project a directory is: real repositories, made by git, in every shape that people have them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.project import identify, normalised

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(directory: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always", *words]
    return subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True).stdout.strip()


def repository(path: Path, *, remote: str | None = None, commits: int = 1) -> Path:
    path.mkdir(parents=True)
    git(path, "init", "-q", "-b", "main")
    for number in range(commits):
        git(path, "commit", "-q", "--allow-empty", "-m", str(number))
    if remote is not None:
        git(path, "remote", "add", "origin", remote)
    return path


def id_of(directory: Path) -> str | None:
    project = identify(str(directory))
    return None if project is None else project.id


@pytest.mark.parametrize(
    "spelling",
    [
        "git@github.com:Owner/repo.git",
        "git@github.com:Owner/repo",
        "git@github.com:/Owner/repo.git",
        "github.com:Owner/repo.git",
        "git@[github.com:22]:Owner/repo.git",
        "ssh://git@github.com/Owner/repo.git",
        "ssh://git@github.com:22/Owner/repo",
        "ssh://git@ssh.github.com:443/Owner/repo.git",
        "git+ssh://git@github.com/Owner/repo.git",
        "git://github.com/Owner/repo.git",
        "git://github.com:9418/Owner/repo.git/",
        "https://github.com/Owner/repo",
        "https://github.com/Owner/repo/",
        "https://github.com/Owner/repo.git/",
        "https://github.com:443/Owner/repo.git",
        "https://user@github.com/Owner/repo.git",
        "https://user:token@github.com/Owner/repo.git",
        "https://x-access-token:p%40ss@GitHub.COM/Owner/repo.git",
        "http://github.com/Owner//repo.git",
        "HTTPS://github.com./owner/REPO.git",
    ],
)
def test_every_spelling_of_a_remote_is_one_project(tmp_path: Path, spelling: str) -> None:
    project = identify(str(repository(tmp_path / "clone", remote=spelling, commits=0)))

    assert project is not None
    assert project.id == "github.com/owner/repo"
    assert project.name.lower() == "repo"


@pytest.mark.parametrize(
    ("remote", "identity"),
    [
        ("ssh://git@git.lan:2222/team/tool.git", "git.lan:2222/team/tool"),
        ("https://git.lan:8443/team/tool", "git.lan:8443/team/tool"),
        ("https://git.lan/Team/Tool.git", "git.lan/Team/Tool"),
        ("https://git.lan/a%20b/c.git", "git.lan/a b/c"),
        ("ssh://git@[fd00::1]:22/team/tool.git", "[fd00::1]/team/tool"),
        ("ssh://git@[fd00::1]:2222/team/tool.git", "[fd00::1]:2222/team/tool"),
        ("git@[fd00::1]:team/tool.git", "[fd00::1]/team/tool"),
        ("ssh://git@h/~user/tool.git", "h/~user/tool"),
        ("https://gitlab.com/group/sub/deep/tool.git", "gitlab.com/group/sub/deep/tool"),
    ],
)
def test_what_tells_two_servers_apart_is_kept(tmp_path: Path, remote: str, identity: str) -> None:
    assert id_of(repository(tmp_path / "clone", remote=remote, commits=0)) == identity


@pytest.mark.parametrize(
    "place",
    [
        "/srv/git/tool.git",
        "../tool.git",
        "file:///srv/git/tool.git",
        "C:\\git\\tool",
        "C:/git/tool",
        "\\\\nas\\git\\tool",
        "./odd:name",
        "https://github.com/",
        "https:///tool",
        "codecommit::eu-west-1://tool",
    ],
)
def test_a_remote_that_is_a_place_on_this_machine_is_none(tmp_path: Path, place: str) -> None:
    """Another machine has something else at that path: the first commit says more."""
    made = repository(tmp_path / "clone", remote=place)

    assert id_of(made) == f"clone@{git(made, 'rev-parse', 'HEAD')[:12]}"


def test_no_password_of_a_remote_is_ever_shown(tmp_path: Path) -> None:
    project = identify(str(repository(tmp_path / "clone", remote="https://user:hunter2@github.com/o/r.git")))

    assert "hunter2" not in repr(project)
    assert "user" not in repr(project)


def test_the_remote_origin_goes_first(tmp_path: Path) -> None:
    made = repository(tmp_path / "clone")
    git(made, "remote", "add", "upstream", "https://github.com/upstream/tool")
    assert id_of(made) == "github.com/upstream/tool"

    git(made, "remote", "add", "origin", "https://github.com/me/tool")
    assert id_of(made) == "github.com/me/tool"


def test_a_directory_deep_inside_belongs_to_the_repository(tmp_path: Path) -> None:
    made = repository(tmp_path / "clone", remote="git@github.com:o/r.git")
    deep = made / "a" / "b" / "c"
    deep.mkdir(parents=True)

    assert id_of(deep) == "github.com/o/r"


def test_a_worktree_is_the_same_project(tmp_path: Path) -> None:
    made = repository(tmp_path / "clone")
    git(made, "worktree", "add", "-q", str(tmp_path / "elsewhere" / "tree"))
    assert id_of(tmp_path / "elsewhere" / "tree") == id_of(made)

    git(made, "remote", "add", "origin", "git@github.com:o/r.git")
    assert id_of(tmp_path / "elsewhere" / "tree") == "github.com/o/r"


def test_a_submodule_is_a_project_of_its_own(tmp_path: Path) -> None:
    part = repository(tmp_path / "part")
    whole = repository(tmp_path / "whole", remote="git@github.com:o/whole.git")
    git(whole, "submodule", "--quiet", "add", str(part), "lib/part")
    git(whole / "lib" / "part", "remote", "set-url", "origin", "https://github.com/o/part.git")

    assert id_of(whole / "lib" / "part") == "github.com/o/part"
    assert id_of(whole) == "github.com/o/whole"


def test_without_a_remote_the_first_commit_names_the_project(tmp_path: Path) -> None:
    made = repository(tmp_path / "tool", commits=3)
    first = git(made, "rev-list", "--max-parents=0", "HEAD")

    project = identify(str(made))

    assert project is not None
    assert (project.id, project.name) == (f"tool@{first[:12]}", "tool")
    assert "first commit" in project.why


def test_a_history_merged_in_from_elsewhere_changes_nothing(tmp_path: Path) -> None:
    other = repository(tmp_path / "other")
    made = repository(tmp_path / "tool", commits=2)
    before = id_of(made)

    git(made, "fetch", "-q", str(other), "main")
    git(made, "merge", "-q", "--allow-unrelated-histories", "-m", "both", "FETCH_HEAD")

    assert id_of(made) == before


def test_a_copy_on_another_machine_is_the_same_project(tmp_path: Path) -> None:
    made = repository(tmp_path / "here" / "tool", commits=2)
    git(tmp_path, "clone", "-q", str(made), str(tmp_path / "there" / "tool"))  # its remote is a path

    assert id_of(tmp_path / "there" / "tool") == id_of(made)


def test_without_commits_its_place_names_the_project(tmp_path: Path) -> None:
    first, second = repository(tmp_path / "a" / "tool", commits=0), repository(tmp_path / "b" / "tool", commits=0)

    assert (id_of(first) or "").startswith("tool@")
    assert id_of(first) == id_of(first)
    assert id_of(first) != id_of(second)


def test_git_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = repository(tmp_path / "tool")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert (id_of(made) or "").startswith("tool@")


def test_a_git_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = repository(tmp_path / "tool")
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:/usr/bin:/bin")
    monkeypatch.setattr("memory_core.git._ROOT_COMMIT_TIMEOUT_S", 0.1)

    assert (id_of(made) or "").startswith("tool@")


def test_a_bare_repository_is_a_project(tmp_path: Path) -> None:
    made = repository(tmp_path / "tool", commits=2)
    git(tmp_path, "clone", "-q", "--bare", str(made), "tool.git")

    assert id_of(tmp_path / "tool.git") == id_of(made)


def test_outside_of_git_there_is_no_project(tmp_path: Path) -> None:
    assert identify(str(tmp_path)) is None
    assert identify(str(tmp_path / "absent")) is None


def test_what_memory_project_names_goes_first(tmp_path: Path) -> None:
    made = repository(tmp_path / "tool", remote="git@github.com:o/r.git")

    project = identify(str(made), "work/mine")

    assert project is not None
    assert (project.id, project.name, project.why) == ("work/mine", "mine", "MEMORY_PROJECT names it")
    assert identify(str(made), " ") is not None
    assert id_of(made) == "github.com/o/r"


@pytest.mark.parametrize("content", ["", "gitdir: ", "gitdir: ../gone", "\x00\xff", "nonsense", "gitdir: ."])
def test_a_broken_git_file_is_no_project_and_no_error(tmp_path: Path, content: str) -> None:
    repository(tmp_path / "outer", remote="git@github.com:o/outer.git")
    inner = tmp_path / "outer" / "inner"
    inner.mkdir()
    (inner / ".git").write_text(content, encoding="latin-1")

    assert identify(str(inner)) is None


def test_an_empty_git_directory_is_passed_by_as_git_does(tmp_path: Path) -> None:
    repository(tmp_path / "outer", remote="git@github.com:o/outer.git")
    (tmp_path / "outer" / "inner" / ".git").mkdir(parents=True)

    assert id_of(tmp_path / "outer" / "inner") == "github.com/o/outer"


@pytest.mark.parametrize(
    "config",
    [
        '[remote "origin"]\n\turl = git@github.com:o/r.git\n',
        '[REMOTE "origin"]\r\n\tURL=git@github.com:o/r.git\r\n',
        '\ufeff[remote "origin"] url = "git@github.com:o/r.git" ; ours\n',
        '[remote "origin"]\n  url = git@github.com:o/\\\nr.git # two lines\n',
        "[remote.origin]\nurl = https://github.com/o/r\n",
        '# [remote "origin"]\n[core]\nbare\n[remote "ori\\gin"]\nurl = https://github.com/o/r\nurl = https://github.com/x/y\n',
    ],
)
def test_the_configuration_is_read_as_git_reads_it(tmp_path: Path, config: str) -> None:
    made = repository(tmp_path / "tool", commits=0)
    (made / ".git" / "config").write_text(config, encoding="utf-8", newline="")

    assert id_of(made) == "github.com/o/r"


@given(st.text())
def test_no_text_as_a_remote_is_an_error(url: str) -> None:
    known = normalised(url)

    assert known is None or all(part and part.isprintable() for part in known)


@given(st.binary(max_size=300))
def test_no_content_of_a_configuration_is_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    made = tmp_path_factory.mktemp("fuzz") / "tool"
    git_dir = made / ".git"
    (git_dir / "objects").mkdir(parents=True)
    (git_dir / "HEAD").write_text("ref: refs/heads/main\n")
    (git_dir / "shallow").touch()  # git itself is not asked
    (git_dir / "config").write_bytes(content)

    assert identify(str(made)) is not None


def test_a_remote_is_read_without_starting_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bridge asks at every start; a process would cost it more than everything else."""
    made = repository(tmp_path / "tool", remote="git@github.com:o/r.git")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("git was started"))

    assert id_of(made) == "github.com/o/r"
