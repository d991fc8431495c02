"""What `memory-server backup …` and `memory-server keys …` have in common: how an action of theirs is declared."""

import argparse
from typing import Any

import msgspec

from memory_core.settings import add_flags


def action_parser(commands: Any, name: str, about: str, settings: type[msgspec.Struct]) -> argparse.ArgumentParser:
    """An action with the flags of `settings`. Any: the type of what `add_subparsers` makes has no public name."""
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        argument_default=argparse.SUPPRESS,  # else it would undo what was said before the command
    )
    add_flags(made, settings)
    made.add_argument("--json", action="store_true", help="print the result as JSON")
    return made


def as_json(result: msgspec.Struct) -> str:
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode()
