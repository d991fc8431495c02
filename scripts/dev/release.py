#!/usr/bin/env python3
"""One version for the four packages and the plugin, and exact pins between them.

    scripts/dev/release.py bump 0.2.0   write the version, the pins, the lock and the changelog's heading
    scripts/dev/release.py check        every pyproject.toml and __init__.py agrees, and the plugin
    scripts/dev/release.py check DIST   … and what is built in DIST: wheels, sdists, and what `bundle` made
    scripts/dev/release.py bundle DIST  build memory-VERSION.mcpb and server.json
    scripts/dev/release.py owner NAME   write whose repository it is, for the MCP registry, into the client's README

uv takes a sibling from the workspace whatever its pin says, `uv lock --check` included: only a look at the files, and
at the built metadata, finds a stale pin. Standard library only.
"""

import datetime as dt
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import bundle

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")
REQUIREMENT = re.compile(r"\s*(?P<name>[\w.-]+)\s*(\[[^\]]*\])?\s*(?P<pin>[^;]*)")


def packages() -> dict[str, Path]:
    """Name → folder of each member."""
    folders = sorted(file.parent for file in ROOT.glob("packages/*/pyproject.toml"))
    return {project(folder)["name"]: folder for folder in folders}


def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


def module_file(folder: Path) -> Path:
    return folder / "src" / folder.name.replace("-", "_") / "__init__.py"


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


def faults_in_tree(members: dict[str, Path]) -> Iterator[str]:
    version = project(members["memory-core"])["version"]
    for name, folder in members.items():
        declared = project(folder)
        if declared["version"] != version:
            yield f"{name} is {declared['version']}, memory-core is {version}"
        if f'__version__ = "{version}"' not in module_file(folder).read_text():
            yield f"{module_file(folder).relative_to(ROOT)} does not say {version}"
        yield from loose_pins(name, requirements(declared), version, set(members))
    plugin = json.loads((ROOT / bundle.PLUGIN).read_text())["version"]
    if plugin != version:
        yield f"{bundle.PLUGIN} is {plugin}, memory-core is {version}"


def metadata(archive: Path) -> Message:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            text = wheel.read(next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))).decode()
    else:
        with tarfile.open(archive) as sdist:
            member = next(m for m in sdist.getmembers() if re.fullmatch(r"[^/]+/PKG-INFO", m.name))
            file = sdist.extractfile(member)
            assert file is not None
            text = file.read().decode()
    return HeaderParser().parsestr(text)


def faults_in_builds(members: dict[str, Path], dist: Path) -> Iterator[str]:
    version = project(members["memory-core"])["version"]
    missing = {(name, suffix) for name in members for suffix in (".whl", ".gz")}
    for archive in sorted([*dist.glob("*.whl"), *dist.glob("*.tar.gz")]):
        built = metadata(archive)
        missing.discard((built["Name"], archive.suffix))
        if built["Version"] != version:
            yield f"{archive.name} is {built['Version']}, not {version}"
        for header in ("License-Expression", "License-File", "Requires-Python", "Summary"):
            if not built[header]:
                yield f"{archive.name} has no {header}"
        yield from loose_pins(archive.name, built.get_all("Requires-Dist") or [], version, set(members))
    yield from (f"{dist} has no {suffix} of {name}" for name, suffix in sorted(missing))
    yield from faults_in_bundle(version, dist)


def faults_in_bundle(version: str, dist: Path) -> Iterator[str]:
    archive, listing = dist / f"memory-{version}.mcpb", dist / "server.json"
    yield from (f"{dist} has no {file.name}" for file in (archive, listing) if not file.exists())
    if archive.exists():
        with zipfile.ZipFile(archive) as opened:
            built = json.loads(opened.read("manifest.json"))["version"]
        if built != version:
            yield f"{archive.name} is {built}, not {version}"
    if listing.exists():
        listed = json.loads(listing.read_text())
        if {listed["version"], *(package["version"] for package in listed["packages"])} != {version}:
            yield f"server.json is not {version}"
        if listed["name"] != bundle.registry_name(ROOT):
            yield f"server.json is {listed['name']}, and the README of memory-client {bundle.registry_name(ROOT)}"


def check(dist: Path | None) -> None:
    members = packages()
    faults = [*faults_in_tree(members), *(faults_in_builds(members, dist) if dist else ())]
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(members)} packages at {project(members['memory-core'])['version']}, pins exact")


def bump(version: str) -> None:
    if not VERSION.fullmatch(version):
        sys.exit(f"{version} is no version: write it as 1.2.3 or 1.2.3rc1")
    members = packages()
    siblings = "|".join(map(re.escape, members))
    for folder in members.values():
        file = folder / "pyproject.toml"
        text = re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', file.read_text(), count=1)
        file.write_text(re.sub(rf'"((?:{siblings})(?:\[[^\]]*\])?)==[^";]*', rf'"\1=={version}', text))
        module = module_file(folder)
        module.write_text(re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', module.read_text()))
    plugin = ROOT / bundle.PLUGIN
    plugin.write_text(re.sub(r'"version": ".*"', f'"version": "{version}"', plugin.read_text(), count=1))
    changelog = ROOT / "CHANGELOG.md"
    today = dt.datetime.now(dt.UTC).date()
    changelog.write_text(
        changelog.read_text().replace("## Unreleased\n", f"## Unreleased\n\n## {version} ({today})\n", 1)
    )
    subprocess.run(["uv", "lock", "--quiet"], cwd=ROOT, check=True)
    check(None)


def owner(name: str) -> None:
    """The registry takes a package under `io.github.NAME` from that account alone, and only if its README says so."""
    if not re.fullmatch(r"[A-Za-z0-9-]+", name):
        sys.exit(f"{name} is no account: give the name before the slash in the repository's address")
    readme = ROOT / bundle.CLIENT_README
    readme.write_text(bundle.REGISTRY_NAME.sub(f"io.github.{name}/memory", readme.read_text()))
    print(bundle.registry_name(ROOT))


def main(arguments: list[str]) -> None:
    match arguments:
        case ["bump", version]:
            bump(version)
        case ["check"]:
            check(None)
        case ["check", dist]:
            check(Path(dist))
        case ["bundle", dist]:
            print(*bundle.build(ROOT, Path(dist)), sep="\n")
        case ["owner", name]:
            owner(name)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
