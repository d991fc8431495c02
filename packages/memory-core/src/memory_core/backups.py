"""What is known of a backup, and the verbs of whoever keeps them: a server, or a client of one."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class BackupState(StrEnum):
    VERIFIED = "verified"  # it was restored once, and equalled the store it was made from
    UNVERIFIED = "unverified"
    BROKEN = "broken"


class Backup(Struct, frozen=True, kw_only=True):
    """`memories` counts the trash too. `problem` says what is broken.

    `notes` are about the store, whose flaws a faithful backup has as well. What a manifest that cannot be read would
    say is null.
    """

    name: str
    state: BackupState
    created_at: datetime
    bytes: int
    memories: int | None = None
    schema_version: int | None = None
    program_version: str | None = None
    verified_at: datetime | None = None
    problem: str | None = None
    notes: tuple[str, ...] = ()


class BackupList(Struct, frozen=True, kw_only=True):
    """Oldest first. `folder` is where they are on the server's machine."""

    folder: str
    backups: tuple[Backup, ...]


class Restored(Struct, frozen=True, kw_only=True):
    """`replaced` is where the store lies now that was in its place, if there was one."""

    name: str
    path: str
    memories: int
    replaced: str | None = None
    notes: tuple[str, ...] = ()


class Backups(Protocol):
    """Raises ConflictError while another backup is being made or verified, UnavailableError where there are none."""

    async def create(self, *, verify: bool = True) -> Backup:
        """Make one of this moment, while writes go on; verify it, and let the oldest go that are not to be kept.

        Raises StorageFullError where there is not enough room, InternalError if it does not stand the verification;
        it is kept then, and so is every other.
        """
        ...

    async def list(self) -> BackupList: ...

    async def verify(self, name: str) -> Backup:
        """Restore it into a scratch store and compare; what differs is in `problem`."""
        ...


def newest_first(backups: Sequence[Backup]) -> list[Backup]:
    return sorted(backups, key=lambda backup: backup.name, reverse=True)
