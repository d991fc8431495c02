"""One version, exact pins: what uv does not check inside a workspace."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "packages/memory-core/pyproject.toml").read_text())["project"]["version"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the release script reads and writes."""
    for pattern in (
        "pyproject.toml",
        "uv.lock",
        "CHANGELOG.md",
        "LICENSE",
        "scripts/dev/release.py",
        "scripts/dev/bundle.py",
        "plugins/memory/.claude-plugin/plugin.json",
        "packages/*/pyproject.toml",
        "packages/memory-client/README.md",
        "packages/*/src/*/__init__.py",
    ):
        for file in ROOT.glob(pattern):
            copy(file, tmp_path)
    return tmp_path


def copy(file: Path, tree: Path) -> None:
    target = tree / file.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)


def release(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(tree / "scripts/dev/release.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


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


def test_the_owner_is_written_into_the_readme_and_the_listing(tree: Path) -> None:
    named = release(tree, "owner", "acme")
    assert (named.returncode, named.stdout) == (0, "io.github.acme/memory\n")

    release(tree, "bundle", str(tree / "dist"))

    assert "<!-- mcp-name: io.github.acme/memory -->" in (tree / "packages/memory-client/README.md").read_text()
    assert json.loads((tree / "dist/server.json").read_text())["name"] == "io.github.acme/memory"
    assert "is no account" in release(tree, "owner", "acme/memory").stderr


def test_bump_writes_the_version_everywhere_and_the_tree_agrees_again(tree: Path) -> None:
    bumped = release(tree, "bump", "7.8.9")

    assert bumped.returncode == 0, bumped.stderr
    assert "4 packages at 7.8.9" in bumped.stdout
    assert '"memory-core[engine]==7.8.9"' in (tree / "packages/memory-server/pyproject.toml").read_text()
    assert '"version": "7.8.9"' in (tree / "plugins/memory/.claude-plugin/plugin.json").read_text()
    assert 'version = "7.8.9"' in (tree / "uv.lock").read_text()
    assert "## Unreleased\n\n## 7.8.9 (" in (tree / "CHANGELOG.md").read_text()


def test_bump_refuses_what_is_no_version(tree: Path) -> None:
    bumped = release(tree, "bump", "v2")

    assert bumped.returncode == 1
    assert "v2 is no version" in bumped.stderr
    assert release(tree, "check").returncode == 0
