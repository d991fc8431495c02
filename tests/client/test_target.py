"""Where the server is, out of the environment."""

import os
import sys
from pathlib import Path

import pytest

from memory_client.errors import SettingError
from memory_client.target import LOCAL, header_text, resolve_target
from support.platforms import posix_only


def resolve(server: str | None = None, **environ: str) -> str | None:
    return resolve_target({"HOME": "/home/me", **environ}, server=server, directory="/").url


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("http://memory.lan:8420", "http://memory.lan:8420"),
        ("http://memory.lan:8420/", "http://memory.lan:8420"),
        ("http://memory.lan:8420/mcp", "http://memory.lan:8420"),
        ("http://memory.lan:8420/mcp/", "http://memory.lan:8420"),
        ("https://Home.Example/memory/", "https://home.example/memory"),
        ("https://home.example/memory/mcp", "https://home.example/memory"),
        ("https://home.example:443", "https://home.example"),
        ("http://[fd00::1]:8420", "http://[fd00::1]:8420"),
        ("http://[fd00::1]", "http://[fd00::1]"),
        (" http://memory.lan ", "http://memory.lan"),
    ],
)
def test_a_server_is_named_by_its_url(said: str, url: str) -> None:
    assert resolve(MEMORY_SERVER=said) == url


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("memory.lan:8420", "has no scheme; write http://memory.lan:8420"),
        ("ftp://memory.lan:21", "takes http:// or https://"),
        ("http://me:secret@memory.lan", "put the key in MEMORY_API_KEY"),
        ("http://memory.lan/?a=b", "has a query"),
        ("http://", "is not a URL"),
        ("http://memory.lan:99999", "is not a URL"),
        ("http://memory.lan:port", "is not a URL"),
        ("http://mémoire.lan", "is not a URL"),
        ("http://a b", "is not a URL"),
        ("http://a\r\nX: y", "is not a URL"),
    ],
)
def test_a_server_that_cannot_be_meant_is_one_sentence(said: str, sentence: str) -> None:
    with pytest.raises(SettingError) as error:
        resolve(MEMORY_SERVER=said)

    assert sentence in str(error.value)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_without_memory_server_the_local_one_is_meant() -> None:
    assert resolve() is None
    assert resolve(MEMORY_SERVER="") is None
    assert resolve(MEMORY_SERVER="local") is None
    assert resolve(LOCAL, MEMORY_SERVER="http://memory.lan") is None
    assert resolve("http://other.lan", MEMORY_SERVER="http://memory.lan") == "http://other.lan"


def test_the_key_is_for_the_named_server_alone() -> None:
    """The local server makes its own; a key of another machine must not be shown to it."""
    named = resolve_target({"MEMORY_SERVER": "http://memory.lan", "MEMORY_API_KEY": " k "}, directory="/")
    local = resolve_target({"MEMORY_API_KEY": "k"}, directory="/")

    assert (named.key, local.key) == ("k", None)


def test_a_key_file_that_is_no_text_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    environ = {"MEMORY_SERVER": "http://memory.lan", "MEMORY_API_KEY_FILE": str(tmp_path / "key")}

    with pytest.raises(SettingError, match=r"cannot be read: it is not UTF-8 text$"):
        resolve_target(environ, directory="/")


def test_a_data_folder_of_another_user_s_home_is_refused() -> None:
    """Taken as it stands, it would be a folder of that name wherever one happens to be."""
    with pytest.raises(SettingError, match="MEMORY_DATA_DIR is '~ana/memories', and only ~/ is known here"):
        resolve_target({"MEMORY_DATA_DIR": "~ana/memories"}, directory="/")


def test_the_key_may_come_from_a_file(tmp_path: Path) -> None:
    environ = {"MEMORY_SERVER": "http://memory.lan", "MEMORY_API_KEY_FILE": str(tmp_path / "key")}
    with pytest.raises(SettingError, match=r"MEMORY_API_KEY_FILE names .*key, which cannot be read"):
        resolve_target(environ, directory="/")

    (tmp_path / "key").write_text("from the file\n")
    assert resolve_target(environ, directory="/").key == "from the file"

    with pytest.raises(SettingError, match="both MEMORY_API_KEY and MEMORY_API_KEY_FILE are set"):
        resolve_target(environ | {"MEMORY_API_KEY": "k"}, directory="/")


@pytest.mark.parametrize("key", ["two\nlines", "käse", "a\x00b"])
def test_a_key_that_no_header_can_carry_is_one_sentence(key: str) -> None:
    with pytest.raises(SettingError, match="MEMORY_API_KEY holds a character") as error:
        resolve(MEMORY_API_KEY=key)
    assert key not in str(error.value)


