"""scripts/install-client.sh for real: wheels built from this clone, a home of its own, a running server."""

import json
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from support.platforms import posix_only
from support.servers import RunningServer, environment, running_server
from support.sockets import free_port

pytestmark = [
    posix_only("it runs a shell script"),
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

    def shell(self, command: str, *, reads_settings: bool = True) -> subprocess.CompletedProcess[str]:
        """As a shell whose start file reads what the script wrote, or does not."""
        line = f'. "{self.settings}/env"; {command}' if reads_settings else command
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
    assert f"Tried with {server.url}" in installed.stdout
    assert "For an agent: claude-memory setup claude-code" in installed.stdout
    assert KEY not in installed.stdout + installed.stderr
    assert stat.S_IMODE((laptop.settings / "key").stat().st_mode) == 0o600
    assert (laptop.settings / "key").read_text(encoding="utf-8") == f"{KEY}\n"

    kept = laptop.shell("claude-memory add 'We deploy on Fridays' --no-project")
    assert kept.returncode == 0, kept.stderr
    (memory,) = httpx.get(f"{server.url}/memories?global_search=true", headers={"X-API-Key": KEY}).json()["memories"]
    assert (memory["content"], memory["client_id"]) == ("We deploy on Fridays", "laptop")
    asked = """echo '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"""
    asked += """{"name":"memory_stats","arguments":{}}}' | memory-client"""
    assert '"isError":false' in laptop.shell(asked).stdout
    assert '"isError":false' in laptop.shell(asked, reads_settings=False).stdout

    before = contents(laptop.settings)
    again = laptop.install("--from-source")
    assert again.returncode == 0, again.stderr
    assert contents(laptop.settings) == before

    answers = laptop.home / ".cache" / "memory-client"  # what the bridge keeps for a server that is away
    assert answers.is_dir()
    removed = laptop.install("--uninstall")
    assert removed.returncode == 0, removed.stderr
    assert not laptop.settings.exists()
    assert not answers.exists()
    assert list((laptop.home / ".local" / "bin").glob("*memory*")) == []


def test_claude_code_is_given_it_without_the_key_and_cleared(
    laptop: Laptop, server: RunningServer, wheels: Path
) -> None:
    claude = laptop.home / ".local" / "bin" / "claude"
    claude.write_text("#!/bin/sh\n", encoding="utf-8")
    claude.chmod(0o755)
    mine = laptop.home / ".claude.json"
    mine.write_text(
        '{\n  "mcpServers": {\n    "memory": {"command": "npx", "args": ["server-memory"]}\n  }\n}\n', encoding="utf-8"
    )
    before = mine.read_text(encoding="utf-8")
    key = laptop.home / "key file"
    key.write_text(KEY, encoding="utf-8")

    installed = laptop.install("--server", server.url, "--wheels", wheels, "--api-key-file", key)

    assert installed.returncode == 0, installed.stderr
    bridge = f"{laptop.home}/.local/bin/memory-client"
    servers = json.loads(mine.read_text(encoding="utf-8"))["mcpServers"]
    assert servers["memory"] == {"command": "npx", "args": ["server-memory"]}
    assert servers["claude-memory"] == {"type": "stdio", "command": bridge, "args": []}
    hooks = laptop.home / ".claude" / "settings.json"
    assert hooks.read_text(encoding="utf-8").count(f'"command": "{bridge}"') == 6
    assert (
        KEY
        not in mine.read_text(encoding="utf-8")
        + hooks.read_text(encoding="utf-8")
        + installed.stdout
        + installed.stderr
    )

    removed = laptop.install("--uninstall")
    assert removed.returncode == 0, removed.stderr
    assert mine.read_text(encoding="utf-8") == before
    assert not hooks.exists()
    assert not laptop.settings.exists()


def test_a_server_that_cannot_be_used_is_one_sentence(laptop: Laptop, server: RunningServer, wheels: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    for url, key, said in (
        (server.url, "wrong", "the key is wrong"),
        (away, KEY, f"{away} is unreachable"),
    ):
        ended = laptop.install("--server", url, "--wheels", wheels, "--api-key", "-", stdin=key)
        assert ended.returncode == 1
        assert said in ended.stdout + ended.stderr
        last = (
            "install-client.sh: the programs are installed, but the server cannot be used yet; the lines above say why"
        )
        assert ended.stderr.splitlines()[-1] == last


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
    assert "claude-memory setup none --server http://memory.lan:8420" in ended.stdout
    assert [each.name for each in laptop.home.iterdir()] == [".local"]


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.is_file()}
