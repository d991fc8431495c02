"""Whether a changed store still holds all that the store before it held: told by SQL over both, in one connection.

Both are attached. What both have, tables and columns, must be equal, value for value; the checks that nothing else
makes, index against rows and vectors against rows, must find no more faults than before.
"""

from collections.abc import Collection

import duckdb

from memory_core.engine.stores.duckdb.database import Cursor

# Their rows may become more, and none may be lost or changed.
GROWING = ("schema_migrations", "notes")
COLUMNS = """
SELECT table_name, column_name FROM duckdb_columns()
WHERE database_name = $database AND NOT internal ORDER BY table_name, column_index
"""
LOST = "SELECT count(*) FROM (SELECT {columns} FROM {before}.{table} EXCEPT ALL SELECT {columns} FROM {after}.{table})"
# Of a memory each column is told by itself, bound to the id: so the sentence can name the column.
DIGEST = "SELECT count(*), {digests} FROM {database}.{table}"
# The postings of a state hold as many occurrences as its row says. Those of no state are left to `maintain`.
WRONG_IN_INDEX = """
SELECT count(DISTINCT kept.id)
FROM ({states}) AS kept
LEFT JOIN (
    SELECT doc, sum(tf) AS length
    FROM (SELECT doc, tf FROM {database}.postings UNION ALL SELECT doc, tf FROM {database}.postings_delta)
    GROUP BY doc
) AS indexed USING (doc)
WHERE coalesce(indexed.length, 0) <> kept.dl
"""
STATES = ("memories", "revisions")  # before schema 3, of the past nothing is kept
STATES_OF = "SELECT id, doc, dl FROM {database}.{table}"
# The next number of each: one that was given before would be another revision's.
SEQUENCES = """
SELECT sequence_name, coalesce(last_value + increment_by, start_value) FROM duckdb_sequences()
WHERE database_name = $database
"""
MODEL_KEYS = "SELECT key FROM {database}.models WHERE is_current"
# Neither with a vector nor waiting for one: search by meaning would never find it.
FORGOTTEN = """
SELECT count(*) FROM {database}.memories
WHERE deleted_at IS NULL
AND doc NOT IN (SELECT doc FROM {database}.vectors_{key})
AND doc NOT IN (SELECT doc FROM {database}.unembedded)
"""


def differences(cursor: Cursor, before: str, after: str, changed: Collection[str] = ()) -> list[str]:
    """What of the attached store `before` is not the same in `after`, in a few words each; empty if nothing.

    `changed` names what was meant to change: a table, or a column as `table.column`. Names are plain identifiers.
    """
    tables, tables_after = columns_of(cursor, before), columns_of(cursor, after)
    found: list[str] = []
    for table, columns in tables.items():
        if table in changed:
            continue
        if table not in tables_after:
            found.append(f"table {table} is gone")
            continue
        kept = [column for column in columns if f"{table}.{column}" not in changed]
        found += [f"{table}.{column} is gone" for column in kept if column not in tables_after[table]]
        common = [column for column in kept if column in tables_after[table]]
        if common:
            found += _in_table(cursor, before, after, table, common)
    return found + _gone_back(cursor, before, after) + _faults(cursor, before, after)


def read_through(cursor: Cursor, database: str) -> None:
    """Read every value there is. Raises duckdb.Error where the file is damaged anywhere."""
    for table, names in columns_of(cursor, database).items():
        _digests(cursor, database, table, [", ".join(names)])


def columns_of(cursor: Cursor, database: str) -> dict[str, list[str]]:
    """Of each table."""
    tables: dict[str, list[str]] = {}
    for table, column in cursor.execute(COLUMNS, {"database": database}).fetchall():
        tables.setdefault(table, []).append(column)
    return tables


def _in_table(cursor: Cursor, before: str, after: str, table: str, columns: list[str]) -> list[str]:
    if table in GROWING:
        lost = LOST.format(before=before, after=after, table=table, columns=", ".join(columns))
        count = cursor.execute(lost).fetchall()[0][0]
        return [f"{count} rows of {table} are gone"] if count else []
    parts = [f"id, {column}" for column in columns] if table == "memories" else [", ".join(columns)]
    names = [f"{table}.{column}" for column in columns] if table == "memories" else [table]
    count, *digests = _digests(cursor, before, table, parts)
    count_after, *digests_after = _digests(cursor, after, table, parts)
    if count != count_after:
        return [f"{table} has {count_after:,} rows in place of {count:,}"]
    pairs = zip(names, digests, digests_after, strict=True)
    return [f"{name} is not as it was" for name, digest, digest_after in pairs if digest != digest_after]


def _digests(cursor: Cursor, database: str, table: str, parts: list[str]) -> tuple[int, ...]:
    """How many rows, and for each of `parts`, which are columns, a number that their values give in any order."""
    sums = ", ".join(f"sum(hash({part}))" for part in parts)
    question = DIGEST.format(digests=sums, database=database, table=table)
    found: tuple[int, ...] = cursor.execute(question).fetchall()[0]
    return found


def _gone_back(cursor: Cursor, before: str, after: str) -> list[str]:
    was, now = (dict(cursor.execute(SEQUENCES, {"database": name}).fetchall()) for name in (before, after))
    return [f"sequence {name} gives numbers once more" for name, number in was.items() if now.get(name, 0) < number]


def _faults(cursor: Cursor, before: str, after: str) -> list[str]:
    found = []
    for what, count in (("the index does not fit", _wrong_in_index), ("there is neither vector nor wait", _forgotten)):
        more = count(cursor, after) - count(cursor, before)
        if more > 0:
            found.append(f"{what} for {more:,} memories")
    return found


def _wrong_in_index(cursor: Cursor, database: str) -> int:
    present = columns_of(cursor, database)
    states = " UNION ALL ".join(STATES_OF.format(database=database, table=name) for name in STATES if name in present)
    return int(cursor.execute(WRONG_IN_INDEX.format(database=database, states=states)).fetchall()[0][0])


def _forgotten(cursor: Cursor, database: str) -> int:
    keys = cursor.execute(MODEL_KEYS.format(database=database)).fetchall()
    return sum(int(cursor.execute(FORGOTTEN.format(database=database, key=key)).fetchall()[0][0]) for (key,) in keys)


def attach(cursor: Cursor, path: str, name: str, *, read_only: bool = True) -> None:
    mode = " (READ_ONLY)" if read_only else ""
    cursor.execute(f"ATTACH $path AS {name}{mode}", {"path": path}).fetchall()


def detach(cursor: duckdb.DuckDBPyConnection, name: str) -> None:
    cursor.execute(f"DETACH {name}").fetchall()
