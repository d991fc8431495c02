"""What is built, before anybody gets it: metadata, contents and pins of wheels and sdists, what lies beside them."""

import configparser
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import bundle
import versions

HEADERS = ("Summary", "License-Expression", "License-File", "Requires-Python", "Keywords", "Description-Content-Type")
OLDEST, NEWEST = 11, 14
# An index shows a long description far from the repository: such a link or picture leads nowhere.
_RELATIVE = re.compile(r"\]\((?!https?:|#|mailto:)[^)]*\)|(?:src|href|srcset)=\"(?!https?:|#)[^\"]*\"")


def faults(root: Path, dist: Path) -> Iterator[str]:
    members, version = versions.packages(root), versions.current(root)
    missing = {(name, suffix) for name in members for suffix in (".whl", ".gz")}
    for archive in sorted([*dist.glob("*.whl"), *dist.glob("*.tar.gz")]):
        described = metadata(archive)
        missing.discard((described["Name"], archive.suffix))
        for fault in _faults_in_metadata(described, version, set(members)):
            yield f"{archive.name} {fault}"
        if archive.suffix == ".whl" and described["Name"] in members:
            for fault in _faults_in_wheel(archive, versions.project(members[described["Name"]])):
                yield f"{archive.name} {fault}"
    yield from (f"{dist} has no {suffix} of {name}" for name, suffix in sorted(missing))
    yield from _faults_in_bundle(root, version, dist)


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


def _faults_in_metadata(described: Message, version: str, members: set[str]) -> Iterator[str]:
    if described["Version"] != version:
        yield f"is {described['Version']}, not {version}"
    yield from (f"has no {header}" for header in HEADERS if not described[header])
    if described["Requires-Python"] != f">=3.{OLDEST}":
        yield f"needs Python {described['Requires-Python']}, not >=3.{OLDEST}"
    pythons = {f"Programming Language :: Python :: 3.{minor}" for minor in range(OLDEST, NEWEST + 1)}
    yield from (f"lacks {name!r}" for name in sorted(pythons - set(described.get_all("Classifier") or [])))
    description = described.get_payload()
    assert isinstance(description, str)
    if len(description) < 200:
        yield "has no long description"
    yield from (f"links to {found[0]!r}, which is nowhere on an index" for found in _RELATIVE.finditer(description))
    yield from (
        f"is loose: {fault}"
        for fault in versions.loose_pins("it", described.get_all("Requires-Dist") or [], version, members)
    )


def _faults_in_wheel(wheel: Path, declared: dict) -> Iterator[str]:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        points = next((name for name in names if name.endswith(".dist-info/entry_points.txt")), None)
        entry_points = configparser.ConfigParser(delimiters=["="])
        entry_points.read_string(archive.read(points).decode() if points else "")
    package = declared["name"].replace("-", "_")
    if f"{package}/py.typed" not in names:
        yield "has no py.typed"
    yield from (f"holds {name}" for name in names if not name.startswith((f"{package}/", f"{package}-")))
    yield from (f"holds {name}" for name in names if re.search(r"(^|/)(tests?/|test_|conftest)", name))
    wanted = {"console_scripts": declared.get("scripts", {}), **declared.get("entry-points", {})}
    for group, points_to in wanted.items():
        for name, target in points_to.items():
            if not entry_points.has_option(group, name) or entry_points.get(group, name) != target:
                yield f"does not announce {name} of {group}"
            module = target.partition(":")[0].replace(".", "/")
            if not {f"{module}.py", f"{module}/__init__.py"} & set(names):
                yield f"announces {name}, and {target} is not in it"


def _faults_in_bundle(root: Path, version: str, dist: Path) -> Iterator[str]:
    archive, plugin, listing = bundle.built(version, dist)
    yield from (f"{dist} has no {file.name}" for file in (archive, plugin, listing) if not file.exists())
    for file, manifest in ((archive, "manifest.json"), (plugin, ".claude-plugin/plugin.json")):
        if file.exists():
            with zipfile.ZipFile(file) as opened:
                found = json.loads(opened.read(manifest))["version"]
            if found != version:
                yield f"{file.name} is {found}, not {version}"
    if listing.exists():
        listed = json.loads(listing.read_text("utf-8"))
        if {listed["version"], *(package["version"] for package in listed["packages"])} != {version}:
            yield f"server.json is not {version}"
        if listed["name"] != bundle.registry_name(root):
            yield f"server.json is {listed['name']}, and the README of memory-client {bundle.registry_name(root)}"
