"""Edits of JSON with comments that touch nothing but what they are about: order, indentation and comments stay.

Pure: text in, text out. What was put in is taken out again to the same text, except that white space alone between two
brackets is not kept.
"""

import json
from collections.abc import Sequence
from itertools import pairwise

from memory_cli.setup.faults import ShapeError
from memory_cli.setup.jsonc_parser import Child, Document, Node, Value, parse

Path = Sequence[str | int]


def put(text: str, path: Path, value: Value) -> str:
    """`value` at `path`, in place of what is there, or as the last member of what holds it; that is made if need be.

    Raises FaultError, and ShapeError where something else than an object stands on the way.
    """
    document = parse(text)
    node, rest = _way(document.root, path)
    if not rest:
        return text[: node.start] + _Style(document).written(value, _base(document, node)) + text[node.end :]
    if not isinstance(node.value, dict):
        raise ShapeError(f"{_named(path[: len(path) - len(rest)])} is no object")
    for key in reversed(rest[1:]):
        value = {str(key): value}
    return _inserted(document, node, json.dumps(rest[0], ensure_ascii=False), value)


def append(text: str, path: Path, value: Value) -> str:
    """`value` as the last item of the array at `path`, which is made if need be. Raises as `put` does."""
    document = parse(text)
    node, rest = _way(document.root, path)
    if rest:
        return put(text, path, [value])
    if not isinstance(node.value, list):
        raise ShapeError(f"{_named(path)} is no array")
    return _inserted(document, node, None, value)


def take(text: str, path: Path) -> str:
    """Without what is at `path`; comments beside it stay. The same text where there is nothing. Raises FaultError."""
    document = parse(text)
    holder, rest = _way(document.root, path[:-1])
    child = None if rest else holder.child(path[-1])
    return text if child is None else _without(document, holder, child)


def at(text: str, path: Path) -> Value:
    """The value at `path`; null where there is none. Raises FaultError."""
    node, rest = _way(parse(text).root, path)
    return None if rest else node.value


def _way(node: Node, path: Path) -> tuple[Node, Path]:
    """The last node on the way to `path` that is there, and what of the path is not."""
    for done, key in enumerate(path):
        child = node.child(key)
        if child is None:
            return node, path[done:]
        node = child.node
    return node, ()


def _named(path: Path) -> str:
    return ".".join(map(str, path)) or "the whole"


class _Style:
    """How a document is written: its indentation and its ends of lines."""

    def __init__(self, document: Document) -> None:
        text = document.text
        self.line_end = "\r\n" if "\r\n" in text else "\n"
        inside = document.root.children or ()
        self.one_line = bool(inside) and "\n" not in text.strip()
        indents = (_indent(text, child.start) for child in inside)
        self.unit = next((indent for indent in indents if indent), "  ")

    def written(self, value: Value, base: str) -> str:
        if self.one_line:
            return json.dumps(value, ensure_ascii=False)
        lines = json.dumps(value, ensure_ascii=False, indent=self.unit).split("\n")
        return f"{self.line_end}{base}".join(lines)


def _inserted(document: Document, holder: Node, key: str | None, value: Value) -> str:
    """`value` as the last child of `holder`."""
    text, style, children = document.text, _Style(document), holder.children or ()
    base = _base(document, holder)
    spread = not style.one_line and (not children or "\n" in text[holder.start : children[0].start])
    indent = (_indent(text, children[0].start) or base + style.unit) if children and spread else base + style.unit
    written = style.written(value, indent if spread else base)
    new = written if key is None else f"{key}: {written}"
    separator = f"{style.line_end}{indent}" if spread else " "
    if children:
        last = children[-1]
        if last.comma is not None:
            place = _line_rest(document, last.comma + 1) if spread else last.comma + 1
            return f"{text[:place]}{separator}{new},{text[place:]}"
        place = _line_rest(document, last.end) if spread else last.end
        return f"{text[: last.end]},{text[last.end : place]}{separator}{new}{text[place:]}"
    inside = [comment for comment in document.comments if holder.start < comment.start < holder.end]
    if inside:
        place = inside[-1].end
        return f"{text[:place]}{style.line_end}{indent}{new}{text[place:]}"
    if style.one_line:
        return f"{text[: holder.start + 1]}{new}{text[holder.end - 1 :]}"
    return f"{text[: holder.start + 1]}{separator}{new}{style.line_end}{base}{text[holder.end - 1 :]}"


def _without(document: Document, holder: Node, child: Child) -> str:
    text, children = document.text, holder.children or ()
    before = next((earlier for earlier, one in pairwise(children) if one is child), None)
    start = _white_before(text, child.start)
    cuts = [(start, child.end)]
    if child.comma is not None:
        cuts.append((child.comma, child.comma + 1))
    elif before is not None and before.comma is not None:
        cuts.append((before.comma, before.comma + 1))
    end = child.comma + 1 if child.comma is not None and not text[child.end : child.comma].strip() else child.end
    if any(comment.end == start and comment.to_end_of_line for comment in document.comments) and not _ends(text, end):
        cuts[0] = (child.start, child.end)  # else what follows would become part of the comment
    if before is None and len(children) > 1 and start == child.start:
        cuts.append((end, end + len(text[end:]) - len(text[end:].lstrip(" "))))
    if len(children) == 1 and not _cut(text[: holder.end - 1], cuts)[holder.start + 1 :].strip():
        return f"{text[: holder.start + 1]}{text[holder.end - 1 :]}"
    return _cut(text, cuts)


def _cut(text: str, cuts: Sequence[tuple[int, int]]) -> str:
    for start, end in sorted(cuts, reverse=True):
        text = text[:start] + text[end:]
    return text


def _white_before(text: str, offset: int) -> int:
    return len(text[:offset].rstrip(" \t\r\n"))


def _ends(text: str, offset: int) -> bool:
    """Whether the line has nothing more from `offset` on."""
    return text[offset:].lstrip(" \t")[:1] in ("\r", "\n", "")


def _line_rest(document: Document, offset: int) -> int:
    """The end of the comments that follow `offset` on its line, if nothing else does; else `offset` itself."""
    text, place = document.text, offset
    for comment in document.comments:
        between = text[place : comment.start]
        if comment.start < place or between.strip(" \t") or "\n" in text[comment.start : comment.end]:
            continue
        place = comment.end
    return place if _ends(text, place) else offset


def _indent(text: str, offset: int) -> str | None:
    """What stands before `offset` on its line, if that is white space alone."""
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    return line if not line.strip(" \t") else None


def _base(document: Document, node: Node) -> str:
    """The indentation of the line on which `node` begins."""
    line = document.text[document.text.rfind("\n", 0, node.start) + 1 : node.start]
    return line[: len(line) - len(line.lstrip(" \t"))]
