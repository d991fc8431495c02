"""Making, verifying and listing backups, one at a time. Blocking; a server does it in a thread of its own."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, structs

from memory_core.backups import Backup, BackupList, Restored
from memory_core.engine.backups.companions import Companion, copied, put_back
from memory_core.engine.backups.manifest import Manifest, damages, describe, read_manifest, write_manifest
from memory_core.engine.backups.ports import BacksUp, BackupFormat, Checked, GoOn, broken
from memory_core.engine.backups.rotation import expendable
from memory_core.engine.backups.shelf import Shelf, Verification, new_name
from memory_core.engine.ports import StoreOptions
from memory_core.errors import ConflictError, InternalError, InvalidError

_log = logging.getLogger(__name__)


class Keeper(Struct, frozen=True, kw_only=True):
    """`kind` is the word of the store, `format` how its backups are read."""

    shelf: Shelf
    kind: str
    format: BackupFormat
    options: StoreOptions
    keep: int
    version: str
    companions: tuple[Companion, ...] = ()
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def create(self, store: BacksUp, *, verify: bool, go_on: GoOn = lambda: None) -> Backup:
        """See `Backups.create`."""
        with self.shelf.alone():
            at = self.clock()
            name = new_name(at)
            self._require_room(store.size_bytes(), twice=verify)
            with self.shelf.making(name) as folder:
                contents = store.backup(folder, go_on)
                beside = copied(self.companions, self.options.data_dir, folder)
                contents = structs.replace(contents, files=(*contents.files, *beside))
                write_manifest(folder, describe(folder, contents, program_version=self.version, created_at=at))
            _log.info("backup %s of %d memories is in %s", name, contents.memories, self.shelf.folder)
            if verify:
                self._verify_new(name, go_on)
        return self.shelf.describe(name)

    def list(self) -> BackupList:
        backups = tuple(self.shelf.describe(name) for name in self.shelf.names())
        return BackupList(folder=str(self.shelf.folder), backups=backups)

    def verify(self, name: str, go_on: GoOn = lambda: None) -> Backup:
        self.shelf.place(name)
        with self.shelf.alone():
            self._verify(name, go_on)
        return self.shelf.describe(name)

    def restore(self, backup: Path, location: str, *, replace: bool) -> Restored:
        """Put the backup in the folder `backup` where the store lies. See `BackupFormat.restore`, and `put_back`."""
        try:
            manifest = self._readable(backup)
        except InvalidError as error:
            raise broken(backup, [str(error)]) from error
        if problems := damages(backup, manifest, lambda: None):
            raise broken(backup, problems)
        path, replaced, found = self.format.restore(backup, manifest, location, self.options, replace=replace)
        notes = put_back(self.companions, self.options.data_dir, backup, manifest)
        return Restored(
            name=backup.name,
            path=str(path),
            memories=manifest.memories,
            replaced=None if replaced is None else str(replaced),
            notes=(*found.notes, *notes),
        )

    def _verify_new(self, name: str, go_on: GoOn) -> None:
        problem = self._verify(name, go_on)
        if problem is not None:
            raise InternalError(
                f"backup {name} was made but does not equal the store: {problem}; it and all others are kept"
            )
        for old in expendable(self.list().backups, keep=self.keep, made=name):
            self.shelf.remove(old.name)
            _log.info("backup %s has made room for newer ones", old.name)

    def _verify(self, name: str, go_on: GoOn) -> str | None:
        """What is wrong with it, which is noted beside it."""
        place = self.shelf.place(name)
        try:
            manifest = self._readable(place)
        except InvalidError as error:
            found = Checked(problems=(str(error),))
        else:
            found = self._checked(name, place, manifest, go_on)
        problem = "; ".join(found.problems) or None
        if problem is not None:
            _log.error("backup %s is broken: %s", name, problem)
        verification = Verification(at=self.clock(), program_version=self.version, problem=problem, notes=found.notes)
        self.shelf.note(name, verification)
        return problem

    def _checked(self, name: str, place: Path, manifest: Manifest, go_on: GoOn) -> Checked:
        if problems := damages(place, manifest, go_on):
            return Checked(problems=tuple(problems))
        self._require_room(manifest.store_bytes, twice=False)
        with self.shelf.scratch(name) as scratch:
            return self.format.check(place, manifest, scratch, self.options, go_on)

    def _readable(self, place: Path) -> Manifest:
        """Raises InvalidError for a damaged manifest, UnavailableError for one that is newer than this program."""
        manifest = read_manifest(place)
        if manifest.kind != self.kind:
            raise ConflictError(f"{place.name} is a backup of a {manifest.kind} store, and MEMORY_STORE is {self.kind}")
        self.format.refuse_newer(place, manifest)
        return manifest

    def _require_room(self, store_bytes: int, *, twice: bool) -> None:
        needed = store_bytes * (2 if twice else 1) + self.options.min_free_bytes
        self.shelf.require_room(needed, "a backup that is also verified" if twice else "this")
