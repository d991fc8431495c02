"""Back to the file from before an upgrade, for the program from before. What is there now is set aside, never removed.

What was written since is not in the snapshot: it stays in the file that is set aside, and is exported beside it, so
that the program from before can take it in.
"""

import contextlib
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

import duckdb
from msgspec import Struct

from memory_core import system
from memory_core.engine.parquet import write_parquet
from memory_core.engine.ports import EmbeddedEntry, StoreOptions
from memory_core.engine.stores.duckdb import comparison, exchange, maintenance, opening, transfer, upgrade
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.migrations import MIGRATIONS
from memory_core.errors import InvalidError, UnavailableError
from memory_core.files import first_line

VERSION = "SELECT max(version) FROM {database}.schema_migrations"
COUNT = "SELECT count(*) FROM {database}.memories"
SINCE = "SELECT now.id FROM after.memories AS now LEFT JOIN before.memories AS old USING (id) WHERE {changed}"
# They follow from the others, and differ where a text was only indexed anew.
DERIVED = ("id", "doc", "dl", "terms_digest", "content_digest")


class Plan(Struct, frozen=True, kw_only=True):
    """`since` are the ids of what was added or changed since the snapshot.

    It is null, as `version` is, where the file of now cannot be read.
    """

    path: Path
    snapshot: Path
    snapshot_version: int
    snapshot_memories: int
    version: int | None
    since: tuple[str, ...] | None


class Done(Struct, frozen=True, kw_only=True):
    """`kept` is the file from now, `exported` what of it is not in the snapshot, if anything."""

    kept: Path
    exported: Path | None


@contextlib.contextmanager
def planned(path: Path, to: str | None) -> Iterator[Plan]:
    """What `roll_back` would do; the store is held meanwhile. `to` names a snapshot, or is the path of one.

    Raises InvalidError where there is nothing to go back to, UnavailableError where the store is in use or the
    snapshot cannot be read.
    """
    if not path.parent.is_dir():
        raise InvalidError(f"there is no folder {path.parent}; name the one that holds the store with --data-dir")
    lock = opening.take(path)
    try:
        exchange.finish(path)
        if not path.is_file():
            raise InvalidError(f"there is no store {path}; name its folder with --data-dir")
        yield _plan(path, _chosen(path, to))
    finally:
        lock.release()


def roll_back(plan: Plan) -> Done:
    """Within `planned`. Raises UnavailableError, and leaves all as it was then."""
    path = plan.path
    replaced = path.parent / exchange.REPLACED
    kept = replaced / maintenance.copy_name(path.stem, "" if plan.version is None else f"v{plan.version}-")
    try:
        replaced.mkdir(mode=0o700, exist_ok=True)
        exported = _export(plan, kept.with_name(f"{kept.stem}-since.parquet"))
        with exchange.workplace(path, exchange.Work.ROLLBACK) as new:
            shutil.copy(plan.snapshot, new)
            exchange.exchange(path, new=new, kept=kept)
    except OSError as error:
        raise UnavailableError(f"{path} could not be rolled back: {error.strerror}; it is unchanged") from error
    return Done(kept=kept, exported=exported)


def _chosen(path: Path, to: str | None) -> Path:
    folder = path.parent / "snapshots"
    names = [file.name for file in upgrade.snapshots_of(path, folder)]
    if to is None:
        if not names:
            raise InvalidError(f"{folder} has no snapshot: no upgrade has been made of {path}, or it was removed")
        return folder / names[-1]
    for found in (folder / to, Path(to)):
        if found.is_file() and not found.samefile(path):
            return found.absolute()
    raise InvalidError(f"there is no snapshot {to}; there are: {', '.join(names) or 'none'}")


def _plan(path: Path, snapshot: Path) -> Plan:
    if snapshot.with_name(snapshot.name + ".wal").exists():
        raise InvalidError(f"{snapshot} has a log beside it, so it is no snapshot as it was made; choose another")
    with (
        exchange.workplace(path, exchange.Work.ROLLBACK) as scratch,
        upgrade.workshop(scratch.parent, StoreOptions(data_dir=path.parent), path.parent, snapshot.parent) as cursor,
    ):
        try:
            comparison.attach(cursor, str(snapshot), "before")
            comparison.read_through(cursor, "before")
            version, memories = (cursor.execute(q.format(database="before")).fetchall()[0][0] for q in (VERSION, COUNT))
        except duckdb.Error as error:
            raise UnavailableError(
                f"{snapshot} cannot be read: {first_line(error)}; choose another with --to"
            ) from error
        try:
            comparison.attach(cursor, str(path), "after")
            now = int(cursor.execute(VERSION.format(database="after")).fetchall()[0][0])
            since = _since(cursor)
        except duckdb.Error as error:
            if system.says_held(str(error)):
                raise UnavailableError(opening.refusal(path, str(error))) from error
            now, since = None, None  # it may be damaged, and the reason to go back
    return Plan(
        path=path, snapshot=snapshot, snapshot_version=version, snapshot_memories=memories, version=now, since=since
    )  # fmt: skip


def _since(cursor: Cursor) -> tuple[str, ...]:
    before, after = (comparison.columns_of(cursor, name)["memories"] for name in ("before", "after"))
    common = [column for column in before if column in after and column not in DERIVED]
    changed = " OR ".join(["old.id IS NULL", *(f"now.{name} IS DISTINCT FROM old.{name}" for name in common)])
    return tuple(row[0] for row in cursor.execute(SINCE.format(changed=changed)).fetchall())


def _export(plan: Plan, file: Path) -> Path | None:
    """Null where there is nothing to export, or where the file is of a schema that only another program reads."""
    if not plan.since or plan.version != MIGRATIONS[-1].version:
        return None
    with contextlib.closing(duckdb.connect(plan.path, read_only=True)) as cursor:
        write_parquet(file, _only(transfer.export(cursor), set(plan.since)))
    return file


def _only(batches: Iterator[list[EmbeddedEntry]], ids: Collection[str]) -> Iterator[list[EmbeddedEntry]]:
    for batch in batches:
        if chosen := [entry for entry in batch if entry.memory.id in ids]:
            yield chosen