def test_directories_come_from_the_environment(tmp_path: Path) -> None:
    home = tmp_path / "me"
    plain = resolve_target({"HOME": str(home)}, directory="/")
    named = resolve_target(
        {"HOME": str(home), "MEMORY_DATA_DIR": "~/mine", "XDG_CACHE_HOME": str(tmp_path)}, directory="/"
    )

    assert (Path(plain.data_dir), Path(plain.cache_dir)) == (home / ".claude-memory", home / ".cache/memory-client")
    assert (Path(named.data_dir), Path(named.cache_dir)) == (home / "mine", tmp_path / "memory-client")


def test_a_relative_data_directory_is_made_absolute() -> None:
    """The server runs elsewhere."""
    assert resolve_target({"MEMORY_DATA_DIR": "data"}, directory="/").data_dir == str(Path.cwd() / "data")


def test_the_project_is_the_one_claude_code_works_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("here", "there"):
        git_dir = tmp_path / name / ".git"
        (git_dir / "objects").mkdir(parents=True)
        (git_dir / "HEAD").write_text("ref: refs/heads/main\n")
        (git_dir / "config").write_text(f'[remote "origin"]\nurl = git@github.com:o/{name}.git\n')
    monkeypatch.chdir(tmp_path / "here")

    cwd = resolve_target({})
    claude = resolve_target({"CLAUDE_PROJECT_DIR": str(tmp_path / "there")})
    named = resolve_target({"MEMORY_PROJECT": "mine"})
    flag = resolve_target({"MEMORY_PROJECT": "mine"}, project="yours")

    projects = [target.project.id for target in (cwd, claude, named, flag) if target.project is not None]
    assert projects == ["github.com/o/here", "github.com/o/there", "mine", "yours"]


@posix_only("a folder in which a process stands cannot be removed there")
def test_a_working_directory_that_is_gone_has_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert resolve_target({"HOME": "/home/me"}).project is None


def test_headers_carry_any_text() -> None:
    target = resolve_target({"MEMORY_CLIENT_ID": "Zoë’s laptop", "MEMORY_PROJECT": "Grüße/100%"}, directory="/")

    assert target.identity_headers() == {
        "X-Client-ID": "Zo%C3%AB%E2%80%99s laptop",
        "X-Project-ID": "Gr%C3%BC%C3%9Fe/100%25",
    }


def test_header_text_is_what_urllib_makes_of_it() -> None:
    from urllib.parse import quote

    text = "".join(map(chr, range(1, 0x250)))
    assert header_text(text) == quote(text, safe="/:@.-_~ ")


def test_the_client_is_known_by_its_host_name() -> None:
    here = "laptop" if sys.platform == "win32" else os.uname().nodename

    assert resolve_target({"COMPUTERNAME": "laptop"}, directory="/").client_id == here


@pytest.mark.parametrize(
    ("environ", "url", "proxied"),
    [
        ({"HTTP_PROXY": "http://proxy:3128"}, "http://memory.lan", True),
        ({"http_proxy": "proxy:3128"}, "http://memory.lan", True),
        ({"ALL_PROXY": "http://proxy:3128"}, "https://memory.lan", True),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "https://memory.lan", True),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://memory.lan", False),
        ({"HTTP_PROXY": ""}, "http://memory.lan", False),
        ({"HTTP_PROXY": "http://proxy:3128"}, "http://127.0.0.1:8420", False),
        ({"HTTP_PROXY": "http://proxy:3128"}, "http://localhost:8420", False),
        ({"HTTP_PROXY": "http://proxy:3128"}, "http://[::1]:8420", False),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, "http://memory.lan", False),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "lan"}, "http://memory.lan", False),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "a, .lan"}, "http://memory.lan", False),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "*.lan"}, "http://memory.lan", False),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "ory.lan"}, "http://memory.lan", True),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "memory.lan:80"}, "http://memory.lan:8420", True),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "memory.lan:8420"}, "http://memory.lan:8420", False),
        ({"HTTP_PROXY": "http://proxy:3128", "no_proxy": "192.168.0.0/16"}, "http://192.168.1.2:8420", False),
        ({"HTTP_PROXY": "http://proxy:3128", "no_proxy": "10.0.0.0/8"}, "http://192.168.1.2:8420", True),
        ({"HTTP_PROXY": "http://proxy:3128", "no_proxy": "fd00::1"}, "http://[fd00::1]:8420", False),
    ],
)
def test_a_proxy_is_used_where_the_environment_says_so(environ: dict[str, str], url: str, proxied: bool) -> None:
    proxy = resolve_target({**environ, "MEMORY_SERVER": url}, directory="/").proxy

    assert proxy == ("http://proxy:3128" if proxied else None)
