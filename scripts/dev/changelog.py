"""CHANGELOG.md: what is unreleased, what a version brought, and the move from one to the other."""

import datetime as dt
import re
from pathlib import Path

from versions import VERSION, order

UNRELEASED = "## Unreleased\n"
_RELEASED = re.compile(rf"^## ({VERSION.pattern}) \(\d{{4}}-\d\d-\d\d\)\n", re.MULTILINE)
_RELATIVE_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)")


def read(root: Path) -> str:
    return (root / "CHANGELOG.md").read_text("utf-8")


def released(text: str) -> list[str]:
    """Versions, the newest first."""
    return [found[1] for found in _RELEASED.finditer(text)]


def unreleased(text: str) -> str:
    return _section(text, text.index(UNRELEASED) + len(UNRELEASED))


def notes(text: str, version: str, *, base: str = "") -> str:
    """What `version` brought; links into the repository begin with `base`. Raises LookupError."""
    for heading in _RELEASED.finditer(text):
        if heading[1] == version:
            return _RELATIVE_LINK.sub(base, _section(text, heading.end()))
    raise LookupError(f"CHANGELOG.md has no heading of {version}")


def close(text: str, version: str) -> str:
    """With what was unreleased under a heading of its own; a final version takes in its own pre-releases."""
    if order(version)[3:] == order("0.0.0")[3:]:
        for before in released(text):
            if order(before)[:3] == order(version)[:3]:
                text = re.sub(rf"^## {re.escape(before)} \(.*\)\n\n", "", text, flags=re.MULTILINE)
    today = dt.datetime.now(dt.UTC).date()
    return text.replace(UNRELEASED, f"{UNRELEASED}\n## {version} ({today})\n", 1)


def _section(text: str, start: int) -> str:
    return re.split(r"^## ", text[start:], maxsplit=1, flags=re.MULTILINE)[0].strip()
