"""The settings file of a machine: what it says counts beneath the environment, and never with half of a pair."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from memory_client import settings_file
from memory_client.errors import SettingError
from memory_client.target import Target, resolve_target
from support.platforms import home_of, posix_only
from support.servers import environment

LAPTOP = """\
export MEMORY_SERVER=http://memory.lan:8420
export MEMORY_API_KEY='of the file'
export MEMORY_CLIENT_ID=laptop
export MEMORY_HOOKS=context
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    keep(tmp_path, LAPTOP)
    return tmp_path


def keep(home: Path, text: str | bytes) -> Path:
    file = home / ".config" / "claude-memory" / "env"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def resolve(home: Path, server: str | None = None, **environ: str) -> Target:
    return resolve_target({"HOME": str(home), **environ}, server=server, directory="/")


def test_a_machine_with_the_file_needs_no_environment(home: Path) -> None:
    target = resolve(home)

    assert (target.url, target.key, target.client_id) == ("http://memory.lan:8420", "of the file", "laptop")
    assert settings_file.beneath({"HOME": str(home)})["MEMORY_HOOKS"] == "context"


def test_a_machine_without_the_file_is_as_before(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "MEMORY_API_KEY": "k"}

    assert settings_file.beneath(environ) is environ
    assert resolve(tmp_path).url is None


@pytest.mark.parametrize("server", ["http://other.lan", "local"])
def test_the_key_of_the_file_goes_to_no_other_server(home: Path, server: str) -> None:
    for target in (resolve(home, MEMORY_SERVER=server), resolve(home, server=server)):
        assert target.key is None
        assert target.url == (None if server == "local" else "http://other.lan")
        assert target.client_id == "laptop"


def test_the_server_of_the_file_may_be_named_again(home: Path) -> None:
    """With another key, if there is a new one."""
    assert resolve(home, server="http://memory.lan:8420/mcp").key == "of the file"
    assert resolve(home, server="http://memory.lan:8420", MEMORY_API_KEY="new").key == "new"


def test_a_key_of_the_environment_does_not_go_to_the_server_of_the_file(home: Path) -> None:
    """It may be that of a server which runs on this machine."""
    assert resolve(home, MEMORY_API_KEY="of the environment").key == "of the file"
    assert resolve(home, MEMORY_API_KEY_FILE="/nowhere").key == "of the file"

    keep(home, "export MEMORY_SERVER=http://memory.lan\n")
    assert resolve(home, MEMORY_API_KEY="of the environment").key is None


def test_the_environment_goes_first(home: Path) -> None:
    target = resolve(home, MEMORY_SERVER="http://other.lan", MEMORY_API_KEY="k", MEMORY_CLIENT_ID="desktop")

    assert (target.url, target.key, target.client_id) == ("http://other.lan", "k", "desktop")


def test_an_empty_variable_names_nothing(home: Path) -> None:
    """Plugins hand over settings that nobody filled in as empty texts."""
    assert resolve(home, MEMORY_SERVER=" ", MEMORY_API_KEY="", MEMORY_CLIENT_ID="").key == "of the file"


def test_the_file_may_say_that_the_local_server_is_meant(home: Path) -> None:
    keep(home, "export MEMORY_SERVER=local\nexport MEMORY_CLIENT_ID=laptop\n")

    assert (resolve(home).url, resolve(home).client_id) == (None, "laptop")


def test_the_file_lies_where_the_machine_keeps_settings(tmp_path: Path) -> None:
    assert Path(settings_file.path({"HOME": "/home/me"})) == Path("/home/me/.config/claude-memory/env")
    assert settings_file.folder({"HOME": "/home/me", "XDG_CONFIG_HOME": str(tmp_path)}) == str(
        tmp_path / "claude-memory"
    )


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("export MEMORY_SERVER=http://[fd00::1]:8420", "http://[fd00::1]:8420"),
        ("MEMORY_SERVER=http://a.lan", "http://a.lan"),
        ("  export MEMORY_SERVER=http://a.lan   # at home", "http://a.lan"),
        ("export MEMORY_SERVER='http://a.lan'", "http://a.lan"),
        ('export MEMORY_SERVER="http://a.lan"', "http://a.lan"),
        ("export MEMORY_SERVER='a'\\''b'", "a'b"),
        ("export MEMORY_SERVER='$5 `x`'", "$5 `x`"),
        ('export MEMORY_SERVER="\\$5 \\a"', "$5 \\a"),
        ("export MEMORY_SERVER=a\\ b", "a b"),
        ("export MEMORY_SERVER=~/x", "/home/me/x"),
        ("export MEMORY_SERVER='~/x'", "~/x"),
        ("export MEMORY_SERVER=http://a.lan\r", "http://a.lan"),
        ("\ufeffexport MEMORY_SERVER=http://a.lan", "http://a.lan"),
        ("export MEMORY_SERVER=1\nexport MEMORY_SERVER=2", "2"),
        ("# MEMORY_SERVER=1\n\nexport OTHER=$(date)\nexport MEMORY_SERVER=2", "2"),
    ],
)
@posix_only("it asks a shell")
def test_a_line_means_what_it_means_to_a_shell(tmp_path: Path, line: str, value: str) -> None:
    assert settings_file.read(str(keep(tmp_path, line)), "/home/me") == {"MEMORY_SERVER": value}


def test_one_line_may_set_several(tmp_path: Path) -> None:
    """As `claude-memory keys create` prints them."""
    keep(tmp_path, "export MEMORY_SERVER=http://a.lan MEMORY_API_KEY='k' MEMORY_CLIENT_ID=laptop  # mine\n")

    target = resolve(tmp_path)

    assert (target.url, target.key, target.client_id) == ("http://a.lan", "k", "laptop")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("exprt MEMORY_SERVER=http://a.lan", "is not export NAME=value"),
        ("MEMORY_SERVER", "is not export NAME=value"),
        ("export MEMORY_SERVER=$HOME/x", "has a $, which only a shell could work out"),
        ('export MEMORY_SERVER="`x`"', "has a `, which only a shell could work out"),
        ("export MEMORY_SERVER=a b", "is not export NAME=value"),
        ("export MEMORY_SERVER=a;b", "has a ; outside of quotes"),
        ("export MEMORY_SERVER='a", "has a quote that is not closed"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_line(tmp_path: Path, line: str, sentence: str) -> None:
    file = keep(tmp_path, f"# ours\n{line}\n")

    with pytest.raises(SettingError) as error:
        resolve(tmp_path)

    assert sentence in str(error.value)
    assert f"line 2 of {file}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    file = keep(tmp_path, b"export MEMORY_SERVER=\xff")

    with pytest.raises(SettingError, match=f"^{re.escape(str(file))} cannot be read"):
        resolve(tmp_path)


def test_hooks_that_the_file_turns_off_are_off(tmp_path: Path) -> None:
    keep(tmp_path, "export MEMORY_HOOKS=off\n")
    command = [sys.executable, "-m", "memory_client", "hook", "--check"]
    environ = environment({**home_of(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")})

    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)

    assert said.stdout.startswith("Hooks are off")
