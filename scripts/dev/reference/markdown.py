"""Plain Markdown, as a code host and the site's generator both read it. Pure."""

import inspect
import re
from collections.abc import Iterable, Sequence

GENERATED = "<!-- Made from the code by `uv run python -m scripts.dev.reference`; edit that, not this. -->"

_CODE = re.compile(r"(`[^`]*`)")
_NAMES = re.compile(r"(?<![\w$/-])(--?[a-z](?:[a-z-]*[a-z])?|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?:=[\w:/.-]*\w)?)(?![\w-])")
_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z`])")


def page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", GENERATED, *filter(None, parts)]) + "\n"


def section(heading: str, *parts: str, level: int = 2) -> str:
    return "\n\n".join([f"{'#' * level} {heading}", *filter(None, parts)])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Without the columns that no row has anything in; nothing without rows."""
    kept = [list(map(_cell, row)) for row in rows]
    if not kept:
        return ""
    used = [at for at in range(len(head)) if any(row[at] for row in kept)]
    lines = [[head[at] for at in used], ["---"] * len(used), *([row[at] for at in used] for row in kept)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def block(text: str, language: str = "text") -> str:
    return f"```{language}\n{text.strip(chr(10))}\n```"


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def link(text: str, heading: str) -> str:
    """To a heading of the same page."""
    return f"[{text}](#{slug(heading)})"


def slug(heading: str) -> str:
    """The anchor that code hosts give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def plain(text: str) -> str:
    """A help text with its variables and flags as code, and nothing in it that Markdown takes for a sign of its own."""
    return "".join(part if part.startswith("`") else _marked(part) for part in _CODE.split(text))


def prose(text: str) -> str:
    """A docstring: its paragraphs, a sentence a line."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(text).strip())
    return "\n\n".join(_SENTENCE.sub("\n", plain(" ".join(paragraph.split()))) for paragraph in paragraphs)


def _marked(text: str) -> str:
    escaped = re.sub(r"([<>*\[\]])", r"\\\1", text)
    return _NAMES.sub(r"`\1`", escaped)
