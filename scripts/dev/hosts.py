"""Whom a built site asks besides its own host: nobody, or this lists it and ends with 1. Part of scripts/dev/docs.

Links that a reader follows may lead anywhere; what a browser loads by itself may not. Scripts are not looked at: those
of Sphinx and of the theme ask for the search index alone.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_ELSEWHERE = re.compile(r"\s*(?:https?:|wss?:)?//", re.IGNORECASE)
_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?([^\"')\s;]+)", re.IGNORECASE)
_LOADED = {"src", "srcset", "poster", "data", "background", "action"}


def main() -> int:
    folder = Path(sys.argv[1])
    asked = [f"{file.relative_to(folder)}: {address}" for file, address in requests(folder)]
    print("\n".join(asked) or f"{folder} asks no other host")
    return 1 if asked else 0


def requests(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each address on another host that a page or a style sheet below `folder` makes a browser load, with its file."""
    for file in sorted(folder.rglob("*")):
        if file.suffix not in {".html", ".css", ".svg"}:
            continue
        text = file.read_text(encoding="utf-8")
        addresses = _STYLE.findall(text) if file.suffix == ".css" else list(_loads(text))
        yield from ((file, address) for address in addresses if _ELSEWHERE.match(address))


def _loads(page: str) -> Iterator[str]:
    reader = _Page()
    reader.feed(page)
    yield from reader.loads


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        for name, value in attrs:
            if name in _LOADED or (name in {"href", "xlink:href"} and tag not in {"a", "area"}):
                self.loads.append(value or "")
            elif name == "style":
                self.loads += _STYLE.findall(value or "")

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.loads += _STYLE.findall(data)
            self._in_style = False


if __name__ == "__main__":
    sys.exit(main())
