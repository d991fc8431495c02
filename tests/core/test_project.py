"""Which project a directory is: real repositories, made by git, in every shape that people have them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.project import Verdict, examine, identify, normalised
from memory_core.remotes import without_credentials
from support.platforms import posix_only

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
        ("ssh://git@localhost:2222/team/tool.git", "localhost:2222/team/tool"),
        ("http://127.0.0.1:3000/team/tool.git", "127.0.0.1:3000/team/tool"),
        ("http://[::1]/team/tool.git", "[::1]/team/tool"),
        ("https://git.lan/Team/Tool.git", "git.lan/Team/Tool"),
        ("https://git.lan/a%20b/c.git", "git.lan/a b/c"),
        ("ssh://git@[fd00::1]:22/team/tool.git", "[fd00::1]/team/tool"),
        ("git@[fd00::1]:team/tool.git", "[fd00::1]/team/tool"),
        ("ssh://git@h/~user/tool.git", "h/~user/tool"),
        ("https://gitlab.com/group/sub/deep/tool.git", "gitlab.com/group/sub/deep/tool"),
    ],
)
def test_what_tells_two_servers_apart_is_kept(tmp_path: Path, remote: str, identity: str) -> None:
    assert id_of(repository(tmp_path / "clone", remote=remote, commits=0)) == identity


@pytest.mark.parametrize(
    "spelling",
    [
        "git@git.lan:team/tool.git",
        "ssh://git@git.lan:2222/team/tool.git",
        "git@[git.lan:2222]:team/tool.git",
        "https://git.lan/team/tool",
        "https://git.lan:8443/team/tool/",
        "http://me:secret@git.lan:3000/team/tool.git",
        "git://git.lan:9999/team/tool",
        "https://git.lan/scm/TEAM/tool.git",
        "ssh://git@git.lan:7999/team/tool.git",
        "persist::https://git.lan/team/tool.git",
    ],
)
def test_a_server_has_one_port_for_ssh_and_another_for_https(tmp_path: Path, spelling: str) -> None:
    assert id_of(repository(tmp_path / "clone", remote=spelling, commits=0)) == "git.lan/team/tool"


@pytest.mark.parametrize(
    "spelling",
    [
        "https://dev.azure.com/Acme/Shop/_git/tool",
        "https://acme@dev.azure.com/acme/shop/_git/tool/",
        "git@ssh.dev.azure.com:v3/acme/shop/tool",
        "ssh://git@ssh.dev.azure.com:22/v3/acme/shop/tool",
        "https://acme.visualstudio.com/shop/_git/tool",
        "https://acme.visualstudio.com/DefaultCollection/shop/_git/tool",
        "acme@vs-ssh.visualstudio.com:v3/acme/shop/tool",
        "https://dev.azure.com/acme/shop/_git/_full/tool",
    ],
)
def test_azure_devops_spells_one_repository_in_many_ways(tmp_path: Path, spelling: str) -> None:
    assert id_of(repository(tmp_path / "clone", remote=spelling, commits=0)) == "dev.azure.com/acme/shop/tool"


def test_a_repository_of_azure_devops_that_is_called_like_its_project(tmp_path: Path) -> None:
    short = repository(tmp_path / "short", remote="https://dev.azure.com/acme/_git/shop", commits=0)
    ssh = repository(tmp_path / "ssh", remote="git@ssh.dev.azure.com:v3/acme/shop/shop", commits=0)

    assert id_of(short) == id_of(ssh) == "dev.azure.com/acme/shop/shop"


@pytest.mark.parametrize(
    "spelling",
    [
        "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/tool",
        "ssh://APKA123@git-codecommit.eu-west-1.amazonaws.com/v1/repos/tool",
        "codecommit::eu-west-1://tool",
        "codecommit::eu-west-1://profile@tool",
    ],
)
def test_a_repository_of_codecommit_is_one_project(tmp_path: Path, spelling: str) -> None:
    identity = "git-codecommit.eu-west-1.amazonaws.com/v1/repos/tool"

    assert id_of(repository(tmp_path / "clone", remote=spelling, commits=0)) == identity


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
        "codecommit://tool",
        "ext::ssh -p 22 host %S tool.git",
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


HOSTS = st.sampled_from(["github.com", "git.lan", "git.example.org", "gitlab.com"])
WORDS = st.text("abcdefgh0123456789-_.", min_size=1, max_size=12).filter(lambda word: word.strip(".-") == word)
PATHS = st.lists(WORDS.filter(lambda word: not word.endswith(".git")), min_size=2, max_size=4)


USERS = st.sampled_from(["", "me@", "me:p%40ss@"])
ENDS = st.sampled_from(["", ".git", ".git/", "/"])


@given(HOSTS, PATHS, st.integers(1, 65535), USERS, ENDS)
def test_spellings_of_any_remote_agree(host: str, path: list[str], port: int, user: str, end: str) -> None:
    known = (host, "/".join(path))
    tail = f"{known[1]}{end}"

    assert path[0] == "scm" or known == normalised(f"https://{user}{host}/{tail}") == normalised(f"git@{host}:{tail}")
    assert (
        known
        == normalised(f"ssh://git@{host}:{port}/{tail}")
        == normalised(f"http://{user}{host.upper()}:{port}/{tail}")
    )
    assert known == normalised(f"git://{host}//{tail}")


@given(st.text(max_size=60))
def test_what_is_shown_of_a_remote_has_no_password(url: str) -> None:
    assert without_credentials(f"https://me:hunter2@git.lan/{url}") == f"https://git.lan/{url}"
    assert without_credentials("git@git.lan:o/r") == "git@git.lan:o/r"


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


@posix_only("its git is a shell script")
def test_a_git_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = repository(tmp_path / "tool")
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:/usr/bin:/bin")
    monkeypatch.setattr("memory_core.git._ROOT_COMMIT_TIMEOUT_S", 0.1)

    assert (id_of(made) or "").startswith("tool@")


def test_while_git_does_not_answer_the_project_stays_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine under load must not write into another project."""
    made, home = repository(tmp_path / "tool"), {"HOME": str(tmp_path / "home")}
    known = id_for(made, home)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert id_for(made, home) == known
    assert id_of(made) != known

    monkeypatch.undo()
    git(made, "checkout", "-q", "--orphan", "other")
    git(made, "commit", "-q", "--allow-empty", "-m", "another first")
    changed = id_for(made, home)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert id_for(made, home) == changed != known


