"""Edits of TOML that touch nothing but the lines they are about. Pure: text in, text out.

The standard library reads TOML and writes none. So lines are edited, and what came of it is read again: an edit that
does not mean what was asked is refused, and nothing half-understood is ever written.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memory_cli.setup.faults import FaultError, ShapeError

Table = dict[str, object]
Path = tuple[str, ...]


def parse(text: str) -> Table:
    """Raises FaultError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FaultError(str(error)) from error


def at(text: str, path: Path) -> object:
    """The value at `path`; null where there is none. Raises FaultError."""
    return _of(parse(text), path)


def put(text: str, path: Path, values: Mapping[str, object], *, without: Sequence[str] = ()) -> str:
    """The table at `path` with `values` set and the keys `without` gone; a new one stands at the end.

    Raises FaultError, and ShapeError where the file keeps that table in a way that is not edited here.
    """
    before = parse(text)
    expected: Table = json.loads(json.dumps(before, default=str))
    table = _made(expected, path)
    table |= values
    for key in without:
        table.pop(key, None)
    end = "\r\n" if "\r\n" in text else "\n"
    section = _section(text, path)
    if section is None:
        lines = [f"[{'.'.join(map(_key, path))}]", *(f"{key} = {_written(value)}" for key, value in values.items())]
        gap = "" if not text.strip() else end if text.endswith("\n") else end * 2
        edited = f"{text}{gap}{end.join(lines)}{end}"
    else:
        edited = _edited(text, section, values, without, end)
    return _checked(edited, expected, path)


def take(text: str, path: Path) -> str:
    """Without the table at `path` and those in it. The same text where there is none. Raises as `put` does."""
    before = parse(text)
    if _of(before, path) is None:
        return text
    expected: Table = json.loads(json.dumps(before, default=str))
    holder = _made(expected, path[:-1])
    del holder[path[-1]]
    lines = text.splitlines(keepends=True)
    kept = list(lines)
    for section in reversed(_sections(text)):
        if section.path[: len(path)] == path:
            start, stop = section.start, section.stop
            if stop == len(kept):  # the last: the empty line before it came with it
                while start and not kept[start - 1].strip():
                    start -= 1
            del kept[start:stop]
    return _checked("".join(kept), expected, path)


@dataclass(frozen=True)
class _Section:
    """A table's lines, the header first; comments that stand directly above the next header are that one's."""

    path: Path
    start: int
    stop: int


def _sections(text: str) -> list[_Section]:
    lines = text.splitlines(keepends=True)
    heads: list[tuple[int, Path]] = []
    for number, line in enumerate(lines):
        # What looks like a header within a text of several lines is none: what is before it is no TOML by itself.
        if (path := _header(line)) is not None and _is_toml(lines[heads[-1][0] if heads else 0 : number]):
            heads.append((number, path))
    found = []
    for index, (start, path) in enumerate(heads):
        stop = heads[index + 1][0] if index + 1 < len(heads) else len(lines)
        while stop < len(lines) and stop > start + 1 and lines[stop - 1].lstrip().startswith("#"):
            stop -= 1
        found.append(_Section(path, start, stop))
    return found


def _section(text: str, path: Path) -> _Section | None:
    return next((one for one in _sections(text) if one.path == path), None)


def _header(line: str) -> Path | None:
    """The path that a line like `[a."b.c"]  # why` opens."""
    if not line.lstrip().startswith("["):
        return None
    try:
        opened: object = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    path = []
    while isinstance(opened, dict | list) and opened:
        if isinstance(opened, list):  # [[a]]
            opened = opened[0]
            continue
        key, opened = next(iter(opened.items()))
        path.append(key)
    return tuple(path)


def _edited(text: str, section: _Section, values: Mapping[str, object], without: Sequence[str], end: str) -> str:
    lines = text.splitlines(keepends=True)
    body = lines[section.start + 1 : section.stop]
    for key, value in values.items():
        place = _assignment(body, key)
        new = f"{key} = {_written(value)}{end}"
        if place is None:
            body.insert(0, new)
        elif tomllib.loads("".join(body[place[0] : place[1]]))[key] != value:
            body[place[0] : place[1]] = [new]
    for key in without:
        if (place := _assignment(body, key)) is not None:
            del body[place[0] : place[1]]
    head = lines[section.start]
    head = head if head.endswith("\n") else f"{head}{end}"
    return "".join([*lines[: section.start], head, *body, *lines[section.stop :]])


def _assignment(body: Sequence[str], key: str) -> tuple[int, int] | None:
    """The lines that set `key`: as many as it takes to be TOML, an array may span several."""
    for start, line in enumerate(body):
        if line.partition("=")[0].strip().strip("\"'") != key:
            continue
        for stop in range(start + 1, len(body) + 1):
            if _is_toml(body[start:stop]):
                return start, stop
    return None


def _is_toml(lines: Sequence[str]) -> bool:
    try:
        tomllib.loads("".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _checked(edited: str, expected: Table, path: Path) -> str:
    try:
        came: Table = json.loads(json.dumps(tomllib.loads(edited), default=str))
    except tomllib.TOMLDecodeError:
        came = {}
    if _pruned(came, path) != _pruned(expected, path):
        raise ShapeError(f"{'.'.join(path)} is kept there in a way that is not edited here")
    return edited


def _pruned(table: Table, path: Path) -> Table:
    """Whether a table that holds nothing is written or left out is all the same."""
    result = dict(table)
    for key in path[:1]:
        inner = result.get(key)
        if isinstance(inner, dict):
            result[key] = _pruned(inner, path[1:])
            if not result[key]:
                del result[key]
    return result


def _of(table: object, path: Path) -> object:
    for key in path:
        if not isinstance(table, dict) or key not in table:
            return None
        table = table[key]
    return table


def _made(table: Table, path: Path) -> Table:
    for key in path:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ShapeError(f"{key} is no table there")
        table = inner
    return table


def _key(name: str) -> str:
    plain = name.replace("-", "").replace("_", "").isalnum() and name.isascii()
    return name if plain else _written(name)


def _written(value: object) -> str:
    """TOML's texts, arrays, numbers and booleans are written as JSON writes them, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
