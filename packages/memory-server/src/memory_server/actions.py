"""What the subcommands of `memory-server` have in common: how one is declared, where it looks, how it answers."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from memory_core.settings import add_flags
from memory_server.settings import LOCAL_DATA_DIR


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


def data_folder(configured: Path, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Path:
    """The absolute path of the `configured` data folder; with `--local` the user's own, unless one is named."""
    named = flags.get("data_dir") or environ.get("MEMORY_DATA_DIR")
    return (LOCAL_DATA_DIR if flags.get("local") and not named else configured).expanduser().absolute()


def as_json(result: msgspec.Struct) -> str:
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode()
