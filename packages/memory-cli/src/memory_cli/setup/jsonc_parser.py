"""JSON as people keep it, with comments and trailing commas, parsed with the place of everything in it.

Pure: text in, nodes with offsets out. `jsonc` edits by them.
"""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from memory_cli.setup.faults import FaultError

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | None"

_MAX_DEPTH = 200
_SCALAR = re.compile(r"-?(?:0|[1-9]\d{0,999})(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_WHITE = re.compile(r"[ \t\r\n]*")


def fault(text: str, offset: int, why: str) -> FaultError:
    """Lines and columns are counted from 1."""
    line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    return FaultError(f"line {line}, column {column}: {why}")


@dataclass(frozen=True)
class Child:
    """A member of an object or an item of an array. `start` is its key's; `comma` is where the comma after it is."""

    key: str | int
    start: int
    node: "Node"
    comma: int | None

    @property
    def end(self) -> int:
        return self.node.end


@dataclass(frozen=True)
class Node:
    """A value at `text[start:end]`. A container has children, which may be none; a scalar has null."""

    start: int
    end: int
    value: Value
    children: tuple[Child, ...] | None = None

    def child(self, key: str | int) -> Child | None:
        """The last of that key, which is the one that counts."""
        return next((one for one in reversed(self.children or ()) if one.key == key), None)


@dataclass(frozen=True)
class Comment:
    start: int
    end: int
    to_end_of_line: bool


@dataclass(frozen=True)
class Document:
    text: str
    root: Node
    comments: tuple[Comment, ...]


@lru_cache(maxsize=2)  # an edit asks for one text several times, and Claude Code's own file may have megabytes
def parse(text: str) -> Document:
    """Its values are shared: nobody changes them. Raises FaultError."""
    parser = _Parser(text)
    parser.skip()
    root = parser.value(0)
    parser.skip()
    if parser.at < len(text):
        raise fault(text, parser.at, "there is more after the end of the value")
    return Document(text, root, tuple(parser.comments))


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.comments: list[Comment] = []

    def skip(self) -> None:
        """Over white space and comments."""
        while True:
            self.at = _end_of(_WHITE.match(self.text, self.at))
            start = self.at
            if self.text.startswith("//", start):
                ends = [end for end in (self.text.find(char, start) for char in "\r\n") if end >= 0]
                self.at = min(ends, default=len(self.text))
            elif self.text.startswith("/*", start):
                end = self.text.find("*/", start + 2)
                if end < 0:
                    raise fault(self.text, start, "a comment is not closed")
                self.at = end + 2
            else:
                return
            self.comments.append(Comment(start, self.at, self.text.startswith("//", start)))

    def value(self, depth: int) -> Node:
        char = self.text[self.at : self.at + 1]
        if char in ("{", "[") and char:
            if depth == _MAX_DEPTH:
                raise fault(self.text, self.at, "it is nested too deep")
            return self.container(depth, is_object=char == "{")
        return self.scalar()

    def scalar(self) -> Node:
        start = self.at
        found = (_STRING if self.text.startswith('"', start) else _SCALAR).match(self.text, start)
        if found is None:
            raise fault(self.text, start, self.unexpected("a value"))
        self.at = found.end()
        return Node(start, self.at, json.loads(found[0]))

    def container(self, depth: int, *, is_object: bool) -> Node:
        start, close = self.at, "}" if is_object else "]"
        children: list[Child] = []
        self.at += 1
        self.skip()
        while not self.text.startswith(close, self.at):
            if children and children[-1].comma is None:
                raise fault(self.text, self.at, self.unexpected(f"a comma or {close}"))
            begin = self.at
            key = self.key() if is_object else len(children)
            node = self.value(depth + 1)
            self.skip()
            comma = self.at if self.text.startswith(",", self.at) else None
            if comma is not None:
                self.at += 1
                self.skip()
            children.append(Child(key, begin, node, comma))
        self.at += 1
        value: Value
        if is_object:
            value = {str(one.key): one.node.value for one in children}
        else:
            value = [one.node.value for one in children]
        return Node(start, self.at, value, tuple(children))

    def key(self) -> str:
        if not self.text.startswith('"', self.at):
            raise fault(self.text, self.at, self.unexpected("a name in double quotes"))
        key = self.scalar().value
        self.skip()
        if not self.text.startswith(":", self.at):
            raise fault(self.text, self.at, self.unexpected("a colon"))
        self.at += 1
        self.skip()
        return str(key)

    def unexpected(self, wanted: str) -> str:
        found = self.text[self.at : self.at + 1]
        return f"{wanted} is wanted here, not {found!r}" if found else f"{wanted} is wanted here, and the file ends"


def _end_of(found: re.Match[str] | None) -> int:
    assert found is not None  # noqa: S101 - the pattern matches the empty text
    return found.end()
