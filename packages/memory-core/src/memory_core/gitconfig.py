"""Git's configuration files, read as git reads them: sections, quotes, escapes, continued lines, includes.

Of conditions of an include, `gitdir` is understood. Standard library only; what is broken or absent says nothing.
"""

import os
from collections.abc import Iterator

_MAX_FILE_BYTES = 1 << 20
_MAX_DEPTH = 5

Setting = tuple[str, str, str]
"""Section, key and value: `remote.origin`, `url`, `…`."""


def settings(path: str, *, git_dir: str = "", home: str = "", depth: int = 0) -> Iterator[Setting]:
    """What a file says, and the files that it includes, in their place."""
    for section, key, value in parsed(text_of(path)):
        if key == "path" and (section == "include" or section.startswith("includeif.")):
            if depth < _MAX_DEPTH and (section == "include" or _holds(section[10:], path, git_dir, home)):
                included = os.path.join(os.path.dirname(path), _expanded(value, home))
                yield from settings(included, git_dir=git_dir, home=home, depth=depth + 1)
        else:
            yield section, key, value


def text_of(path: str) -> str:
    """ "" for what is no ordinary file: a pipe would be waited for."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        with open(os.open(path, flags), encoding="utf-8", errors="replace") as file:
            return file.read(_MAX_FILE_BYTES)
    except (OSError, ValueError):
        return ""


def parsed(text: str) -> Iterator[Setting]:
    section = ""
    lines = iter(text.removeprefix("\ufeff").splitlines())
    for raw in lines:
        line = raw.strip()
        if line.startswith("["):
            section, line = _header(line)
        if not line or line[0] in "#;":
            continue
        key, _, value = line.partition("=")
        while _continues(value):
            value = value[:-1] + next(lines, "")
        yield section, key.strip().lower(), _unquoted(value.strip())


def _holds(condition: str, path: str, git_dir: str, home: str) -> bool:
    kind, _, pattern = condition.partition(":")
    if kind not in ("gitdir", "gitdir/i") or not pattern or not git_dir:
        return False
    if pattern.startswith("./"):
        pattern = os.path.dirname(path) + pattern[1:]
    pattern = _expanded(pattern, home)
    pattern = pattern if pattern.startswith("/") else f"**/{pattern}"
    pattern = pattern + "**" if pattern.endswith("/") else pattern
    from fnmatch import fnmatchcase  # 3 ms, for the few who have such a condition

    if kind == "gitdir/i":
        pattern, git_dir = pattern.lower(), git_dir.lower()
    return fnmatchcase(git_dir, pattern)


def _expanded(path: str, home: str) -> str:
    return home + path[1:] if path.startswith("~/") else path


def _header(line: str) -> tuple[str, str]:
    """`[remote "origin"] rest` → `remote.origin` and what follows it on the line. Only the first part has no case."""
    quoted = escaped = False
    for at, char in enumerate(line):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "]" and not quoted:
            name, _, rest = line[1:at].strip().partition(" ")
            if rest.strip():
                return f"{name.lower()}.{_unquoted(rest.strip())}", line[at + 1 :].strip()
            return name.lower(), line[at + 1 :].strip()
    return "", ""


def _continues(value: str) -> bool:
    return (len(value) - len(value.rstrip("\\"))) % 2 == 1


def _unquoted(value: str) -> str:
    """Quotes and escapes resolved, a comment cut off."""
    result: list[str] = []
    quoted = False
    chars = iter(value)
    for char in chars:
        if char == "\\":
            escaped = next(chars, "")
            result.append({"n": "\n", "t": "\t", "b": "\b"}.get(escaped, escaped))
        elif char == '"':
            quoted = not quoted
        elif char in "#;" and not quoted:
            return "".join(result).rstrip()
        else:
            result.append(char)
    return "".join(result)
