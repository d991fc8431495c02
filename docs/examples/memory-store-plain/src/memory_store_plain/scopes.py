"""Which states a scope means: every filter there is, before anything is counted, ranked or cut."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import UNSET
from msgspec.structs import replace

from memory_core.types import Memory, Scope, TagsMatch
from memory_store_plain.kept import Kept, State


def within(kept: Kept, scope: Scope, *, whole: bool = False) -> list[State]:
    """`whole`: in the trash, superseded or neither."""
    moment = kept.memories.values() if scope.as_of is None else _as_of(kept, scope.as_of)
    return [state for state in moment if (whole or _stands(state.memory, scope)) and _fits(state.memory, scope)]


def is_here(memory: Memory) -> bool:
    return memory.deleted_at is None and memory.superseded_by is None


def of_projects(memory: Memory, projects: Sequence[str] | None) -> bool:
    return projects is None or (memory.project_id or "") in projects


def contains(memory: Memory, text: str | None) -> bool:
    return text is None or text.lower() in memory.content.lower()


def _as_of(kept: Kept, at: datetime) -> Iterator[State]:
    """At most one state of each memory; of projects as they are named now."""
    for memory_id in kept.memories:
        for state in kept.states(memory_id):
            if state.act.at <= at and (state.until is None or state.until > at):
                yield replace(state, memory=replace(state.memory, project_id=meant(kept, state.memory.project_id)))


def meant(kept: Kept, project_id: str | None) -> str | None:
    return None if project_id is None else kept.aliases.get(project_id, project_id)


def _stands(memory: Memory, scope: Scope) -> bool:
    """In the trash or not, as the scope wants it. As of a moment, what had expired by then was in the trash."""
    ends = (memory.deleted_at,) if scope.as_of is None else (memory.deleted_at, memory.expires_at)
    trashed = any(end is not None and (scope.as_of is None or end <= scope.as_of) for end in ends)
    return trashed if scope.trashed else not trashed and (scope.include_superseded or memory.superseded_by is None)


def _fits(memory: Memory, scope: Scope) -> bool:
    has = [tag in memory.tags for tag in scope.tags]
    return (
        (scope.global_search or scope.project_id is UNSET or _of_project(memory, scope))
        and of_projects(memory, scope.projects)
        and scope.memory_type in (None, memory.memory_type)
        and scope.client_id in (None, memory.client_id)
        and scope.session_id in (None, memory.session_id)
        and (not has or (any(has) if scope.tags_match is TagsMatch.ANY else all(has)))
        and (scope.created_after is None or memory.created_at >= scope.created_after)
        and (scope.created_before is None or memory.created_at < scope.created_before)
        and memory.certainty_score >= (scope.min_certainty or 0)
        and memory.quality_score >= (scope.min_quality or 0)
    )


def _of_project(memory: Memory, scope: Scope) -> bool:
    return memory.project_id == scope.project_id or (scope.include_global and memory.project_id is None)
