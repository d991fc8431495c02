"""`memory-server rollback`: put the store from before the last upgrade back, so that the program from before can run.

Part of this command because the store lies where the server does; it refuses while a server has it.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from memory_core.counting import agreeing, counted, memories
from memory_core.errors import InvalidError
from memory_core.settings import add_flags, load_settings
from memory_server.actions import data_folder
from memory_server.process import hold
from memory_server.settings import SYSTEM_DATA_DIR, DataDir, StoreAddress

if TYPE_CHECKING:
    from memory_core.engine.stores.duckdb.rollback import Done, Plan

NAME = "rollback"


class RollbackSettings(Struct, frozen=True, kw_only=True):
    """What the server of this data folder is set to."""

    data_dir: DataDir = SYSTEM_DATA_DIR
    store: StoreAddress = "duckdb"


def add_command(commands: Any) -> None:
    """Add the subcommand. Any: the type of what `add_subparsers` makes has no public name."""
    made: argparse.ArgumentParser = commands.add_parser(
        NAME,
        help="put the store from before the last upgrade back",
        description="Put the store from before the last upgrade back, for the program from before. The store of now "
        "is moved to the folder 'replaced' beside it; what was written since the upgrade is exported there.",
        argument_default=argparse.SUPPRESS,  # else it would undo what was said before the command
    )
    add_flags(made, RollbackSettings)
    made.add_argument(
        "--to", metavar="SNAPSHOT", help="a name in the folder 'snapshots', or a path; by default the newest"
    )
    made.add_argument("--yes", action="store_true", help="do not ask")


def run(flags: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Raises MemoryServiceError."""
    os.umask(0o077)
    settings = load_settings(RollbackSettings, environ, flags)
    data_dir = data_folder(settings.data_dir, flags, environ)
    word, _, location = settings.store.partition(":")
    if word != "duckdb":
        raise InvalidError(f"rollback knows stores of DuckDB; MEMORY_STORE is {settings.store!r}")
    if not data_dir.is_dir():
        raise InvalidError(f"there is no folder {data_dir}; name the one that holds the store with --data-dir")
    held = hold(data_dir)
    # The library is imported here: the server's own start has no use for it.
    from memory_core.engine.stores.duckdb import opening, rollback

    try:
        with rollback.planned(opening.store_path(location, data_dir), flags.get("to")) as plan:
            _say(_described(plan))
            if not flags.get("yes"):
                _ask()
            _say(_told(rollback.roll_back(plan), plan))
    finally:
        held.release()


def _described(plan: "Plan") -> str:
    now = "cannot be read" if plan.version is None else f"has schema version {plan.version}"
    if plan.since is None:
        since = "what was written since cannot be told"
    else:
        count = len(plan.since)
        were, are = counted(count, "memory was", "memories were"), agreeing(count, "is", "are")
        since = f"{were} added or changed since, and {are} not in the snapshot"
    return (
        f"{plan.path} {now}.\nThe snapshot {plan.snapshot.name} has schema version {plan.snapshot_version} and "
        f"{memories(plan.snapshot_memories)}; {since}."
    )


def _told(done: "Done", plan: "Plan") -> str:
    lines = [f"{plan.path} is the snapshot again; what was there is {done.kept}."]
    if done.exported is not None:
        lines.append(f"What was written since is in {done.exported}: take it in with `claude-memory import`.")
    elif plan.since != ():
        lines.append("What was written since is in that file alone.")
    lines.append(
        f"Start the program that knows schema version {plan.snapshot_version}: this one would upgrade it again."
    )
    return "\n".join(lines)


def _ask() -> None:
    if not sys.stdin.isatty():
        raise InvalidError("rollback asks before it acts, and nobody is here to answer; add --yes")
    _say("Put the snapshot back? [y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InvalidError("nothing was changed")


def _say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()
