"""What a person is told to type is for the shell of the system."""

import subprocess
from pathlib import Path

import pytest

from memory_cli.doctor import typed
from support.platforms import posix_only


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_commands_are_quoted_for_a_shell_of_unix(platform: str) -> None:
    assert typed.remove("/home/a b/f", platform) == "rm '/home/a b/f'"
    assert typed.last_lines("/home/ana/log", platform) == "tail -n 20 /home/ana/log"
    assert typed.what_takes_room("/home/ana", platform) == "du -h -d 1 /home/ana"
    assert typed.look_at("12", platform) == "ps -f -p 12"
    assert typed.let("MEMORY_CLIENT_ID", "Ana's", platform) == """export MEMORY_CLIENT_ID='Ana'"'"'s'"""


def test_on_windows_commands_are_for_powershell() -> None:
    home = r"C:\Users\O'Brien"

    assert typed.remove(rf"{home}\f", "win32") == r"Remove-Item 'C:\Users\O''Brien\f'"
    assert typed.last_lines(rf"{home}\log", "win32") == r"Get-Content -Tail 20 'C:\Users\O''Brien\log'"
    assert typed.what_takes_room(home, "win32").startswith(r"Get-ChildItem 'C:\Users\O''Brien' -Recurse")
    assert typed.look_at("12", "win32") == "Get-Process -Id 12"
    assert typed.let("MEMORY_SERVER", "http://nas:8420", "win32") == "$env:MEMORY_SERVER = 'http://nas:8420'"


@posix_only("its commands are tried in a shell of Unix")
def test_a_shell_understands_them(tmp_path: Path) -> None:
    file = tmp_path / "it's a $(file)"
    file.write_text("last\n", encoding="utf-8")

    assert subprocess.run(typed.last_lines(str(file)), shell=True, capture_output=True, check=True).stdout == b"last\n"
    subprocess.run(typed.remove(str(file)), shell=True, check=True)
    assert not file.exists()
