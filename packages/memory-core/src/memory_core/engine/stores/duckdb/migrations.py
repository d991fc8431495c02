"""The schema as a list of migrations that is only ever appended to, and how a file is brought to the newest.

Each migration is one transaction together with the line in `schema_migrations` that says so: a failure or a crash in
the middle leaves the version before. `upgrade` has the files: it applies them to a copy.
"""

import contextlib
import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from msgspec import Struct

from memory_core import system
from memory_core.engine.stores.duckdb.schema import SCHEMA_1, SCHEMA_2, SCHEMA_3, SCHEMA_4
from memory_core.errors import UnavailableError
from memory_core.files import first_line


class FoundingStoreError(UnavailableError):
    """The file is a store of claude-local-memory-server, which lies where this program keeps its own."""


class Migration(Struct, frozen=True, kw_only=True):
    """`changes` names what it means to change of what is there, a table or `table.column`: all else must stay equal."""

    version: int
    name: str
    statements: Sequence[str]
    changes: Collection[str] = ()

    @property
    def checksum(self) -> str:
        return hashlib.sha256("\n".join([self.name, *self.statements]).encode()).hexdigest()


MIGRATIONS = (
    Migration(version=1, name="memories, postings and models", statements=SCHEMA_1),
    Migration(version=2, name="models that follow one another, notes", statements=SCHEMA_2),
    Migration(version=3, name="revisions, links between memories, answers to requests", statements=SCHEMA_3),
    Migration(version=4, name="other names of projects", statements=SCHEMA_4),
)

HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version INTEGER PRIMARY KEY, name VARCHAR NOT NULL, checksum VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL
)
"""
TABLES = "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal"
APPLIED = "SELECT version, name, checksum FROM schema_migrations ORDER BY version"
RECORD = "INSERT INTO schema_migrations VALUES ($version, $name, $checksum, $applied_at)"


def unapplied(connection: duckdb.DuckDBPyConnection, migrations: Sequence[Migration], path: Path) -> list[Migration]:
    """What the file still lacks. Raises UnavailableError where it is not ours, newer than we are, or was changed."""
    tables = {row[0] for row in connection.execute(TABLES).fetchall()}
    if not tables:
        return list(migrations)
    if "schema_migrations" not in tables:
        raise _not_ours(path, tables)
    applied = connection.execute(APPLIED).fetchall()
    known = {migration.version: migration for migration in migrations}
    for version, name, checksum in applied:
        if version not in known:
            raise UnavailableError(
                f"{path} has schema version {version}, newer than this program knows ({max(known)}); "
                "upgrade the program, the file is unchanged"
            )
        if known[version].checksum != checksum:
            raise UnavailableError(
                f"{path} was made with another form of schema version {version} ({name}); "
                "use the program that made it, the file is unchanged"
            )
    done = {version for version, _, _ in applied}
    return [migration for migration in migrations if migration.version not in done]


def _not_ours(path: Path, tables: set[str]) -> UnavailableError:
    if "memories" in tables:
        return FoundingStoreError(
            f"{path} is a store of the older claude-local-memory-server; it is unchanged: start memory-server on its "
            "folder, which takes it over, or import it with `claude-memory import`"
        )
    return UnavailableError(
        f"{path} is a DuckDB file of another program; it is unchanged: choose another data directory"
    )


def apply(connection: duckdb.DuckDBPyConnection, missing: Sequence[Migration], path: Path) -> None:
    """Apply `missing`, in order, to the database that `connection` uses. Raises UnavailableError about `path`."""
    for migration in missing:
        _apply(connection, migration, path)


def _apply(connection: duckdb.DuckDBPyConnection, migration: Migration, path: Path) -> None:
    connection.begin()
    try:
        connection.execute(HISTORY).fetchall()
        for statement in migration.statements:
            connection.execute(statement).fetchall()
        line = {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
        connection.execute(RECORD, line | {"applied_at": datetime.now(UTC).replace(tzinfo=None)}).fetchall()
        connection.commit()
    except duckdb.Error as error:
        with contextlib.suppress(duckdb.Error):  # some errors have rolled back already
            connection.rollback()
        if system.says_full(str(error)):
            why = f"{path} cannot be opened because the disk is full; make room and start again"
            raise UnavailableError(why) from error
        raise failed(path, migration.version, first_line(error)) from error


def failed(path: Path, version: int, why: str) -> UnavailableError:
    return UnavailableError(
        f"{path} could not be brought to schema version {version}: {why}; it is unchanged: "
        "use the program from before, and report this"
    )
