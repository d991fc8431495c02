"""The site is made of plain Markdown and asks nobody but its own host. scripts/dev/docs builds it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
# What one generator understands and others show as it stands: directives, targets, admonitions, front matter.
SPECIAL = re.compile(r"^```+\{|^<{7} |^>{7} |^:::|^\([\w-]+\)=$|^!!! |\A---\n", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_plain_markdown(page: Path) -> None:
    assert SPECIAL.findall(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/a.css">',
        "<p style=\"background: url('https://images.example/a.png')\">",
        "<style>@import 'https://fonts.example/a.css';</style>",
        '<svg><image xlink:href="http://images.example/a.png"/></svg>',
    ],
)
def test_a_page_that_would_load_something_from_another_host_is_named(html: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(html, encoding="utf-8")

    checked = _check(tmp_path)

    assert checked.returncode == 1
    assert re.fullmatch(r"page\.html: (?:https?:)?//\w+\.example/\S+\n", checked.stdout)


def test_a_site_may_link_to_other_hosts_and_load_from_its_own(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<a href="https://docs.example/">read on</a><script src="../x.js"></script>', encoding="utf-8"
    )
    (tmp_path / "page.css").write_text("a { background: url(data:image/png;base64,AAAA) }", encoding="utf-8")

    assert _check(tmp_path).returncode == 0


def _check(folder: Path) -> subprocess.CompletedProcess[str]:
    program = ROOT / "scripts/dev/hosts.py"
    return subprocess.run([sys.executable, program, folder], capture_output=True, text=True, check=False)
