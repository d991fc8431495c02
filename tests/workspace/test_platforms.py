"""What differs between systems stands in one module, and the rest can be loaded where that module is another's."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.platforms import posix_only

ROOT = Path(__file__).resolve().parents[2]
ASKS = re.compile(
    r"sys\.platform|os\.name\b|\bplatform\.system|(?:has|get)attr\(os,|os\.(?:fork|killpg|getuid|geteuid|kill|uname)\b|"
    r"(?:import|from) (?:fcntl|msvcrt|_winapi|winreg|pwd|grp|pty|termios|resource)\b|"
    r"/proc/|/dev/|start_new_session|creationflags|shutil\.which|SIGKILL|SIGHUP"
)
ALLOWED = {
    "memory_core/system.py": "the module for it",
    "memory_core/gitconfig.py": "flags of open that only some systems have, and that do no harm to be without",
    "memory_server/footprint.py": "all of it is for Linux, and it does nothing elsewhere",
    "memory_cli/setup/places.py": "the default of an argument: the rest is told the platform",
    "memory_cli/setup/report.py": "/dev/null is how a diff calls no file, on every system",
}
SOURCES = {
    path.relative_to(package).as_posix(): path
    for package in (ROOT / "packages").glob("*/src")
    for path in sorted(package.rglob("*.py"))
}


def test_only_one_module_asks_where_it_runs() -> None:
    asking = {name for name, path in SOURCES.items() if ASKS.search(path.read_text(encoding="utf-8"))}

    assert asking - set(ALLOWED) == set()


def test_every_exception_is_still_one() -> None:
    for name in ALLOWED:
        assert ASKS.search(SOURCES[name].read_text(encoding="utf-8")), name


def test_text_is_read_and_written_as_utf8() -> None:
    """Without a word for it, Windows takes the code page of its language."""
    calls = re.compile(r"\.(?:read_text|write_text)\((?:[^()]|\([^()]*\))*\)")
    bare = {
        name: found
        for name, path in SOURCES.items()
        if (found := [one for one in calls.findall(path.read_text(encoding="utf-8")) if "encoding" not in one])
    }

    assert bare == {}


AS_WINDOWS = """
import importlib, sys, types

for known in sys.argv[1].split():  # what the standard library loads must be its own system's
    importlib.import_module(known)
sys.modules |= {name: types.ModuleType(name) for name in ("msvcrt", "_winapi")}
sys.modules |= dict.fromkeys("fcntl pwd grp termios resource pty tty crypt".split())
sys.platform = "win32"
for name in sys.stdin.read().split():
    importlib.import_module(name)
"""
BEFOREHAND = (
    "argparse asyncio concurrent.futures ctypes email.message http.client importlib.resources logging.handlers "
    "multiprocessing sqlite3 ssl subprocess tempfile tomllib urllib.request uuid webbrowser zipfile zoneinfo "
    "httpx msgspec cyclopts rich.console"
)


@posix_only("it plays at being there")
@pytest.mark.parametrize("package", ["memory_core", "memory_client", "memory_cli"])
def test_every_light_module_loads_without_what_only_unix_has(package: str) -> None:
    modules = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in SOURCES
        if name.startswith(f"{package}/") and "/engine/" not in name and not name.endswith("__main__.py")
    ]

    ran = subprocess.run(
        [sys.executable, "-c", AS_WINDOWS, BEFOREHAND],
        input=" ".join(modules), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr


WITHOUT_UNIX = """
import sys

import memory_core.system

sys.modules |= dict.fromkeys("pwd grp termios resource pty tty".split())
import pytest

raise SystemExit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


@pytest.mark.slow
def test_all_tests_can_be_collected_without_what_only_unix_has() -> None:
    """A run on Windows skips what it cannot do, and says why; it must get so far."""
    folders = [str(path) for path in sorted((ROOT / "tests").iterdir()) if path.is_dir() and path.name != "support"]

    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_UNIX, *folders],
        cwd=ROOT, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
