"""The pages that have every message: each line that is nothing but a code span is one, `…` is what differs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.source_texts import GAP

_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
_SPAN = re.compile(r"(?:- |  )(`+) ?(?P<text>.+?) ?\1")
_WIDTH = len("- ")


@dataclass(frozen=True)
class Entry:
    """Some messages that share a `cure`."""

    page: str
    messages: tuple[str, ...]
    cure: str


def entries() -> list[Entry]:
    return [entry for page in sorted(_FOLDER.glob("messages-*.md")) for entry in _entries(page)]


def entry_of(sentence: str, among: list[Entry]) -> Entry | None:
    """Where a person who has `sentence` in hand finds it: the entry whose words cover most of it."""
    fitting = [
        (len(message.replace(GAP, "")), entry)
        for entry in among
        for message in entry.messages
        if re.fullmatch(".*".join(map(re.escape, message.split(GAP))), sentence)
    ]
    return max(fitting, key=lambda found: found[0], default=(0, None))[1]


def span(message: str) -> str:
    """`message` as it is written on a page."""
    return f"`` {message} ``" if "`" in message else f"`{message}`"


def _entries(page: Path) -> Iterator[Entry]:
    items = re.split(r"^(?=- `)", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    for item in items:
        lines = re.split(r"^#", item, flags=re.MULTILINE)[0].splitlines()
        spans = [found["text"] for line in lines if (found := _SPAN.fullmatch(line))]
        rest = [line for line in lines if line.startswith(" " * _WIDTH) and not _SPAN.fullmatch(line)]
        yield Entry(page.name, tuple(spans), " ".join(line.strip() for line in rest))
