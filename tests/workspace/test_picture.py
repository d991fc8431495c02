"""The picture in the README shows what the programs print."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("termios", reason="the picture is made on a terminal")

from support.consoles import alike

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "picture.svg"


def test_the_programs_print_today_what_the_picture_shows(tmp_path: Path) -> None:
    drawn = tmp_path / "picture.svg"
    subprocess.run([sys.executable, ROOT / "scripts" / "dev" / "picture.py", drawn], check=True, timeout=120)

    assert alike(text_of(PICTURE), text_of(drawn)), f"uv run scripts/dev/picture.py draws it anew:\n{text_of(drawn)}"


def test_it_asks_nobody_for_anything_and_says_what_it_is() -> None:
    drawn = PICTURE.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")

    assert "://" not in drawn
    assert "<script" not in drawn
    assert "<title>Said on the laptop, found on the desktop" in drawn


def test_the_readme_shows_it_and_tells_who_cannot_see_it() -> None:
    (shown,) = [
        line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.endswith("(docs/picture.svg)")
    ]

    assert len(shown) > 100


def text_of(picture: Path) -> str:
    rows: dict[str, str] = {}
    for text in ET.parse(picture).iter("{http://www.w3.org/2000/svg}text"):
        rows[text.attrib["y"]] = f"{rows.get(text.attrib['y'], '')} {text.text or ''}"
    return "\n".join(rows.values()).replace("\N{NO-BREAK SPACE}", " ")
