"""A Scope as the rows it means: a table and a condition, with the values bound.

The rows of now are those of `memories`; as of a moment, those states of both tables that began before it and had not
ended. Only what a scope sets becomes SQL; text from outside is never part of it. Tags are one `list_contains` each,
joined by OR or AND: measured, `list_has_any` costs five times as much.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET

from memory_core.engine.stores.duckdb.rows import to_timestamp
from memory_core.types import Scope, TagsMatch


class Condition(NamedTuple):
    """`sql` is what stands behind FROM, and can be followed by AND."""

    sql: str
    values: dict[str, Any]  # what DuckDB binds: texts, numbers, times


_EQUAL = ("memory_type", "client_id", "session_id")
_COMPARED = {
    "created_after": "created_at >= $created_after",
    "created_before": "created_at < $created_before",
    "min_certainty": "certainty_score >= $min_certainty",
    "min_quality": "quality_score >= $min_quality",
}
OF_PROJECTS = "($projects IS NULL OR coalesce(project_id, '') IN (SELECT unnest($projects::VARCHAR[])))"
# The states of one moment: at most one of each memory. Of projects as they are named now: what was kept under a name
# that means another one since is of that.
_STATES = """(
    SELECT known.* REPLACE (coalesce(meant.project_id, known.project_id) AS project_id) FROM (
        SELECT * FROM memories WHERE changed_at <= $as_of
        UNION ALL BY NAME
        SELECT * EXCLUDE (valid_to) FROM revisions WHERE changed_at <= $as_of AND valid_to > $as_of
    ) AS known LEFT JOIN project_aliases AS meant ON meant.alias = known.project_id
) AS states"""
_NOW = "memories"
_JOINED = {TagsMatch.ANY: " OR ", TagsMatch.ALL: " AND "}


def condition(scope: Scope, *, whole: bool = False) -> Condition:
    """What a row must fulfil to be in `scope`. The time span includes its beginning and excludes its end.

    `whole`: in the trash, superseded or neither.
    """
    clauses = ["true"] if whole else [*_lifecycle(scope)]
    values: dict[str, Any] = {} if scope.as_of is None else {"as_of": to_timestamp(scope.as_of)}
    if not scope.global_search and scope.project_id is not UNSET:
        clauses.append(_project(scope))
        if scope.project_id is not None:
            values["project_id"] = scope.project_id
    if scope.projects is not None:
        named = {f"project_{place}": project for place, project in enumerate(scope.projects)}
        clauses.append(f"coalesce(project_id, '') IN ({', '.join(f'${name}' for name in named)})" if named else "false")
        values |= named
    for name in _EQUAL:
        if (value := getattr(scope, name)) is not None:
            clauses.append(f"{name} = ${name}")
            values[name] = str(value)
    for name, clause in _COMPARED.items():
        if (value := getattr(scope, name)) is not None:
            clauses.append(clause)
            values[name] = to_timestamp(value) if name.startswith("created") else value
    if scope.tags:
        tags = {f"tag_{place}": tag for place, tag in enumerate(scope.tags)}
        clauses.append("(" + _JOINED[scope.tags_match].join(f"list_contains(tags, ${name})" for name in tags) + ")")
        values |= tags
    source = _NOW if scope.as_of is None else _STATES
    return Condition(f"{source} WHERE {' AND '.join(clauses)}", values)


def of_projects(projects: Sequence[str] | None) -> dict[str, list[str] | None]:
    """What `OF_PROJECTS` binds: null for all."""
    return {"projects": None if projects is None else list(projects)}


def containing(where: Condition, texts: Sequence[str]) -> Condition:
    """`where`, and all of `texts` in the content, whatever the case."""
    named = {f"text_{place}": text for place, text in enumerate(texts)}
    # No LIKE: % and _ of the user are letters like others.
    clauses = [f"contains(lower(content), lower(${name}))" for name in named]
    return Condition(" AND ".join([where.sql, *clauses]), where.values | named)


def _lifecycle(scope: Scope) -> Iterator[str]:
    """Whether in the trash, superseded or expired. Of what has expired by now, the sweep takes care."""
    if scope.as_of is None:
        yield "deleted_at IS NOT NULL" if scope.trashed else "deleted_at IS NULL"
    else:
        # A state that was brought here with its end, by an import, had not ended before that.
        in_trash = "(deleted_at <= $as_of OR expires_at <= $as_of)"
        yield in_trash if scope.trashed else f"coalesce(NOT {in_trash}, true)"
    if not (scope.include_superseded or scope.trashed):
        yield "superseded_by IS NULL"


def _project(scope: Scope) -> str:
    if scope.project_id is None:
        return "project_id IS NULL"
    return "(project_id = $project_id OR project_id IS NULL)" if scope.include_global else "project_id = $project_id"
