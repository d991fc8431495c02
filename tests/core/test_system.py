"""What differs between systems: what names things is tried for all of them, what acts on this one."""

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from memory_core import system
from support.platforms import posix_only

PLATFORMS = ("linux", "darwin", "win32")
WINDOWS_HOME = {"USERPROFILE": r"C:\Users\Ana", "APPDATA": r"C:\Users\Ana\AppData\Roaming", "HOME": r"H:\ana"}


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_home_is_what_home_names(platform: str) -> None:
    assert system.home({"HOME": "/home/ana", "USERPROFILE": r"C:\Users\Ana"}, platform) == "/home/ana"


def test_on_windows_a_home_is_the_same_in_git_bash_and_in_powershell() -> None:
    """Git Bash sets HOME, which may be a drive of the network; the memories must not depend on the shell."""
    assert system.home(WINDOWS_HOME, "win32") == r"C:\Users\Ana"
    assert system.home({"HOME": r"C:\Users\Ana"}, "win32") == r"C:\Users\Ana"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_who_names_no_home_has_the_one_that_python_finds(platform: str) -> None:
    assert system.home({}, platform) == os.path.expanduser("~")  # noqa: PTH111 - as text


def test_settings_and_cache_lie_where_each_system_has_them() -> None:
    home = {"HOME": "/home/ana"}
    local = WINDOWS_HOME | {"LOCALAPPDATA": r"C:\Users\Ana\AppData\Local"}

    assert system.settings_base(home, "linux") == system.settings_base(home, "darwin") == "/home/ana/.config"
    assert system.cache_base(home, "linux") == system.cache_base(home, "darwin") == "/home/ana/.cache"
    assert system.settings_base(WINDOWS_HOME, "win32") == r"C:\Users\Ana\AppData\Roaming"
    assert system.cache_base(local, "win32") == r"C:\Users\Ana\AppData\Local"
    assert system.cache_base(WINDOWS_HOME, "win32") == r"C:\Users\Ana\.cache"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_folders_of_xdg_go_first_everywhere(platform: str) -> None:
    environ = WINDOWS_HOME | {"XDG_CONFIG_HOME": "/settings", "XDG_CACHE_HOME": "/cache"}

    assert system.settings_base(environ, platform) == "/settings"
    assert system.cache_base(environ, platform) == "/cache"


@pytest.mark.parametrize(
    ("path", "platform", "there"),
    [
        ("~", "linux", "/home/ana"),
        ("~/mine", "linux", "/home/ana/mine"),
        ("~mine", "linux", "~mine"),
        (r"~\mine", "linux", r"~\mine"),
        (r"~\mine", "win32", r"/home/ana\mine"),
        ("~/mine", "win32", "/home/ana/mine"),
        ("", "win32", ""),
        ("/a/~", "darwin", "/a/~"),
    ],
)
def test_a_tilde_at_the_beginning_is_the_home(path: str, platform: str, there: str) -> None:
    assert system.in_home(path, "/home/ana", platform) == there


def test_no_file_of_others_is_taken_for_gits_settings_on_windows() -> None:
    assert system.git_settings_of_all("linux") == ("/etc/gitconfig",)
    assert system.git_settings_of_all("win32") == ()


