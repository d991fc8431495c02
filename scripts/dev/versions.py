"""Where the one version of the four packages stands, and whether it is the same everywhere. Standard library only."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import bundle

VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:(a|b|rc)(\d+))?")
REQUIREMENT = re.compile(r"\s*(?P<name>[\w.-]+)\s*(\[[^\]]*\])?\s*(?P<pin>[^;]*)")
# As commands print it and as people ask for it: only with a name of ours is a number on a page our version.
_ON_A_PAGE = re.compile(
    r"""((?:\bmemory-(?:core|server|client|cli)|\bclaude-memory(?:-server)?)(?:\[[\w,-]+\])?(?:==|@|:v?|[ ])
      | "version":[ ]?"
      | ^ok[ ]+versions[ ]+)
      (?P<version>\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)(?![\w.]*\d)""",
    re.MULTILINE | re.VERBOSE,
)
# They tell of versions that were, or of any.
_HISTORY = ("benchmarks.md", "comparison.md", "decisions.md", "migrating.md", "releasing.md", "upgrading.md")


def packages(root: Path) -> dict[str, Path]:
    """Name → folder of each member."""
    folders = sorted(file.parent for file in root.glob("packages/*/pyproject.toml"))
    return {project(folder)["name"]: folder for folder in folders}


def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]


def current(root: Path) -> str:
    version: str = project(root / "packages/memory-core")["version"]
    return version


def order(version: str) -> tuple[int, ...]:
    """A key by which versions sort: 1.2.0a1 < 1.2.0rc1 < 1.2.0. Raises ValueError."""
    found = VERSION.fullmatch(version)
    if found is None:
        raise ValueError(f"{version} is no version: write it as 1.2.3 or 1.2.3rc1")
    *numbers, phase, count = found.groups()
    return (*map(int, numbers), ("a", "b", "rc", None).index(phase), int(count or 0))


def requirements(declared: dict) -> list[str]:
    return [
        *declared.get("dependencies", []),
        *(r for extra in declared.get("optional-dependencies", {}).values() for r in extra),
    ]


def loose_pins(wanted_by: str, needs: list[str], version: str, members: set[str]) -> Iterator[str]:
    for need in needs:
        found = REQUIREMENT.match(need)
        if found and found["name"] in members and found["pin"].strip() != f"=={version}":
            yield f"{wanted_by} needs {need!r}, not {found['name']}=={version}"


def faults(root: Path) -> Iterator[str]:
    members, version = packages(root), current(root)
    for name, folder in members.items():
        declared = project(folder)
        if declared["version"] != version:
            yield f"{name} is {declared['version']}, memory-core is {version}"
        if f'__version__ = "{version}"' not in _module_file(folder).read_text("utf-8"):
            yield f"{_module_file(folder).relative_to(root).as_posix()} does not say {version}"
        yield from loose_pins(name, requirements(declared), version, set(members))
    plugin = json.loads((root / bundle.PLUGIN).read_text("utf-8"))["version"]
    if plugin != version:
        yield f"{bundle.PLUGIN.as_posix()} is {plugin}, memory-core is {version}"
    for page in _pages(root):
        for found in _ON_A_PAGE.finditer(page.read_text("utf-8")):
            if found["version"] != version:
                yield f"{page.relative_to(root).as_posix()} says {found[0]!r}, memory-core is {version}"


def write(root: Path, version: str) -> None:
    """Into packages, pins, plugin, pages and lock."""
    members = packages(root)
    siblings = "|".join(map(re.escape, members))
    for folder in members.values():
        _rewrite(folder / "pyproject.toml", r'(?m)^version = ".*"$', f'version = "{version}"', count=1)
        _rewrite(folder / "pyproject.toml", rf'"((?:{siblings})(?:\[[^\]]*\])?)==[^";]*', rf'"\1=={version}')
        _rewrite(_module_file(folder), r'__version__ = ".*"', f'__version__ = "{version}"')
    _rewrite(root / bundle.PLUGIN, r'"version": ".*"', f'"version": "{version}"', count=1)
    for page in _pages(root):
        _rewrite(page, _ON_A_PAGE, rf"\g<1>{version}")
    subprocess.run(["uv", "lock", "--quiet"], cwd=root, check=True)


def _module_file(folder: Path) -> Path:
    return folder / "src" / folder.name.replace("-", "_") / "__init__.py"


def _pages(root: Path) -> list[Path]:
    found = [*root.glob("*.md"), *root.glob("packages/*/README.md"), *root.glob("docs/**/*.md")]
    return sorted(page for page in found if page.name not in (*_HISTORY, "CHANGELOG.md"))


def _rewrite(file: Path, pattern: str | re.Pattern[str], replacement: str, *, count: int = 0) -> None:
    text = file.read_text("utf-8")
    file.write_text(re.sub(pattern, replacement, text, count=count), "utf-8", newline="\n")
