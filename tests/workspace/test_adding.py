"""The pages about adding a store, an embedder and a tool are true: what they show is what runs.

Their commands run in test_readme.py, the suite for embedders among them.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from support.rpc import call_tool, tool_text
from support.servers import running_server

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
PACKAGES = {"adding-a-store": "memory-store-plain", "adding-an-embedder": "memory-embedder-hash"}
TOOL_TESTS = ("tests/server/test_tools.py", "tests/client/test_snapshot.py")


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(
        rf"^```{kind}\n(.*?)^```$", (DOCS / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize("page", PACKAGES)
def test_what_a_page_shows_of_an_example_stands_there(page: str) -> None:
    files = [file for end in ("py", "toml") for file in (EXAMPLES / PACKAGES[page]).rglob(f"*.{end}")]
    texts = [file.read_text(encoding="utf-8") for file in files]

    shown = [*blocks(page, "python"), *blocks(page, "toml")]

    assert len(shown) > 2
    assert [block for block in shown if not any(block in text for text in texts)] == []


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, built and installed in a folder as a wheel is."""
    folder = tmp_path_factory.mktemp("parts")
    for package in PACKAGES.values():
        copy = shutil.copytree(EXAMPLES / package, folder / "source" / package)
        command = ["uv", "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", folder, copy]
        subprocess.run(command, check=True)
    return folder


async def test_a_server_runs_on_a_store_and_an_embedder_of_other_packages(parts: Path, tmp_path: Path) -> None:
    settings = {"PYTHONPATH": str(parts), "MEMORY_STORE": "plain:notes", "MEMORY_EMBEDDER": "hash:256"}
    for start in ("first", "second"):
        with running_server(tmp_path / "data", env=settings) as server:
            async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
                if start == "first":
                    await call_tool(http, "memory_add", {"content": "We deploy on Fridays"})
                found = tool_text(await call_tool(http, "memory_search", {"query": "deploys on friday"}))
                stats = (await http.get("/stats")).json()
                backups = await http.post("/admin/backup")

        assert "We deploy on Fridays" in found
        assert (stats["total_memories"], stats["embedding"]["model"]) == (1, "hash-256")
        assert stats["storage_path"] == str(tmp_path / "data" / "notes")
        assert backups.status_code == 503
        assert "tools of its own" in backups.json()["detail"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "suite",
    [
        pytest.param(["tests/contract/store", "--store", "plain"], id="a store by itself"),
        pytest.param(["tests/contract/test_changes.py", "-k", "service", "--store", "plain"], id="the product on it"),
    ],
)
def test_the_example_of_a_store_passes_the_contract_suites(parts: Path, suite: list[str]) -> None:
    ran = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *suite, folder=ROOT, path=[parts])

    assert re.search(r"\d+ passed", ran.stdout), ran.stdout


@pytest.fixture
def patched(tmp_path: Path) -> Path:
    """A copy of this tree with the page's patch applied."""
    tree = tmp_path / "tree"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    patch = "".join(blocks("adding-a-tool", "diff"))
    subprocess.run(["git", "apply", "--verbose", "-"], cwd=tree, input=patch.encode(), check=True)
    return tree


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_tool_of_the_page_works_in_a_copy_of_the_tree(patched: Path, tmp_path: Path) -> None:
    tree, path = patched, [patched, *(patched / "packages").glob("*/src")]

    run("scripts/dev/snapshot.py", folder=tree, path=path)
    run("-m", "scripts.dev.reference", folder=tree, path=path)
    ran = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *TOOL_TESTS, folder=tree, path=path)
    access = run("-m", "pytest", "-q", "tests/server/test_access.py", "-k", "memory_history", folder=tree, path=path)

    assert "memory_history" in (tree / "docs" / "reference" / "mcp.md").read_text(encoding="utf-8")
    assert re.search(r"\d+ passed", ran.stdout), ran.stdout
    assert "1 passed" in access.stdout
    with running_server(tmp_path / "data", env={"PYTHONPATH": os.pathsep.join(map(str, path))}) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
            kept = tool_text(await call_tool(http, "memory_add", {"content": "the port is 8000"}))
            short = kept.partition("[")[2].partition("]")[0]
            await call_tool(http, "memory_update", {"memory_id": short, "content": "the port is 9000"})
            told = tool_text(await call_tool(http, "memory_history", {"memory_id": short}))
    assert "the port is 9000\n1 create" in told


def run(*arguments: str, folder: Path, path: list[Path]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"{' '.join(arguments)}\n{ran.stdout}\n{ran.stderr}"
    return ran