def test_on_windows_no_program_is_taken_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository that brings a git.exe must not have it run by whoever looks into it."""
    (tmp_path / "git.exe").touch()
    monkeypatch.chdir(tmp_path)

    assert system.program("git", r".;;tools;C:relative", "win32") is None
    assert system.program("git", None, "win32") is None


@pytest.mark.skipif(sys.platform == "win32", reason="paths of two systems are mixed here")
def test_on_windows_a_program_is_an_exe_and_no_batch_file(tmp_path: Path) -> None:
    """Quoted folders are in real PATHs. `isabs` of Windows takes /tmp/… for no full path, so the drive is a folder."""
    folder = tmp_path / "C:\\tools"
    folder.mkdir()
    found = f"{folder.name}\\git.exe"
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        Path(f"{folder.name}\\git.cmd").touch()
        assert system.program("git", f'"{folder.name}"', "win32") is None
        Path(found).touch()
        assert system.program("git", f'"{folder.name}"', "win32") == found
        assert system.program("git.exe", folder.name, "win32") == found
    finally:
        os.chdir(before)


def test_the_program_that_runs_this_is_found_on_path() -> None:
    here = Path(sys.executable)

    found = system.program(here.name, str(here.parent))

    assert found is not None
    assert Path(found).samefile(here)


def test_what_a_person_types_to_end_a_process_is_known_there() -> None:
    assert [system.end_command(12, platform) for platform in PLATFORMS] == ["kill 12", "kill 12", "taskkill /F /PID 12"]


def test_a_reader_that_left_is_known_as_each_system_says_it() -> None:
    invalid, named = OSError(22, "Invalid argument"), OSError(22, "Invalid argument", "a?b")

    assert all(system.reader_left(BrokenPipeError(), platform) for platform in ("linux", "win32"))
    assert [system.reader_left(invalid, platform) for platform in ("linux", "win32")] == [False, True]
    assert not system.reader_left(named, "win32")


def test_a_full_disk_is_known_in_the_words_of_each_system() -> None:
    assert system.says_full('IO Error: Could not write file "a": No space left on device')
    assert system.says_full('IO Error: Could not write file "a": There is not enough space on the disk.')
    assert not system.says_full("Constraint Error")


def test_a_process_exists_until_it_has_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    assert system.process_exists(process.pid)
    process.communicate()
    assert not system.process_exists(process.pid)


@pytest.mark.parametrize("pid", [0, -1, 1 << 40])
def test_a_number_that_no_process_can_have_is_no_trouble(pid: int) -> None:
    system.process_exists(pid)

    assert not system.process_exists(min(pid, 0))


def test_a_program_started_alone_has_no_input_and_writes_where_it_is_told(tmp_path: Path) -> None:
    code = "import os, sys; print(sys.stdin.read() == '', os.getcwd())"
    with (tmp_path / "log").open("wb") as log:
        process = system.start_alone([sys.executable, "-c", code], folder=str(tmp_path), output=log)

    assert process.wait(60) == 0
    assert (tmp_path / "log").read_text(encoding="utf-8").split(maxsplit=1)[0] == "True"
    assert Path((tmp_path / "log").read_text(encoding="utf-8").split(maxsplit=1)[1].strip()).samefile(tmp_path)


@posix_only("a session is what a terminal ends")
def test_a_program_started_alone_leaves_the_session_of_its_terminal() -> None:
    process = system.start_alone([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert os.getsid(process.pid) == process.pid
    finally:
        process.kill()
        process.wait()


def test_a_replaced_file_has_the_new_content(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new", encoding="utf-8")
    (tmp_path / "old").write_text("old", encoding="utf-8")

    system.replace(tmp_path / "new", tmp_path / "old")

    assert (tmp_path / "old").read_text(encoding="utf-8") == "new"
    assert not (tmp_path / "new").exists()


def test_a_file_that_cannot_be_replaced_is_no_matter_of_waiting(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        system.replace(tmp_path / "none", tmp_path / "old")


@posix_only("it has no such modes")
def test_a_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(0o644)
    file = os.open(path, os.O_RDWR)
    system.keep_private(file)
    os.close(file)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_lock_file_can_be_read_while_it_is_locked(tmp_path: Path) -> None:
    """It names the process that holds it; Windows lets nobody read the bytes that are locked."""
    path = tmp_path / "lock"
    path.write_text("12", encoding="utf-8")
    file = os.open(path, os.O_RDWR)
    try:
        assert system.lock(file)
        assert path.read_text(encoding="utf-8") == "12"
        system.unlock(file)
    finally:
        os.close(file)


def test_the_true_path_of_a_folder_has_no_links(tmp_path: Path) -> None:
    assert Path(system.true_path(str(tmp_path))) == tmp_path.resolve()
    assert Path(system.true_path(str(tmp_path / "none"))) == tmp_path.resolve() / "none"


def test_text_for_a_program_is_utf8() -> None:
    code = "from memory_core import system; system.write_utf8(); print('é → ✓')"
    environ = {**os.environ, "PYTHONUTF8": "1"} if sys.platform != "win32" else dict(os.environ)

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environ, check=True).stdout

    assert said == "é → ✓\n".encode()
    assert isinstance(sys.__stdout__, io.TextIOWrapper)
