"""What a kind of store can do so that there are backups of it. A store that cannot is backed up by its own tools."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import Struct

from memory_core.engine.backups.manifest import Contents, Manifest
from memory_core.engine.ports import StoreOptions
from memory_core.errors import UnavailableError

GoOn = Callable[[], None]
"""Called between two steps of something long; raises where it is to be given up."""


@runtime_checkable
class BacksUp(Protocol):
    """A store that can write all of itself into a folder while it is used. `size_bytes` is that of `Store`."""

    def backup(self, folder: Path, go_on: GoOn) -> Contents:
        """Write into the empty `folder`, as of one moment. Raises StorageFullError where the disk gets full."""
        ...

    def size_bytes(self) -> int: ...


class Checked(Struct, frozen=True, kw_only=True):
    """`problems`: how it differs from the store it was made from. `notes`: flaws that this store had already."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class BackupFormat(Protocol):
    """How the backups of one kind of store are read. It touches no store that is in use."""

    def path(self, location: str, options: StoreOptions) -> Path:
        """Where a store of this location lies, if there is one."""
        ...

    def refuse_newer(self, folder: Path, manifest: Manifest) -> None:
        """Raise UnavailableError for a backup of a newer schema than this program knows."""
        ...

    def check(self, folder: Path, manifest: Manifest, scratch: Path, options: StoreOptions, go_on: GoOn) -> Checked:
        """Restore into the empty folder `scratch`, compare with what the manifest says, and open it as a store."""
        ...

    def restore(
        self, folder: Path, manifest: Manifest, location: str, options: StoreOptions, *, replace: bool
    ) -> tuple[Path, Path | None, Checked]:
        """Put it where a store of this `location` lies: that place, where the store lies now that was there, findings.

        Raises UnavailableError if that store is in use, or the backup does not equal what it was made from,
        ConflictError if there is a store and not `replace`. A crash leaves the one or the other.
        """
        ...


def broken(folder: Path, problems: Sequence[str]) -> UnavailableError:
    return UnavailableError(f"{folder.name} is broken and was not restored: {'; '.join(problems)}")
