"""A store written to a folder: each table as Parquet, the schema as SQL, all of one moment.

The files have the names and the form of DuckDB's own EXPORT DATABASE, so that `IMPORT DATABASE` of a plain duckdb reads
them, too. Its own EXPORT is not used: it names files by its own rules, and says nothing of what is in them.
"""

from pathlib import Path

import duckdb

from memory_core.engine.backups.manifest import BackupTable, Contents
from memory_core.engine.backups.ports import GoOn
from memory_core.engine.stores.duckdb.database import TOUCH, Cursor
from memory_core.engine.stores.duckdb.trouble import is_full
from memory_core.errors import StorageFullError

KIND = "duckdb"
SCHEMA, LOAD = "schema.sql", "load.sql"

TABLES = """
SELECT table_name, sql FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal AND NOT temporary ORDER BY table_name
"""
# Numbers of a sequence that went to transactions of later are left out in the copy: no number is ever given twice.
SEQUENCES = "SELECT sql FROM duckdb_sequences() WHERE database_name = current_database() ORDER BY sequence_name"
COPY = "COPY {table} TO $path (FORMAT parquet, COMPRESSION zstd)"
# Of the rows, whatever their order. DuckDB's hash takes a hundredth of the time of a cryptographic one; it is to find
# what went wrong, not what somebody wants to hide.
DIGEST = "SELECT count(*), coalesce(sum(hash(entry)::HUGEINT), 0)::VARCHAR FROM {table} AS entry"
# Another DuckDB may hash otherwise: then this is another number.
DIGEST_KIND = """
SELECT hash(entry)::VARCHAR FROM (
    SELECT 'text', ['a', 'b'], 1::BIGINT, 2::UINTEGER, 3::UBIGINT, 4::USMALLINT, 5::INTEGER, true, 0.1::DOUBLE,
        TIMESTAMP '2026-01-02 03:04:05.678901', 'blob'::BLOB, [0.1, -0.2, 0.3]::FLOAT[3], NULL::VARCHAR
) AS entry
"""
VERSION = "SELECT max(version) FROM schema_migrations"


def dump(cursor: Cursor, folder: Path, store_bytes: int, go_on: GoOn) -> Contents:
    """Within the transaction of `cursor`, which sees one moment however long it takes."""
    cursor.execute(TOUCH).fetchall()
    tables = cursor.execute(TABLES).fetchall()
    statements = [row[0] for row in cursor.execute(SEQUENCES).fetchall()] + [sql for _, sql in tables]
    names = {name: file_name(name, place) for place, (name, _) in enumerate(tables)}
    written = []
    try:
        for name, file in names.items():
            go_on()
            cursor.execute(COPY.format(table=quoted(name)), {"path": str(folder / file)}).fetchall()
            rows, digest = digest_of(cursor, name)
            written.append(BackupTable(name=name, file=file, rows=rows, digest=digest))
    except duckdb.Error as error:
        if is_full(error):
            raise StorageFullError(
                f"the disk of {folder.parent} is full; make room, and make the backup again"
            ) from error
        raise
    (folder / SCHEMA).write_text("".join(f"{sql}\n" for sql in statements), encoding="utf-8")
    loading = [f"COPY {quoted(name)} FROM '{file}' (FORMAT parquet);\n" for name, file in names.items()]
    (folder / LOAD).write_text("".join(loading), encoding="utf-8")
    return Contents(
        kind=KIND,
        schema_version=int(cursor.execute(VERSION).fetchall()[0][0]),
        memories=next(table.rows for table in written if table.name == "memories"),
        store_bytes=store_bytes,
        files=(*names.values(), SCHEMA, LOAD),
        tables=tuple(written),
        digest_kind=digest_kind(cursor),
    )


def digest_of(cursor: Cursor, table: str) -> tuple[int, str]:
    """How many rows there are, and their digest."""
    rows, digest = cursor.execute(DIGEST.format(table=quoted(table))).fetchall()[0]
    return int(rows), str(digest)


def digest_kind(cursor: Cursor) -> str:
    return f"duckdb-hash-sum {cursor.execute(DIGEST_KIND).fetchall()[0][0]}"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def file_name(table: str, place: int) -> str:
    """The table's name where a file can have it: somebody may have made tables of his own."""
    plain = table.isascii() and table.replace("_", "").isalnum()
    return f"{table if plain else f'table-{place}'}.parquet"
