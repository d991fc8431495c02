"""Which machine a name in an ssh address means, as the user's ssh configuration says. Standard library only."""

import os

from memory_core.gitconfig import text_of

_MAX_DEPTH = 4


def host_name(alias: str, path: str) -> str:
    """The `HostName` that the file at `path` has for `alias`; `alias` itself where it has none, or a bare address.

    A name means the same machine everywhere; an address may not.
    """
    found = _host_name(alias, path, os.path.dirname(path), _MAX_DEPTH)
    return alias if found is None or _is_address(found) else found.lower()


def _host_name(alias: str, path: str, folder: str, depth: int) -> str | None:
    applies = True
    for line in text_of(path).splitlines():
        keyword, value = _option(line)
        if keyword == "host":
            applies = _fits(alias, value.split())
        elif keyword == "match":
            applies = value == "all"  # its other conditions ask for what nobody knows here
        elif applies and keyword == "hostname" and value:
            return value.replace("%h", alias)
        elif applies and keyword == "include" and depth:
            for included in _included(value, folder):
                if (found := _host_name(alias, included, folder, depth - 1)) is not None:
                    return found
    return None


def _option(line: str) -> tuple[str, str]:
    """`Keyword value` or `Keyword=value`, the value without its quotes."""
    line = line.strip()
    if not line or line[0] == "#":
        return "", ""
    keyword, _, value = line.replace("=", " ", 1).partition(" ") if "\t" not in line else line.partition("\t")
    return keyword.strip().lower(), value.strip().replace('"', "")


def _fits(alias: str, patterns: list[str]) -> bool:
    fits = False
    for pattern in patterns:
        if _matches(alias, pattern.removeprefix("!").lower()):
            if pattern.startswith("!"):
                return False
            fits = True
    return fits


def _matches(alias: str, pattern: str) -> bool:
    if "*" not in pattern and "?" not in pattern:
        return alias == pattern
    if pattern == "*":
        return True
    from fnmatch import fnmatchcase  # 3 ms, for the few who have such a pattern

    return fnmatchcase(alias, pattern.replace("[", "[[]"))


def _included(patterns: str, folder: str) -> list[str]:
    from glob import glob  # 5 ms, for those who include something

    places = (os.path.join(folder, os.path.expanduser(pattern)) for pattern in patterns.split())
    return [path for place in places for path in sorted(glob(place))]


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdecimal()
