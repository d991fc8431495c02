"""Which project a name means: other names of projects, and short ones for people. Pure.

A name is never one of a chain: what it means has no other meaning. So one look says it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from msgspec import UNSET, structs

from memory_core.engine.selections import KeptProject
from memory_core.errors import ConflictError
from memory_core.projects import ProjectInfo, ProjectList
from memory_core.types import Memory, MemoryPatch, Scope

ScopeT = TypeVar("ScopeT", bound=Scope)
Meanings = Mapping[str, str]
"""Alias → project."""

MAX_ALIASES = 10_000


class Names:
    """Every question and every write asks, so they are in memory: as of the last change, which the writer tells."""

    def __init__(self, known: Meanings) -> None:
        self.known = known

    def meant(self, project_id: str | None) -> str | None:
        return None if project_id is None else self.known.get(project_id, project_id)

    def scope(self, scope: ScopeT) -> ScopeT:
        """The same with the names of the projects that it means."""
        if not self.known:
            return scope
        project_id = scope.project_id if scope.project_id is UNSET else self.meant(scope.project_id)
        projects = None if scope.projects is None else self.all(scope.projects)
        if project_id == scope.project_id and projects == scope.projects:
            return scope
        return structs.replace(scope, project_id=project_id, projects=projects)

    def all(self, projects: Iterable[str]) -> tuple[str, ...]:
        """Each once. "" among them stands for no project."""
        return tuple(dict.fromkeys(self.known.get(name, name) for name in projects))

    def called(self, projects: Iterable[str]) -> tuple[str, ...]:
        """All names of these: what was written down elsewhere may have any of them."""
        meant = self.all(projects)
        return (*meant, *(alias for alias, project in self.known.items() if project in meant))

    def patch(self, patch: MemoryPatch) -> MemoryPatch:
        meant = patch.project_id if patch.project_id is UNSET else self.meant(patch.project_id)
        return patch if meant == patch.project_id else structs.replace(patch, project_id=meant)

    def memory(self, memory: Memory) -> Memory:
        meant = self.meant(memory.project_id)
        return memory if meant == memory.project_id else structs.replace(memory, project_id=meant)


def straight(known: Meanings) -> dict[str, str]:
    """Each name with what it means in the end. Raises ConflictError where that is itself."""
    found: dict[str, str] = {}
    for alias in known:
        project, passed = known[alias], {alias}
        while project in known:
            if project in passed:
                raise ConflictError(f"{alias} and {project} would each mean the other; take one of them away first")
            passed.add(project)
            project = known[project]
        found[alias] = project
    return found


def changed(before: Meanings, after: Meanings) -> dict[str, str | None]:
    """What is to be said to come from one to the other, chains made straight. Raises ConflictError as `straight`."""
    wanted = straight(after)
    if len(wanted) > MAX_ALIASES:
        raise ConflictError(f"there would be {len(wanted):,} other names of projects; at most {MAX_ALIASES:,} fit")
    gone: dict[str, str | None] = dict.fromkeys(before.keys() - wanted.keys())
    return gone | {alias: project for alias, project in wanted.items() if before.get(alias) != project}


def listed(kept: Iterable[KeptProject], known: Meanings) -> ProjectList:
    """Projects that have memories or other names, with a short name for each."""
    aliases: dict[str, list[str]] = {}
    for alias, project in known.items():
        aliases.setdefault(project, []).append(alias)
    found = {each.project_id: each for each in kept}
    bare = {name: KeptProject(project_id=name, memories=0, updated_at=None) for name in aliases}
    every = bare | found
    short = short_names(every)
    projects = [
        ProjectInfo(
            project_id=each.project_id,
            name=short[each.project_id],
            memories=each.memories,
            updated_at=each.updated_at,
            aliases=tuple(sorted(aliases.get(each.project_id, ()))),
        )
        for each in every.values()
    ]
    projects.sort(key=lambda each: (each.name.casefold(), each.project_id))
    return ProjectList(projects=tuple(projects), count=len(projects))


def short_names(projects: Collection[str]) -> dict[str, str]:
    """Of each, the last part of its path; with the part before it where another would be the same; else all of it.

    What is all of another project's id would be taken for that one, so it is not given.
    """
    names: dict[str, str] = {}
    for length in (1, 2):
        ends = {project: _end(project, length) for project in projects}
        used = Counter(ends.values())  # also by those that have a shorter name: it must not be in doubt
        for project, end in ends.items():
            if used[end] == 1 and (end == project or end not in ends):
                names.setdefault(project, end)
    return {project: names.get(project, project) for project in projects}


def _end(project: str, length: int) -> str:
    return "/".join([part for part in project.split("/") if part][-length:]) or project
