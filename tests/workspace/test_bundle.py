"""The bundle for desktop programs, and what the MCP registry is told: built here, checked, and really started."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from support import plugin_schemas
from support.bridges import bridge, machine, text_of
from support.servers import running_server

ROOT = Path(__file__).resolve().parents[2]
PLUGIN: dict[str, Any] = json.loads((ROOT / "plugins/memory/.claude-plugin/plugin.json").read_text("utf-8"))
KEY = "the bundle's key"
UNFILLED = dict.fromkeys(("SERVER_URL", "API_KEY", "CLIENT_ID"), "${user_config.x}")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def unpacked(dist: Path) -> Path:
    with zipfile.ZipFile(bundle_in(dist)) as archive:
        archive.extractall(dist / "unpacked")
    return dist / "unpacked"


def test_the_same_sources_give_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    assert bundle_in(built(tmp_path)).read_bytes() == bundle_in(dist).read_bytes()


def test_the_manifest_is_what_the_format_asks_for_and_has_the_plugin_s_settings(unpacked: Path) -> None:
    manifest = manifest_in(unpacked)

    jsonschema.validate(manifest, plugin_schemas.BUNDLE)
    assert manifest["version"] == PLUGIN["version"]
    assert set(manifest["user_config"]) == set(PLUGIN["userConfig"])
    assert manifest["user_config"]["api_key"]["sensitive"] is True
    assert (unpacked / manifest["server"]["entry_point"]).is_file()


def test_the_registry_is_told_of_the_package_that_says_so_in_its_readme(dist: Path) -> None:
    listing = json.loads((dist / "server.json").read_text("utf-8"))

    jsonschema.validate(listing, plugin_schemas.REGISTRY)
    (package,) = listing["packages"]
    readme = (ROOT / "packages" / package["identifier"] / "README.md").read_text("utf-8")
    assert f"<!-- mcp-name: {listing['name']} -->" in readme
    assert listing["version"] == package["version"] == PLUGIN["version"]
    assert [each["name"] for each in package["environmentVariables"] if each["isSecret"]] == ["MEMORY_API_KEY"]


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
def test_the_bundle_starts_as_its_manifest_says_and_reaches_the_server_of_its_settings(
    unpacked: Path, tmp_path: Path
) -> None:
    """Without the network: nothing is installed for it."""
    command = manifest_in(unpacked)["server"]["mcp_config"]
    arguments = [argument.replace("${__dirname}", str(unpacked)) for argument in command["args"]]
    with running_server(tmp_path / "data", api_key=KEY) as server:
        filled = {"server_url": server.url, "api_key": KEY, "client_id": "desktop"}
        options = {name: filled[value[len("${user_config.") : -1]] for name, value in command["env"].items()}
        environ = machine(tmp_path / "home", UV_OFFLINE="1", **options)

        with bridge(environ, command=[str(shutil.which(command["command"])), *arguments]) as client:
            client.initialize()
            kept = client.call("memory_add", content="The desktop keeps this")

    assert kept["isError"] is False, text_of(kept)
    assert not (unpacked / ".venv").exists()


def test_the_bundle_needs_nothing_but_python(unpacked: Path, tmp_path: Path) -> None:
    """`-S`: no installed package is in reach. What the user left empty is this machine's memories."""
    options = {f"CLAUDE_PLUGIN_OPTION_{name}": value for name, value in UNFILLED.items()}
    environ = machine(tmp_path / "home", PATH="", **options)
    command = [sys.executable, "-S", str(unpacked / manifest_in(unpacked)["server"]["entry_point"])]

    with bridge(environ, command=command) as client:
        assert client.initialize()["result"]["capabilities"]["tools"]
        said = text_of(client.call("memory_search", query="anything"))

    assert "no memory server is installed on this machine" in said


def built(dist: Path) -> Path:
    script = ROOT / "scripts" / "dev" / "release.py"
    subprocess.run([sys.executable, str(script), "bundle", str(dist)], check=True, capture_output=True)
    return dist


def bundle_in(dist: Path) -> Path:
    (found,) = dist.glob("*.mcpb")
    return found


def manifest_in(unpacked: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((unpacked / "manifest.json").read_text("utf-8"))
    return manifest
