"""Projects: how much there is of each, which names mean another one, and what moves between them."""

from collections.abc import Mapping, Sequence
from typing import Any

from memory_core.engine.ports import Act
from memory_core.engine.selections import AliasChange, KeptProject, Movable, Selection
from memory_core.engine.stores.duckdb.database import Cursor
from memory_core.engine.stores.duckdb.rows import COLUMNS, from_timestamp, memory_of
from memory_core.engine.stores.duckdb.scope import Condition, condition, containing
from memory_core.engine.stores.duckdb.writes import acted

PROJECTS = """
SELECT project_id, count(*) FILTER (deleted_at IS NULL AND superseded_by IS NULL),
    max(updated_at) FILTER (deleted_at IS NULL)
FROM memories WHERE project_id IS NOT NULL GROUP BY project_id ORDER BY project_id
"""
ALIASES = "SELECT alias, project_id FROM project_aliases ORDER BY alias"
CHANGES = "SELECT alias, before, after FROM alias_changes WHERE batch_id = $batch_id ORDER BY alias"
_GIVEN = "(SELECT unnest($aliases::VARCHAR[]) AS alias, unnest($projects::VARCHAR[]) AS project_id) AS given"
NOTE_CHANGES = f"""
INSERT INTO alias_changes
SELECT $batch_id, given.alias, known.project_id, given.project_id, $changed_at, $action, $by_key, $by_client, $reason
FROM {_GIVEN} LEFT JOIN project_aliases AS known USING (alias)
"""
FORGET = "DELETE FROM project_aliases WHERE alias IN (SELECT unnest($aliases::VARCHAR[]))"
NAME = f"""
INSERT OR REPLACE INTO project_aliases SELECT given.alias, given.project_id, $changed_at, $batch_id FROM {_GIVEN}
"""
COUNT = "SELECT count(*), count(deleted_at) FROM {scope}"
SAMPLE = f"SELECT {COLUMNS} FROM {{scope}} ORDER BY created_at DESC, id DESC LIMIT $limit"
# Of the topics of what moves, those that more than one memory of the other project would have.
CLASHES = """
SELECT count(*) FROM (
    SELECT topic_key FROM (
        SELECT topic_key, id IN (SELECT id FROM {scope}) AS moves, project_id FROM memories
        WHERE topic_key IS NOT NULL AND deleted_at IS NULL AND superseded_by IS NULL
    ) WHERE moves OR project_id IS NOT DISTINCT FROM $moved_to
    GROUP BY topic_key HAVING count(*) > 1 AND bool_or(moves)
)
"""


def projects(cursor: Cursor) -> list[KeptProject]:
    return [
        KeptProject(project_id=name, memories=count, updated_at=None if at is None else from_timestamp(at))
        for name, count, at in cursor.execute(PROJECTS).fetchall()
    ]


def aliases(cursor: Cursor) -> dict[str, str]:
    return dict(cursor.execute(ALIASES).fetchall())


def named_by(cursor: Cursor, batch_id: str) -> list[AliasChange]:
    rows = cursor.execute(CHANGES, {"batch_id": batch_id}).fetchall()
    return [AliasChange(alias=alias, before=before, after=after) for alias, before, after in rows]


def name(cursor: Cursor, meanings: Mapping[str, str | None], act: Act) -> None:
    """From now on each alias means that project; null: itself."""
    done = acted(act)
    cursor.execute(NOTE_CHANGES, _given(meanings) | done).fetchall()
    cursor.execute(FORGET, {"aliases": [alias for alias, project in meanings.items() if project is None]}).fetchall()
    named = {alias: project for alias, project in meanings.items() if project is not None}
    made = {name: done[name] for name in ("changed_at", "batch_id")}
    cursor.execute(NAME, _given(named) | made).fetchall()


def chosen(selection: Selection) -> Condition:
    """The memories that `selection` means and that are elsewhere yet."""
    where = condition(selection.scope, whole=selection.whole)
    if selection.content_contains is not None:
        where = containing(where, [selection.content_contains])
    sql, values = f"{where.sql} AND project_id IS DISTINCT FROM $moved_to", where.values | {"moved_to": selection.to}
    if selection.memory_ids is not None:
        sql, values = f"{sql} AND id IN (SELECT unnest($ids::VARCHAR[]))", values | {"ids": list(selection.memory_ids)}
    return Condition(sql, values)


def movable(cursor: Cursor, selection: Selection, *, sample: int) -> Movable:
    where = chosen(selection)
    matched, in_trash = _one(cursor, COUNT, where)
    (clashes,) = _one(cursor, CLASHES, where)
    first = cursor.execute(SAMPLE.format(scope=where.sql), where.values | {"limit": sample}).fetchall()
    return Movable(matched=matched, in_trash=in_trash, clashes=clashes, sample=tuple(map(memory_of, first)))


def _given(meanings: Mapping[str, str | None]) -> dict[str, Sequence[str | None]]:
    return {"aliases": list(meanings), "projects": list(meanings.values())}


def _one(cursor: Cursor, question: str, where: Condition) -> tuple[Any, ...]:  # numbers, as DuckDB gives them
    found: tuple[Any, ...] = cursor.execute(question.format(scope=where.sql), where.values).fetchall()[0]
    return found
