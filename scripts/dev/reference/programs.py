"""Flags and commands of an argparse program, whose own help changes with Python's version and the terminal's width."""

# ruff: noqa: SLF001 - argparse has no public names for what a parser takes

import argparse
import re
from collections.abc import Iterator
from typing import Any

from scripts.dev.reference import flags
from scripts.dev.reference import markdown as md
from scripts.dev.reference.flags import Flag

_OPTION = re.compile(r"(?P<help>.*) \[(?P<variable>[A-Z_]+); default: (?P<default>.*)\]")


def of(parser: argparse.ArgumentParser) -> list[Flag]:
    """Without --help and --version, which all have, and without commands."""
    return [_flag(action) for action in parser._actions if _is_flag(action)]


def commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser, list[str]]]:
    """Each command: its words, its parser, and what belongs below its description, its own commands among it."""
    for name, command in _below(parser).items():
        below = _below(command)
        common = of(command)
        parts = [md.code(" ".join((f"memory-server {name}", *flags.usage(common)))) if not below else ""]
        parts.append(flags.table(common))
        for action, inner in below.items():
            own = [one for one in of(inner) if one.names not in {shared.names for shared in common}]
            words = " ".join((f"memory-server {name} {action}", *flags.usage(own)))
            parts.append(
                md.section(
                    f"memory-server {name} {action}",
                    md.prose(inner.description or ""),
                    md.code(words),
                    flags.table(own),
                    level=4,
                )
            )
        yield name, command, parts


def _below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= action.choices
    return found


def _is_flag(action: argparse.Action) -> bool:
    return not isinstance(action, argparse._HelpAction | argparse._VersionAction | argparse._SubParsersAction)


def _flag(action: argparse.Action) -> Flag:
    said = (action.help or "").replace("%%", "%")
    option = _OPTION.fullmatch(said)  # as `memory_core.settings.add_flags` writes it
    default = option["default"] if option else "" if action.default in (None, argparse.SUPPRESS) else action.default
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    choices = ", ".join(map(md.code, action.choices or ()))
    return Flag(
        names=tuple(action.option_strings) or (metavar or action.dest.upper(),),
        takes=choices or ("" if action.nargs == 0 else _word(metavar, action.type)),
        help=option["help"] if option else said,
        default="" if default in ("none", False) else str(default),
        is_required=action.required,
        variable=option["variable"] if option else "",
    )


def _word(metavar: str, kind: Any) -> str:  # Any: whatever argparse calls with the text
    if kind is int or metavar == "NUMBER":
        return "a whole number"
    return {"PATH": "a path", "TRUE|FALSE": "true or false"}.get(metavar, "text")