def test_a_bare_repository_is_a_project(tmp_path: Path) -> None:
    made = repository(tmp_path / "tool", commits=2)
    git(tmp_path, "clone", "-q", "--bare", str(made), "tool.git")

    assert id_of(tmp_path / "tool.git") == id_of(made)


def test_outside_of_git_there_is_no_project(tmp_path: Path) -> None:
    assert identify(str(tmp_path)) is None
    assert identify(str(tmp_path / "absent")) is None


def test_what_memory_project_names_goes_first(tmp_path: Path) -> None:
    made = repository(tmp_path / "tool", remote="git@github.com:o/r.git")

    (made / ".memory-project").write_text("of-the-file", encoding="utf-8")

    project = identify(str(made), "work/mine")

    assert project is not None
    assert (project.id, project.name, project.why) == ("work/mine", "mine", "MEMORY_PROJECT names it")
    (made / ".memory-project").unlink()
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
    (git_dir / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    (git_dir / "shallow").touch()  # git itself is not asked
    (git_dir / "config").write_bytes(content)

    assert identify(str(made)) is not None


def test_a_remote_is_read_without_starting_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bridge asks at every start; a process would cost it more than everything else."""
    made = repository(tmp_path / "tool", remote="git@github.com:o/r.git")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("git was started"))

    assert id_of(made) == "github.com/o/r"


# ── What a person's own configuration says ──


def home_with(folder: Path, **files: str) -> dict[str, str]:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".", 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return {"HOME": str(folder)}


def id_for(directory: Path, environ: dict[str, str]) -> str | None:
    project = identify(str(directory), None, environ)
    return None if project is None else project.id


def test_a_shorthand_of_the_git_configuration_is_written_out(tmp_path: Path) -> None:
    home = home_with(
        tmp_path / "home",
        _gitconfig='[include]\n\tpath = more\n[url "https://github.com/"]\n\tinsteadOf = gh:\n',
        more='[url "git@git.lan:team/"]\n\tpushInsteadOf = "team://"\n[url "https://git.lan/team/deep/"] insteadOf=team://d/\n',
    )

    assert id_for(repository(tmp_path / "a", remote="gh:Owner/repo", commits=0), home) == "github.com/owner/repo"
    assert id_for(repository(tmp_path / "b", remote="team://tool", commits=0), home) == "git.lan/team/tool"
    assert id_for(repository(tmp_path / "c", remote="team://d/tool", commits=0), home) == "git.lan/team/deep/tool"
    assert id_for(repository(tmp_path / "d", remote="other:tool", commits=0), home) == "other/tool"


def test_a_mirror_that_this_machine_fetches_from_names_nothing(tmp_path: Path) -> None:
    """Another machine fetches from the source itself, and means the same project."""
    home = home_with(
        tmp_path / "home", _gitconfig='[url "https://mirror.lan/gh/"]\n\tinsteadOf = https://github.com/\n'
    )

    assert id_for(repository(tmp_path / "a", remote="https://github.com/o/r", commits=0), home) == "github.com/o/r"


def test_configuration_for_repositories_in_one_folder_counts_there_alone(tmp_path: Path) -> None:
    home = home_with(
        tmp_path / "home",
        _gitconfig=f'[includeIf "gitdir:{tmp_path.as_posix()}/work/"]\n\tpath = ~/work\n',
        work='[url "https://git.lan/"]\n\tinsteadOf = w:\n',
    )

    assert id_for(repository(tmp_path / "work" / "a", remote="w:o/r", commits=0), home) == "git.lan/o/r"
    assert id_for(repository(tmp_path / "home" / "a", remote="w2:o/r", commits=0), home) == "w2/o/r"


def test_a_remote_in_an_included_file_counts(tmp_path: Path) -> None:
    made = repository(tmp_path / "a", commits=0)
    (made / ".git" / "more").write_text(
        '[remote "origin"]\n\turl = https://git.lan/o/r\n[include]\n\tpath = more\n', encoding="utf-8"
    )
    (made / ".git" / "config").write_text("[include]\n\tpath = more\n", encoding="utf-8")

    assert id_of(made) == "git.lan/o/r"


def test_a_name_of_the_ssh_configuration_is_the_machine_it_stands_for(tmp_path: Path) -> None:
    """Whoever has two accounts at one host writes the host in two ways."""
    config = """
Include more/*
Match host github.com-home exec "true"
    HostName wrong.example
Host github.com-work *.alias !no.alias
    User git
    HostName = github.com
Host nas
\tHostName\t192.168.1.5
Host *
    HostName %h.lan
"""
    home = home_with(tmp_path / "home", _ssh__config=config, _ssh__more__a="Host inner\n  HostName git.inner.example\n")

    def of(remote: str) -> str | None:
        return id_for(repository(tmp_path / remote.replace("/", "-"), remote=remote, commits=0), home)

    assert of("git@github.com-work:Acme/tool.git") == "github.com/acme/tool"
    assert of("ssh://git@GITHUB.COM-WORK:22/acme/tool") == "github.com/acme/tool"
    assert of("git@any.alias:o/r") == "github.com/o/r"
    assert of("git@no.alias:o/r") == "no.alias.lan/o/r"
    assert of("git@inner:o/r") == "git.inner.example/o/r"
    assert of("git@nas:o/r") == "nas/o/r"
    assert of("git@github.com:o/r") == "github.com/o/r"
    assert of("https://nowhere/o/r") == "nowhere/o/r"


def test_where_a_remote_is_pushed_to_counts_if_it_is_fetched_from_a_path(tmp_path: Path) -> None:
    made = repository(tmp_path / "a", remote="/srv/mirror/tool.git", commits=0)
    git(made, "remote", "set-url", "--push", "origin", "git@github.com:o/r")
    assert id_of(made) == "github.com/o/r"

    git(made, "remote", "set-url", "origin", "https://github.com/up/r")
    assert id_of(made) == "github.com/up/r"


# ── Clones of clones, forks, and what stands in the way ──


def test_a_clone_of_a_clone_on_this_machine_is_the_project_of_both(tmp_path: Path) -> None:
    first = repository(tmp_path / "first", remote="git@github.com:o/r.git")
    git(tmp_path, "clone", "-q", str(first), "second")
    git(tmp_path, "clone", "-q", f"file://{tmp_path}/second", "third")
    git(tmp_path / "third", "remote", "set-url", "origin", "../second/.git")

    assert id_of(tmp_path / "second") == id_of(tmp_path / "third") == "github.com/o/r"
    project = identify(str(tmp_path / "second"))
    assert project is not None
    assert "was cloned from" in project.why


def test_a_clone_of_a_repository_without_remote_is_the_same_project_in_any_folder(tmp_path: Path) -> None:
    first = repository(tmp_path / "tool", commits=2)
    git(tmp_path, "clone", "-q", str(first), "another-name")
    git(tmp_path, "clone", "-q", "--bare", str(first), "shelf.git")
    git(tmp_path, "clone", "-q", str(tmp_path / "shelf"), "from-the-shelf")

    assert id_of(tmp_path / "another-name") == id_of(first)
    assert id_of(tmp_path / "from-the-shelf") == id_of(first)


def test_clones_in_a_circle_are_no_error(tmp_path: Path) -> None:
    one, two = repository(tmp_path / "one", remote="../two"), repository(tmp_path / "two", remote="../one")

    assert "@" in (id_of(one) or "")
    assert "@" in (id_of(two) or "")


def test_a_fork_is_a_project_of_its_own_and_says_of_what(tmp_path: Path) -> None:
    made = repository(tmp_path / "a", remote="git@github.com:me/tool", commits=0)
    assert examine(str(made)).upstream is None

    git(made, "remote", "add", "upstream", "https://github.com/Up/tool")
    assert id_of(made) == "github.com/me/tool"
    assert examine(str(made)).upstream == "github.com/up/tool"

    git(made, "remote", "set-url", "origin", "https://github.com/up/tool.git")
    assert examine(str(made)).upstream is None


def test_what_git_is_told_in_the_environment_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever git starts inherits GIT_DIR, a hook or an alias: the directory is what counts."""
    made, other = repository(tmp_path / "made", commits=2), repository(tmp_path / "other")
    before = id_of(made)
    for name in ("GIT_DIR", "GIT_COMMON_DIR"):
        monkeypatch.setenv(name, str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other / ".git" / "objects"))

    assert id_of(made) == before


def test_a_repository_of_somebody_else_starts_no_program(tmp_path: Path) -> None:
    """Its configuration could have one in it, for what git should fetch."""
    made = repository(tmp_path / "a", commits=2)
    head = git(made, "rev-parse", "HEAD")
    object_ = made / ".git" / "objects" / head[:2] / head[2:]
    object_.chmod(0o600)  # or Windows would not remove it
    object_.unlink()
    for key, value in {
        "core.repositoryformatversion": "1", "extensions.partialClone": "evil", "remote.evil.promisor": "true",
        "remote.evil.url": f"ext::touch {tmp_path}/started", "protocol.ext.allow": "always",
    }.items():  # fmt: skip
        git(made, "config", key, value)

    assert (id_of(made) or "").startswith("a@")
    assert not (tmp_path / "started").exists()


def test_links_lead_to_the_repository(tmp_path: Path) -> None:
    made = repository(tmp_path / "made", remote="git@github.com:o/r", commits=0)
    (made / "sub").mkdir()
    (tmp_path / "link").symlink_to(made / "sub")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    assert id_of(tmp_path / "link") == "github.com/o/r"
    assert id_of(tmp_path / "loop") is None
    assert identify("\0") is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_in_place_of_a_configuration_is_not_waited_for(tmp_path: Path) -> None:
    made = repository(tmp_path / "made")
    (made / ".git" / "config").unlink()
    os.mkfifo(made / ".git" / "config")
    os.mkfifo(tmp_path / ".memory-project")

    assert (id_of(made) or "").startswith("made@")
    assert id_of(tmp_path) is None


# ── .memory-project ──


def write(folder: Path, text: str | bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".memory-project").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


@pytest.fixture
def mono(tmp_path: Path) -> Path:
    return repository(tmp_path / "mono", remote="git@github.com:Acme/mono.git", commits=1)


@pytest.mark.parametrize("line", [".", "./", "# why\n\n  ./  \nmore\n", "\ufeff.\r\n"])
def test_a_part_of_a_repository_can_be_a_project_of_its_own(mono: Path, line: str) -> None:
    pay = write(mono / "services" / "Pay", line)
    (pay / "src").mkdir()

    verdict = examine(str(pay / "src"))

    assert verdict.project is not None
    assert (verdict.project.id, verdict.project.name) == ("github.com/acme/mono//services/Pay", "Pay")
    assert str(pay / ".memory-project") in verdict.project.why
    assert verdict.root == str(pay)
    assert id_of(mono / "services") == "github.com/acme/mono"


def test_a_part_is_the_same_project_in_every_worktree(mono: Path, tmp_path: Path) -> None:
    write(mono / "pay", ".")
    git(mono, "add", ".")
    git(mono, "commit", "-q", "-m", "parts")
    git(mono, "worktree", "add", "-q", str(tmp_path / "tree"))

    assert id_of(tmp_path / "tree" / "pay") == id_of(mono / "pay") == "github.com/acme/mono//pay"


def test_the_file_names_a_project_for_a_folder_and_what_lies_in_it(mono: Path, tmp_path: Path) -> None:
    write(mono, "acme-mono")
    write(mono / "docs", "# for the writers\nacme docs\n")
    write(mono / "pay", ".")
    write(tmp_path, "above")

    assert id_of(mono) == "acme-mono"
    assert id_of(mono / "docs" / "absent") == "acme docs"
    assert id_of(mono / "pay") == "acme-mono//pay"


def test_outside_of_git_the_nearest_file_counts(tmp_path: Path) -> None:
    notes = write(tmp_path / "notes", "my notes")
    write(notes / "own", ".")
    (notes / "a" / "b").mkdir(parents=True)

    assert id_of(notes / "a" / "b") == "my notes"
    assert (id_of(notes / "own") or "").startswith("own@")


def test_a_file_at_the_top_that_says_nothing_new_changes_nothing(mono: Path) -> None:
    write(mono, ".")

    assert id_of(mono) == "github.com/acme/mono"


def remarked(verdict: Verdict) -> str:
    (remark,) = verdict.remarks
    return remark


@pytest.mark.parametrize(
    "content",
    ["", "# nothing\n", "..", "./a", "a\tb", "a\x1b[31m", "a\u202eb", "a" * 257, b"\xff\xfe.\x00", "a\x00b", " \n \n"],
)
def test_a_file_that_names_nothing_is_passed_by_and_said(mono: Path, tmp_path: Path, content: str | bytes) -> None:
    inside = examine(str(write(mono / "part", content)))
    outside = examine(str(write(tmp_path / "plain", content)))

    assert inside.project is not None
    assert inside.project.id == "github.com/acme/mono"
    assert outside.project is None
    assert "is ignored" in remarked(inside)
    assert "is ignored" in remarked(outside)


@pytest.mark.parametrize("name", ["github.com/acme/secret", "acme/secret", "secret@0123456789ab"])
def test_no_file_of_a_clone_makes_it_another_repository(mono: Path, tmp_path: Path, name: str) -> None:
    """It comes from strangers: it must not have them told what is remembered elsewhere."""
    inside = examine(str(write(mono, name)))
    outside = examine(str(write(tmp_path / "unpacked", name)))

    assert inside.project is not None
    assert inside.project.id == "github.com/acme/mono"
    assert outside.project is None
    assert f"{name} is a name that git gives" in remarked(inside)
    assert "claude-memory project alias" in remarked(outside)


def test_a_file_may_name_what_a_remote_of_its_repository_gives(mono: Path) -> None:
    """So a fork shares the memories of its upstream, because its user has that remote."""
    git(mono, "remote", "add", "upstream", "https://github.com/up/mono")

    assert id_of(write(mono, "github.com/up/mono")) == "github.com/up/mono"
    assert id_of(write(mono, "github.com/acme/mono//web")) == "github.com/acme/mono//web"


def test_a_link_in_place_of_the_file_is_not_read(mono: Path, tmp_path: Path) -> None:
    """It could lead to a secret, whose first line would go out as a project's name."""
    (tmp_path / "secret").write_text("hunter2\n", encoding="utf-8")
    (mono / ".memory-project").symlink_to(tmp_path / "secret")

    verdict = examine(str(mono))

    assert "hunter2" not in repr([(step.looked_at, step.found) for step in verdict.steps])
    assert "is no ordinary file" in remarked(verdict)


AS_ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")


def given_away(path: Path) -> Path:
    for each in (path, *path.rglob("*")):
        os.chown(each, 4711, 4711, follow_symlinks=False)
    return path


@AS_ROOT
def test_what_another_user_put_above_a_folder_counts_for_nothing(tmp_path: Path) -> None:
    """Who may write to a folder above, such as /tmp, could else say what everyone below it is told."""
    (tmp_path / "mine").mkdir()
    given_away(write(tmp_path, "theirs") / ".memory-project")
    plain = examine(str(tmp_path / "mine"))
    (tmp_path / ".memory-project").unlink()
    repository(tmp_path / "theirs", remote="git@github.com:o/r")
    given_away((tmp_path / "theirs" / ".git").rename(tmp_path / ".git"))
    planted = examine(str(tmp_path / "mine"))

    assert (plain.project, planted.project) == (None, None)
    assert "belongs to another user" in remarked(plain)
    assert "another user put it above" in remarked(planted)


@AS_ROOT
def test_a_folder_that_belongs_to_another_user_as_a_whole_is_what_it_says(tmp_path: Path) -> None:
    """So it is in a container, with folders of the machine around it."""
    made = given_away(repository(tmp_path / "made", commits=1))
    named = given_away(write(tmp_path / "named", "theirs"))

    assert id_of(made) == f"made@{git(tmp_path, '--git-dir', str(made / '.git'), 'rev-parse', 'HEAD')[:12]}"
    assert id_of(named) == "theirs"


def test_a_part_too_long_for_a_name_stays_with_its_repository(mono: Path) -> None:
    deep = mono
    for _ in range(3):
        deep /= "d" * 100

    verdict = examine(str(write(deep, ".")))

    assert verdict.project is not None
    assert verdict.project.id == "github.com/acme/mono"
    assert "too long" in remarked(verdict)


@given(st.binary(max_size=300))
def test_no_content_of_the_file_is_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    project = identify(str(write(tmp_path_factory.mktemp("fuzz"), content)))

    assert project is None or (0 < len(project.id) <= 256 and project.id.isprintable())


def test_every_step_to_the_verdict_is_said(mono: Path) -> None:
    git(mono, "remote", "set-url", "origin", "https://me:hunter2@github.com/acme/mono")

    steps = {step.looked_at: step.found for step in examine(str(mono)).steps}

    assert steps == {
        "MEMORY_PROJECT": "not set",
        ".memory-project": "none",
        "git": str(mono),
        'remote "origin"': "https://github.com/acme/mono: github.com/acme/mono",
    }
