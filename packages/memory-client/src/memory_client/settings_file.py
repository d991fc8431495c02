"""The settings file of this machine: `export NAME=value` lines that a shell can read, taken beneath the environment.

Bridge, hooks and CLI find the server in it, so that no agent's configuration holds an address or a key. Standard
library only. `claude-memory setup` and scripts/install-client.sh write the file.
"""

import os
from collections.abc import Iterator, Mapping

from memory_client import urls
from memory_client.errors import SettingError
from memory_core import system

SERVER = "MEMORY_SERVER"
_PAIR = (SERVER, "MEMORY_API_KEY", "MEMORY_API_KEY_FILE")
"""A server and the key to it come from one place: a key never goes to another server than it was set with."""
_ALONE = ("MEMORY_CLIENT_ID", "MEMORY_DATA_DIR", "MEMORY_HOOKS")
NAMES = (*_PAIR, *_ALONE)
"""What the file may set; other lines in it are somebody else's."""
_SPECIAL = frozenset("$`\"'\\;&|<>()*?[]{}!")


def home(environ: Mapping[str, str]) -> str:
    return system.home(environ)


def folder(environ: Mapping[str, str]) -> str:
    """Where this machine keeps its settings."""
    return os.path.join(system.settings_base(environ), "claude-memory")


def path(environ: Mapping[str, str]) -> str:
    return os.path.join(folder(environ), "env")


def beneath(environ: Mapping[str, str], *, server: str | None = None) -> Mapping[str, str]:
    """`environ`, and beneath it what the file says; `server` goes before both. Raises SettingError.

    Server and key are taken together, and only where the environment names no server. An empty variable names nothing.
    """
    kept = read(path(environ), home(environ))
    if not kept:
        return environ
    settings = dict(environ)
    for name in _ALONE:
        if name in kept and not environ.get(name, "").strip():
            settings[name] = kept[name]
    if _speaks_for(kept, environ, server):
        for name in _PAIR:
            settings.pop(name, None)
            if name in kept:
                settings[name] = kept[name]
    return settings


def _speaks_for(kept: Mapping[str, str], environ: Mapping[str, str], server: str | None) -> bool:
    """Whether the server is the one that is kept; who names that one again may bring another key."""
    if not kept.get(SERVER) or environ.get(SERVER, "").strip():
        return False
    if server is None:
        return True
    return _same(server, kept[SERVER]) and not any(environ.get(name, "").strip() for name in _PAIR[1:])


def read(file: str, home: str) -> dict[str, str]:
    """What of ours `file` sets; nothing where there is none. `~` at the beginning of a value is `home`.

    Raises SettingError, naming the line.
    """
    try:
        with open(file, encoding="utf-8-sig") as opened:
            text = opened.read()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        from memory_core.files import why_not  # who can read it does not pay for the import

        raise SettingError(f"{file} cannot be read: {why_not(error)}") from error
    return dict(_settings(text, file, home))


def _settings(text: str, file: str, home: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        for name, word, value in assignments(line, f"line {number} of {file}"):
            if name in NAMES:
                yield name, system.in_home(word, home) if value.startswith("~") else word


def assignments(line: str, where: str) -> Iterator[tuple[str, str, str]]:
    """The variables that a line sets: each name, its value, and the line from that value on.

    What is not ours ends it, without a value: only a shell may be able to read that. Raises SettingError.
    """
    rest = line.strip().removeprefix("export ").lstrip()
    while rest and not rest.startswith("#"):
        name, equals, value = rest.partition("=")
        if not equals or not name.isidentifier():
            raise SettingError(f"{where} is not export NAME=value; mend or remove it")
        if name not in NAMES:
            yield name, "", value
            return
        word, rest = _word(value, where)
        yield name, word, value


def _word(text: str, where: str) -> tuple[str, str]:
    """The first word of `text` as a shell reads it, and what follows; what only a shell could work out is refused."""
    if not any(char in _SPECIAL or char.isspace() for char in text):
        return text, ""
    word, at, quote = "", 0, ""
    while at < len(text):
        char = text[at]
        at += 1
        if char == quote:
            quote = ""
        elif quote == "'":
            word += char
        elif char == "\\" and at < len(text):
            word += text[at] if not quote or text[at] in '"\\$`' else char + text[at]
            at += 1
        elif char in "$`":
            raise SettingError(f"{where} has a {char}, which only a shell could work out; write the value in full")
        elif quote:
            word += char
        elif char in "'\"":
            quote = char
        elif char.isspace():
            break
        elif char in _SPECIAL and char not in "[]":  # the brackets of an IPv6 address
            raise SettingError(f"{where} has a {char} outside of quotes; put the value in single quotes")
        else:
            word += char
    if quote:
        raise SettingError(f"{where} has a quote that is not closed")
    return word, text[at:].lstrip()


def _same(one: str, other: str) -> bool:
    try:
        return urls.server_url(one.strip()) == urls.server_url(other.strip())
    except SettingError:
        return False
