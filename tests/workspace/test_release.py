"""One version, exact pins, and wheels with what belongs in them: what uv does not check inside a workspace."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "packages/memory-core/pyproject.toml").read_text(encoding="utf-8"))["project"][
    "version"
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the release script reads and writes."""
    for pattern in (
        "pyproject.toml",
        "uv.lock",
        "*.md",
        ".gitignore",
        "LICENSE",
        "docs/**/*.md",
        "scripts/dev/*.py",
        "plugins/memory/.claude-plugin/plugin.json",
        "packages/*/pyproject.toml",
        "packages/*/README.md",
        "packages/*/src/*/__init__.py",
    ):
        for file in ROOT.glob(pattern):
            copy(file, tmp_path)
    write(tmp_path / "CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- Find [more](docs/search.md).\n")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("built")
    subprocess.run(["uv", "build", "--quiet", "--all-packages", "--out-dir", str(dist)], cwd=ROOT, check=True)
    assert release(ROOT, "bundle", str(dist)).returncode == 0
    return dist


@pytest.fixture
def dist(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built, tmp_path / "dist")


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def git(tree: Path, *arguments: str) -> None:
    who = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", *who, *arguments], cwd=tree, env=env, check=True, capture_output=True)


def commit(tree: Path) -> None:
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "A state")


def copy(file: Path, tree: Path) -> None:
    target = tree / file.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)


