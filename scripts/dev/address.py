"""Whose repository this is, wherever that has to be said: project URLs, the MCP registry's name, the plugin's pages.

Until `release.py address` has written it, those places say OWNER, and the packages have no project URLs.
"""

import re
from pathlib import Path

import bundle
import versions

ADDRESS = re.compile(r"https://[\w.-]+/(?P<owner>[\w-]+)/(?P<repository>[\w.-]+)")
_URLS = re.compile(r"\n\[project\.urls\]\n(?:[^\[\n].*\n)+")
_PLACEHOLDER = "OWNER/REPOSITORY"
_BEFORE = "\n[build-system]\n"


def write(root: Path, address: str) -> None:
    """Raises ValueError for what is no address of a repository."""
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError(f"{address} is no address of a repository: write it as https://HOST/OWNER/REPOSITORY")
    for folder in versions.packages(root).values():
        file = folder / "pyproject.toml"
        text = _URLS.sub("", file.read_text("utf-8"))
        file.write_text(text.replace(_BEFORE, _urls(address) + _BEFORE, 1), "utf-8", newline="\n")
    readme = root / bundle.CLIENT_README
    named = bundle.REGISTRY_NAME.sub(f"io.github.{found['owner']}/memory", readme.read_text("utf-8"))
    readme.write_text(named, "utf-8", newline="\n")
    for page in _unfilled(root):
        text = page.read_text("utf-8").replace(_PLACEHOLDER, f"{found['owner']}/{found['repository']}")
        page.write_text(text, "utf-8", newline="\n")


def faults(root: Path, address: str) -> list[str]:
    """Places that say another address, or none."""
    found = [
        f"{folder.name}/pyproject.toml has no project URLs of {address}"
        for folder in versions.packages(root).values()
        if versions.project(folder).get("urls", {}).get("Source") != address
    ]
    owner = address.split("/")[-2]
    if bundle.registry_name(root) != f"io.github.{owner}/memory":
        found.append(
            f"{bundle.CLIENT_README.as_posix()} says {bundle.registry_name(root)}, not io.github.{owner}/memory"
        )
    found.extend(f"{page.relative_to(root).as_posix()} still says {_PLACEHOLDER}" for page in _unfilled(root))
    return found


def _unfilled(root: Path) -> list[Path]:
    """All pages but the one that explains the placeholder."""
    pages = [page for pattern in ("*.md", "docs/*.md", "p*/*/README.md") for page in sorted(root.glob(pattern))]
    return [page for page in pages if _PLACEHOLDER in page.read_text("utf-8") and page.name != "releasing.md"]


def _urls(address: str) -> str:
    urls = {
        "Source": address,
        "Documentation": f"{address}/tree/main/docs",
        "Changelog": f"{address}/blob/main/CHANGELOG.md",
        "Issues": f"{address}/issues",
    }
    return "\n[project.urls]\n" + "".join(f'{name} = "{url}"\n' for name, url in urls.items())
