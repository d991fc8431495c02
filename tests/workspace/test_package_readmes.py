"""The packages' READMEs as a package index shows them: far from the repository, and without what it takes out."""

import io
import re
from pathlib import Path

import pytest

markdown = pytest.importorskip(
    "readme_renderer.markdown", reason="not installed on Windows, where it has to be compiled"
)

ROOT = Path(__file__).resolve().parents[2]
READMES = sorted((ROOT / "packages").glob("*/README.md"))


@pytest.mark.parametrize("readme", READMES, ids=lambda file: file.parent.name)
def test_an_index_shows_the_readme_whole(readme: Path) -> None:
    text, complaints = readme.read_text(encoding="utf-8"), io.StringIO()

    shown = markdown.render(text, stream=complaints)

    assert shown is not None
    assert complaints.getvalue() == ""
    assert re.search(rf"<h1[^>]*>.*{readme.parent.name}.*</h1>", shown), "it opens with the package's name"
    for kind, opening in (("fences", r"(?m)^```\w+$"), ("tables", r"(?m)^\|[ :|-]+\|$")):
        tag = {"fences": "<pre", "tables": "<table"}[kind]
        assert shown.count(tag) == len(re.findall(opening, text)), kind


@pytest.mark.parametrize("readme", READMES, ids=lambda file: file.parent.name)
def test_its_links_and_pictures_lead_somewhere_from_there(readme: Path) -> None:
    shown = str(markdown.render(readme.read_text(encoding="utf-8"), stream=io.StringIO()))

    assert re.findall(r"(?:href|src)=\"(?!https://|mailto:|#)[^\"]*\"", shown) == []