def release(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(tree / "scripts/dev/release.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_four_packages_have_one_version_and_exact_pins() -> None:
    checked = release(ROOT, "check")

    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith("4 packages at ")


def test_a_stale_pin_is_found(tree: Path) -> None:
    edit(tree / "packages/memory-cli/pyproject.toml", f"memory-client[sdk]=={VERSION}", "memory-client[sdk]==0.0.9")

    checked = release(tree, "check")

    assert checked.returncode == 1
    assert f"memory-cli needs 'memory-client[sdk]==0.0.9', not memory-client=={VERSION}" in checked.stderr


def test_a_sibling_without_a_pin_is_found(tree: Path) -> None:
    edit(tree / "packages/memory-client/pyproject.toml", f'"memory-core=={VERSION}"', '"memory-core"')

    assert f"memory-client needs 'memory-core', not memory-core=={VERSION}" in release(tree, "check").stderr


def test_a_version_of_its_own_is_found(tree: Path) -> None:
    edit(tree / "packages/memory-server/src/memory_server/__init__.py", f'"{VERSION}"', '"0.0.9"')

    assert f"memory_server/__init__.py does not say {VERSION}" in release(tree, "check").stderr


def test_a_plugin_of_another_version_is_found(tree: Path) -> None:
    edit(tree / "plugins/memory/.claude-plugin/plugin.json", f'"version": "{VERSION}"', '"version": "0.0.9"')

    assert f"plugin.json is 0.0.9, memory-core is {VERSION}" in release(tree, "check").stderr


def test_a_bundle_or_listing_of_another_version_is_found(tree: Path) -> None:
    built = release(tree, "bundle", str(tree / "dist"))
    assert built.returncode == 0, built.stderr
    edit(tree / "dist/server.json", f'"version": "{VERSION}"', '"version": "0.0.9"')
    (tree / "dist" / f"memory-{VERSION}.mcpb").unlink()

    said = release(tree, "check", str(tree / "dist")).stderr

    assert f"server.json is not {VERSION}" in said
    assert f"has no memory-{VERSION}.mcpb" in said


def test_a_page_of_another_version_is_found(tree: Path) -> None:
    write(tree / "docs/doctor.md", "ok       versions   0.0.9, here and at the server\n")

    assert f"docs/doctor.md says 'ok       versions   0.0.9', memory-core is {VERSION}" in release(tree, "check").stderr


def test_bump_writes_the_version_everywhere_and_the_tree_agrees_again(tree: Path) -> None:
    write(tree / "docs/agents.md", f"`uvx memory-client@{VERSION}`, weights==0.0.9, another 0.0.9\n")
    commit(tree)

    bumped = release(tree, "bump", "97.8.9")

    assert bumped.returncode == 0, bumped.stderr
    assert "4 packages at 97.8.9" in bumped.stdout
    assert "git push origin v97.8.9" in bumped.stdout
    assert '"memory-core[engine]==97.8.9"' in read(tree, "packages/memory-server/pyproject.toml")
    assert '"version": "97.8.9"' in read(tree, "plugins/memory/.claude-plugin/plugin.json")
    assert 'version = "97.8.9"' in read(tree, "uv.lock")
    assert "## Unreleased\n\n## 97.8.9 (" in read(tree, "CHANGELOG.md")
    assert read(tree, "docs/agents.md") == "`uvx memory-client@97.8.9`, weights==0.0.9, another 0.0.9\n"
    assert '"version":"97.8.9"' in read(tree, "README.md")


def test_bump_names_lines_that_still_have_the_digits_of_before(tree: Path) -> None:
    write(tree / "docs/agents.md", f"another {VERSION}\n")
    commit(tree)

    assert f"docs/agents.md:1:another {VERSION}\n" in release(tree, "bump", "97.8.9").stdout


@pytest.mark.parametrize(
    ("version", "spoil", "said"),
    [
        ("v2", lambda _: None, "v2 is no version"),
        ("0.0.1", lambda _: None, f"0.0.1 is below {VERSION}, which the packages have"),
        ("97.0.0rc1", lambda tree: released(tree, "97.0.0"), "97.0.0rc1 is not above 97.0.0, which the changelog has"),
        ("97.0.0", lambda tree: released(tree, "97.0.0"), "97.0.0 is not above 97.0.0"),
        ("97.10.0", lambda tree: released(tree, "97.9.0"), "nothing under Unreleased"),
        (
            "97.0.0",
            lambda tree: write(tree / "LICENSE", "mine"),
            "not committed; commit or stash them first:\n M LICENSE",
        ),
    ],
)
def test_bump_refuses_and_changes_nothing(tree: Path, version: str, spoil: Callable[[Path], None], said: str) -> None:
    spoil(tree)
    before = read(tree, "packages/memory-core/pyproject.toml")

    bumped = release(tree, "bump", version)

    assert (bumped.returncode, bumped.stdout) == (1, "")
    assert said in bumped.stderr
    assert read(tree, "packages/memory-core/pyproject.toml") == before


def released(tree: Path, version: str) -> None:
    write(tree / "CHANGELOG.md", f"# Changelog\n\n## Unreleased\n\n## {version} (2026-01-02)\n\n- Find more.\n")
    commit(tree)


def test_notes_are_the_slice_of_a_version_with_links_that_lead_somewhere(tree: Path) -> None:
    release(tree, "bump", "97.8.9")

    notes = release(tree, "notes", "97.8.9", "https://code.example/acme/memory/blob/v97.8.9")

    assert notes.stdout == "- Find [more](https://code.example/acme/memory/blob/v97.8.9/docs/search.md).\n"
    assert "no heading of 97.8.8" in release(tree, "notes", "97.8.8").stderr


def test_a_final_version_takes_in_what_its_pre_releases_brought(tree: Path) -> None:
    assert release(tree, "bump", "97.8.9rc1").returncode == 0
    commit(tree)

    final = release(tree, "bump", "97.8.9")

    assert final.returncode == 0, final.stderr
    assert release(tree, "notes", "97.8.9").stdout == "- Find [more](docs/search.md).\n"
    assert "rc1" not in read(tree, "CHANGELOG.md")


def test_the_address_is_written_where_it_has_to_be_said(tree: Path) -> None:
    url = "https://code.example/acme/memory"
    write(tree / "docs/plugin.md", "/plugin marketplace add OWNER/REPOSITORY\n")
    unsaid = release(tree, "address", url, "--check")
    assert unsaid.returncode == 1
    assert "memory-core/pyproject.toml has no project URLs of https://code.example/acme/memory" in unsaid.stderr

    for _ in range(2):  # again: the same
        assert release(tree, "address", url).returncode == 0
    release(tree, "bundle", str(tree / "dist"))

    assert release(tree, "address", url, "--check").returncode == 0
    assert read(tree, "packages/memory-core/pyproject.toml").count(f'Source = "{url}"') == 1
    assert "<!-- mcp-name: io.github.acme/memory -->" in read(tree, "packages/memory-client/README.md")
    assert read(tree, "docs/plugin.md") == "/plugin marketplace add acme/memory\n"
    assert json.loads(read(tree, "dist/server.json"))["name"] == "io.github.acme/memory"
    assert "is no address of a repository" in release(tree, "address", "acme/memory").stderr


def test_what_is_built_of_this_tree_is_right(built: Path) -> None:
    checked = release(ROOT, "check", str(built))

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("member", "old", "new", "said"),
    [
        ("METADATA", b"Requires-Python: >=3.11", b"Requires-Python: >=3.9", "needs Python >=3.9, not >=3.11"),
        ("METADATA", b"License-File: LICENSE\n", b"", "has no License-File"),
        ("METADATA", b"Python :: 3.14", b"Python :: 3.15", "lacks 'Programming Language :: Python :: 3.14'"),
        ("METADATA", b"# memory-client", b"[x](docs/hooks.md)", "links to '](docs/hooks.md)', which is nowhere"),
        ("METADATA", f"memory-core=={VERSION}".encode(), b"memory-core>=0", f"not memory-core=={VERSION}"),
        ("entry_points.txt", b"memory_client.main:main", b"memory_client.gone:main", "does not announce memory-client"),
    ],
)
def test_a_wheel_that_is_wrong_is_found(dist: Path, member: str, old: bytes, new: bytes, said: str) -> None:
    wheel = dist / f"memory_client-{VERSION}-py3-none-any.whl"
    contents = unpacked(wheel)
    (name,) = (each for each in contents if each.endswith(f".dist-info/{member}"))
    assert old in contents[name]

    pack(wheel, contents | {name: contents[name].replace(old, new)})

    assert f"{wheel.name} " in (found := release(ROOT, "check", str(dist)).stderr)
    assert said in found


def test_what_does_not_belong_in_a_wheel_is_found_and_what_is_missing(dist: Path) -> None:
    wheel = dist / f"memory_client-{VERSION}-py3-none-any.whl"
    contents = unpacked(wheel)
    del contents["memory_client/py.typed"], contents["memory_client/main.py"]
    pack(wheel, contents | {"tests/test_it.py": b""})

    said = release(ROOT, "check", str(dist)).stderr

    assert f"{wheel.name} has no py.typed" in said
    assert f"{wheel.name} holds tests/test_it.py" in said
    assert f"{wheel.name} announces memory-client, and memory_client.main:main is not in it" in said


def unpacked(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(wheel: Path, contents: dict[str, bytes]) -> None:
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def read(tree: Path, name: str) -> str:
    return (tree / name).read_text(encoding="utf-8")
