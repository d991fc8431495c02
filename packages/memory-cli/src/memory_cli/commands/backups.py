"""Commands about backups. The server makes and verifies them; restoring is done by memory-server, without a server."""

import asyncio
import subprocess
from typing import Annotated

from cyclopts import App, Group, Parameter

from memory_cli.options import Here, flag
from memory_cli.render import one_line, size, when
from memory_client.errors import ClientError
from memory_core.backups import Backup, Backups, BackupState
from memory_core.counting import memories
from memory_core.errors import InvalidError, MemoryServiceError, NotFoundError, UnavailableError

backup = App(
    name="backup",
    help="Make backups of the whole store, verify them, and restore one.",
    help_epilogue="",
    group_commands=Group("Commands"),
)


class BrokenBackupError(MemoryServiceError):
    """What was looked at is broken."""


@backup.command
async def create(
    *, no_verify: Annotated[bool, flag("Do not restore it on trial; no older one goes then.")] = False, session: Here
) -> None:
    """Make a backup while the server goes on, and verify it by restoring it on trial.

    The newest ones stay, and one a week for a month; MEMORY_BACKUP_KEEP of the server says how many.
    """
    async with session.memories() as store:
        made = await store.backups.create(verify=not no_verify)
    session.out.give(made, backup_line(made))


@backup.command(name="list")
async def list_(*, session: Here) -> None:
    """Show the backups, oldest first."""
    async with session.memories() as store:
        found = await store.backups.list()
    lines = [backup_line(each) for each in found.backups]
    session.out.give(found, "\n".join(lines) or f"No backups in {found.folder}")


@backup.command
async def verify(
    name: Annotated[str, Parameter(help="As `list` shows it; without it, the newest.")] = "", /, *, session: Here
) -> None:
    """Restore a backup on trial, and compare it with what it was made from."""
    async with session.memories() as store:
        found = await store.backups.verify(name or await _newest(store.backups))
    session.out.give(found, backup_line(found))
    for note in found.notes:
        session.out.note(one_line(note))
    if found.state is BackupState.BROKEN:
        raise BrokenBackupError(f"{found.name} is broken: {found.problem}")


async def _newest(backups: Backups) -> str:
    found = await backups.list()
    if not found.backups:
        raise NotFoundError(f"there are no backups in {found.folder}; `claude-memory backup create` makes one")
    return found.backups[-1].name


@backup.command
async def restore(
    name: Annotated[str, Parameter(help="As `list` shows it, or the folder of a backup.")],
    /,
    *,
    replace: Annotated[bool, flag("Move the store that is there aside, and keep it.")] = False,
    session: Here,
) -> int:
    """Put a backup in the place of this machine's store, after verifying it.

    The local server is stopped for that; the next command starts it again. Needs memory-server on this machine.
    """
    target = session.target
    if target.url is not None:
        raise InvalidError(
            f"{target.url} is restored on its own machine: stop the server there, and run there: "
            f"memory-server backup restore {name}{' --replace' if replace else ''}"
        )
    options = (["--replace"] if replace else []) + (["--json"] if session.out.as_json else [])
    stopped, code = await asyncio.to_thread(_restore, target.data_dir, [*options, "--", name])
    if stopped:
        session.out.note("the local server was stopped for this; the next command starts it again")
    return code


def _restore(data_dir: str, arguments: list[str]) -> tuple[bool, int]:
    """Whether a server was stopped for it, and the exit code."""
    from memory_client import starting  # only who starts or stops a server pays for it

    try:
        command = [*starting.server_command(), "--data-dir", data_dir, "backup", "restore", *arguments]
        with starting.kept_stopped(data_dir) as stopped:
            return stopped, subprocess.call(command)  # noqa: S603 - our own program, and what the caller typed
    except ClientError as error:
        raise UnavailableError(str(error)) from error


def backup_line(backup: Backup) -> str:
    """Name, time, memories, size, and whether it is good."""
    cells = [
        backup.name,
        when(backup.created_at),
        memories(backup.memories) if backup.memories is not None else "",
        size(backup.bytes),
        "" if backup.schema_version is None else f"schema {backup.schema_version}",
        backup.state.value,
        backup.problem or "",
    ]
    return "  ".join(one_line(cell) for cell in cells if cell)
