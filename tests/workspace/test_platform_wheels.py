"""Nobody needs a compiler: each dependency has a wheel for the machines that docs/platforms.md names, and those of CI.

Asked of uv.lock, which knows the wheels of every version it pins, also those for other systems.
"""

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

pytestmark = pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))


def manylinux(machine: str) -> list[str]:
    """What Debian 12 takes, with glibc 2.36."""
    old = ("manylinux2014", "manylinux2010", "manylinux1")
    return [*(f"manylinux_2_{minor}_{machine}" for minor in range(36, 4, -1)), *(f"{name}_{machine}" for name in old)]


# The name on the page → what Python says of it there, and which platforms of wheels it takes.
MACHINES: dict[str, tuple[tuple[str, str, str], list[str]]] = {
    "Linux, x86-64": (("linux", "Linux", "x86_64"), manylinux("x86_64")),
    "Linux, ARM64": (("linux", "Linux", "aarch64"), manylinux("aarch64")),
    "macOS 14 or newer, Apple silicon": (("darwin", "Darwin", "arm64"), list(mac_platforms((14, 0), "arm64"))),
    "Windows, x86-64": (("win32", "Windows", "AMD64"), ["win_amd64"]),
    "macOS, Intel": (("darwin", "Darwin", "x86_64"), list(mac_platforms((14, 0), "x86_64"))),
    "Windows, ARM64": (("win32", "Windows", "ARM64"), ["win_arm64"]),
    "Linux with musl, such as Alpine": (
        ("linux", "Linux", "x86_64"),
        [f"musllinux_1_{minor}_x86_64" for minor in range(2, -1, -1)],
    ),
}
IN_CI = ("Linux, x86-64", "Linux, ARM64", "macOS 14 or newer, Apple silicon", "Windows, x86-64")


@pytest.fixture(scope="module")
def locked() -> dict[tuple[str, str], frozenset[Tag]]:
    """Name and version → the tags of its wheels."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    if "resolution-mode" in lock.get("options", {}):
        pytest.skip("uv.lock holds the lowest versions here, which nobody is given")
    return {
        (one["name"], one["version"]): frozenset(
            tag for wheel in one.get("wheels", ()) for tag in parse_wheel_filename(wheel["url"].rpartition("/")[2])[3]
        )
        for one in lock["package"]
    }


def needed(*export: str) -> list[tuple[str, str, Marker | None]]:
    """Name, version and marker of what uv would install."""
    command = ["uv", "export", "--quiet", "--frozen", "--no-emit-workspace", "--no-hashes", *export]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    lines = re.findall(r"(?m)^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\n]+)(?: ; (.+))?$", said)
    return [(name, version, Marker(marker) if marker else None) for name, version, marker in lines]


def to_compile(
    wanted: Iterable[tuple[str, str, Marker | None]], locked: dict[tuple[str, str], frozenset[Tag]], machine: str
) -> Iterator[str]:
    (system, named, processor), platforms = MACHINES[machine]
    for python in PYTHONS:
        version = ".".join(map(str, python))
        environment = {
            "sys_platform": system, "platform_system": named, "platform_machine": processor,
            "os_name": "nt" if system == "win32" else "posix", "python_version": version,
            "python_full_version": f"{version}.0", "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }  # fmt: skip
        takes = {
            *cpython_tags(python_version=python, platforms=platforms),
            *compatible_tags(python_version=python, interpreter=f"cp{python[0]}{python[1]}", platforms=platforms),
        }
        for name, pinned, marker in wanted:
            if (marker is None or marker.evaluate(environment)) and not takes & locked[name, pinned]:
                yield f"{name} {pinned} on Python {version}"


@pytest.mark.parametrize("machine", IN_CI)
def test_what_contributors_and_ci_install(locked: dict[tuple[str, str], frozenset[Tag]], machine: str) -> None:
    wanted = needed()

    assert len(wanted) > 50
    assert list(to_compile(wanted, locked, machine)) == []


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("column", "export"),
    [
        (1, ("--no-dev", "--package", "memory-client")),
        (1, ("--no-dev", "--package", "memory-cli")),
        (2, ("--no-dev", "--package", "memory-server")),
        (2, ("--no-dev", "--package", "memory-cli", "--extra", "local")),
    ],
    ids=["memory-client", "memory-cli", "memory-server", "memory-cli[local]"],
)
def test_what_the_page_says_of_each_machine(
    locked: dict[tuple[str, str], frozenset[Tag]], machine: str, column: int, export: tuple[str, ...]
) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {machine} |"))
    said = row.split("|")[1 + column].strip()

    missing = list(to_compile(needed(*export), locked, machine))

    assert (said == "yes") == (missing == []), os.linesep.join(missing)
