"""scripts/install-client.sh for real: wheels built from this clone, a home of its own, a running server."""

import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from support.servers import RunningServer, environment, running_server
from support.sockets import free_port

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="the script is for macOS and Linux"),
    pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed"),
]

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "install-client.sh"
KEY = "a-key-$with'signs"


def uv(*arguments: str) -> str:
    return subprocess.run(["uv", *arguments], capture_output=True, text=True, check=True).stdout.strip()


@dataclass(frozen=True)
class Laptop:
    home: Path
    env: dict[str, str]

    def install(self, *flags: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = ["bash", str(SCRIPT), *map(str, flags)]
        return subprocess.run(
            command, env=self.env, input=stdin, capture_output=True, text=True, timeout=150, check=False
        )

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """As a shell whose start file reads what the script wrote."""
        line = f'. "{self.settings}/env"; {command}'
        return subprocess.run(
            ["sh", "-c", line], env=self.env, cwd=self.home, capture_output=True, text=True, timeout=60, check=False
        )

    @property
    def settings(self) -> Path:
        return self.home / ".config" / "claude-memory"


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    home = tmp_path / "home"
    # What uv has on this machine already is used; what it installs goes below the new home.
    env = {name: value for name, value in environment().items() if not name.startswith(("XDG_", "UV_TOOL", "CLAUDE"))}
    bins = home / ".local" / "bin"
    bins.mkdir(parents=True)
    (bins / "uv").symlink_to(uv_itself())
    env |= {"HOME": str(home), "UV_CACHE_DIR": uv("cache", "dir"), "UV_PYTHON_INSTALL_DIR": uv("python", "dir")}
    return Laptop(home, env | {"PATH": f"{bins}:/usr/local/bin:/usr/bin:/bin"})


def uv_itself() -> Path:
    """Not a version manager's stand-in, which would look into another home."""
    found = Path(uv("run", "--no-project", "sh", "-c", "echo $UV"))
    return found if found.is_file() else Path(str(shutil.which("uv")))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server") / "data", api_key=KEY) as running:
        yield running


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for package in ("memory-core", "memory-client", "memory-cli"):
        uv("build", "--quiet", "--wheel", "--package", package, "--directory", str(ROOT), "--out-dir", str(folder))
    return folder


def test_a_laptop_is_set_up_used_set_up_again_and_cleared(laptop: Laptop, server: RunningServer, wheels: Path) -> None:
    installed = laptop.install(
        "--server", server.url, "--wheels", wheels, "--client-id", "laptop", "--api-key", "-", stdin=f"{KEY}\n"
    )

    assert installed.returncode == 0, installed.stderr
    assert f"{server.url} answers, and takes the key" in installed.stdout
    assert f"--env MEMORY_API_KEY_FILE={laptop.settings}/key" in installed.stdout
    assert KEY not in installed.stdout + installed.stderr
    assert stat.S_IMODE((laptop.settings / "key").stat().st_mode) == 0o600
    assert (laptop.settings / "key").read_text() == f"{KEY}\n"

    kept = laptop.shell("claude-memory add 'We deploy on Fridays' --no-project")
    assert kept.returncode == 0, kept.stderr
    (memory,) = httpx.get(f"{server.url}/memories?global_search=true", headers={"X-API-Key": KEY}).json()["memories"]
    assert (memory["content"], memory["client_id"]) == ("We deploy on Fridays", "laptop")
    asked = """echo '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"""
    asked += """{"name":"memory_stats","arguments":{}}}' | memory-client"""
    assert '"isError":false' in laptop.shell(asked).stdout

    before = contents(laptop.settings)
    again = laptop.install("--wheels", wheels)
    assert again.returncode == 0, again.stderr
    assert contents(laptop.settings) == before

    removed = laptop.install("--uninstall")
    assert removed.returncode == 0, removed.stderr
    assert not laptop.settings.exists()
    assert list((laptop.home / ".local" / "bin").glob("*memory*")) == []


def test_claude_code_is_told_without_the_key(laptop: Laptop, server: RunningServer, wheels: Path) -> None:
    """A stand-in for `claude` keeps what it was called with, one word a line."""
    claude = laptop.home / ".local" / "bin" / "claude"
    claude.write_text('#!/bin/sh\n[ "$2" != get ] || exit 1\nprintf "%s\\n" "$@" >> "$HOME/called"\n')
    claude.chmod(0o755)
    key = laptop.home / "key file"
    key.write_text(KEY)

    installed = laptop.install("--server", server.url, "--wheels", wheels, "--api-key-file", key)

    assert installed.returncode == 0, installed.stderr
    called = (laptop.home / "called").read_text()
    assert called.startswith("mcp\nadd\nmemory\n--scope\nuser\n")
    assert called.endswith(f"--\n{laptop.home}/.local/bin/memory-client\n")
    assert f"MEMORY_SERVER={server.url}\n" in called
    assert KEY not in called


def test_another_server_of_that_name_is_left_alone(laptop: Laptop, server: RunningServer, wheels: Path) -> None:
    claude = laptop.home / ".local" / "bin" / "claude"
    claude.write_text('#!/bin/sh\n[ "$2" = get ] && echo "npx server-memory" || echo "$@" >> "$HOME/called"\n')
    claude.chmod(0o755)

    installed = laptop.install("--server", server.url, "--wheels", wheels, "--api-key", "-", stdin=KEY)

    assert installed.returncode == 0, installed.stderr
    assert "claude mcp add claude-memory" in installed.stdout
    assert not (laptop.home / "called").exists()


def test_a_server_that_cannot_be_used_is_one_sentence(laptop: Laptop, server: RunningServer, wheels: Path) -> None:
    for url, key, said in (
        (server.url, "wrong", "the key is wrong"),
        (f"http://127.0.0.1:{free_port()}", KEY, "cannot reach"),
    ):
        ended = laptop.install("--server", url, "--wheels", wheels, "--api-key", "-", stdin=key)
        assert ended.returncode == 1
        assert said in ended.stderr
        assert ended.stderr.startswith("install-client.sh: the programs are installed, but the server cannot be used: ")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ((), "--server says where the server is"),
        (("--server", "memory.lan:8420"), "--server takes an address such as http://memory.lan:8420"),
        (("--server", "http://memory.lan"), "the server's key is needed"),
        (("--server", "http://a b"), "take letters, digits"),
        (("--sever", "x"), "there is no flag --sever"),
        (("--server", "http://memory.lan", "--api-key", "k", "--api-key-file", "f"), "are two keys"),
    ],
)
def test_what_is_missing_is_one_sentence(laptop: Laptop, flags: tuple[str, ...], sentence: str) -> None:
    ended = laptop.install(*flags)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_print_says_what_would_be_done_and_does_nothing(laptop: Laptop) -> None:
    ended = laptop.install("--print", "--server", "http://memory.lan:8420", "--from-source")

    assert ended.returncode == 0, ended.stderr
    assert "tool install" in ended.stdout
    assert "claude mcp add memory --scope user --env MEMORY_SERVER=http://memory.lan:8420" in ended.stdout
    assert [each.name for each in laptop.home.iterdir()] == [".local"]


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}
