"""A Markdown text as what it tells, piece by piece: its sections, or the bullets of a section that has nothing else.

Pure. A heading is context, not content: every piece comes with the headings above it. Nothing inside a fence of code
is taken for a heading or a bullet.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

_LINE_END = re.compile(r"\r\n|\n|\r")  # and no others: what else splitlines takes for an end stays in the text
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"\s{0,3}(```+|~~~+)")
_BULLET = re.compile(r"[-*+]\s+(?=\S)|\d{1,9}[.)]\s+(?=\S)")


class Piece(Struct, frozen=True, kw_only=True):
    """`line` is where it begins, from 1; `headings` go from the widest to the nearest."""

    line: int
    headings: tuple[str, ...]
    text: str
    is_bullet: bool


def pieces(text: str, *, first_line: int = 1) -> Iterator[Piece]:
    for line, headings, lines in _sections(_LINE_END.split(text), first_line):
        bullets = list(_bullets(lines, line))
        if bullets:
            for at, bullet in bullets:
                yield Piece(line=at, headings=headings, text=bullet, is_bullet=True)
        elif body := "\n".join(lines).strip("\n"):
            blank = next(i for i, one in enumerate(lines) if one.strip())
            yield Piece(line=line + blank, headings=headings, text=body.rstrip(), is_bullet=False)


def _sections(lines: list[str], first_line: int) -> Iterator[tuple[int, tuple[str, ...], list[str]]]:
    """Line, headings and lines of each section that has text; a heading with nothing under it is one of its own."""
    stack: list[tuple[int, str]] = []
    begin, body, fence, said = first_line, list[str](), "", True
    for number, line in enumerate([*lines, None], start=first_line):
        found = None if fence or line is None else _HEADING.match(line)
        if found is None and line is not None:
            fence = _fence_after(fence, line)
            body.append(line)
            continue
        if any(one.strip() for one in body):
            yield begin, tuple(title for _, title in stack), body
        elif not said and (found is None or len(found[1]) <= stack[-1][0]):
            yield begin - 1, tuple(title for _, title in stack[:-1]), [stack[-1][1]]
        if found is not None:
            level = len(found[1])
            stack = [*((depth, title) for depth, title in stack if depth < level), (level, found[2])]
            begin, body, said = number + 1, [], False


def _fence_after(fence: str, line: str) -> str:
    """The fence that is open after this line."""
    found = _FENCE.match(line)
    if found is None:
        return fence
    if not fence:
        return found[1]
    closes = found[1].startswith(fence) and not line.strip().strip(fence[0])
    return "" if closes else fence


def _bullets(lines: list[str], first_line: int) -> Iterator[tuple[int, str]]:
    """Each outermost bullet with what belongs to it; none if the lines have anything besides bullets."""
    found: list[tuple[int, list[str]]] = []
    fence = ""
    for number, line in enumerate(lines, start=first_line):
        mark = None if fence else _BULLET.match(line)
        fence = _fence_after(fence, line)
        if mark:
            found.append((number, [line[mark.end() :]]))
        elif found and (not line.strip() or line[0].isspace() or fence):
            found[-1][1].append(line)
        elif line.strip():
            return
    for number, kept in found:
        yield number, "\n".join(kept).strip()
