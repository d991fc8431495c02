"""Which projects those are, and what is said of the rest."""

from collections.abc import Iterable, Sequence
from typing import NoReturn, TypeVar

from msgspec import Struct, structs

from memory_core.changes import Revision
from memory_core.errors import ForbiddenError, NotFoundError
from memory_core.types import Memory, Scope

ScopeT = TypeVar("ScopeT", bound=Scope)


class Reach(Struct, frozen=True):
    """Names of projects, "" among them for memories of no project."""

    projects: tuple[str, ...]

    def holds(self, project_id: str | None) -> bool:
        return (project_id or "") in self.projects

    def check(self, project_id: str | None) -> None:
        """Raise ForbiddenError unless memories of that project can be kept."""
        if not self.holds(project_id):
            named = ", ".join(name or "no project" for name in self.projects)
            asked = f"project {project_id}" if project_id else "memories of no project"
            raise ForbiddenError(f"your key does not reach {asked}; it is limited to {named}")

    def narrowed(self, scope: ScopeT) -> ScopeT:
        if scope.projects is None:
            return structs.replace(scope, projects=self.projects)
        return structs.replace(scope, projects=tuple(name for name in scope.projects if name in self.projects))

    def held(self, memory: Memory) -> Memory:
        """Raise NotFoundError for a memory outside: nobody is told that it is there."""
        if not self.holds(memory.project_id):
            raise unknown(memory.id)
        return memory

    def within(self, memories: Iterable[Memory]) -> list[Memory]:
        return [memory for memory in memories if self.holds(memory.project_id)]

    def states(self, history: Iterable[Revision]) -> list[Revision]:
        return [one for one in history if self.holds(one.memory.project_id)]

    def named(self, projects: Sequence[str] | None) -> Sequence[str]:
        """Those of `projects` (null: all) that are within."""
        return self.projects if projects is None else [name for name in projects if name in self.projects]


def unknown(memory_id: str) -> NotFoundError:
    return NotFoundError(f"there is no memory {memory_id}")


def refuse() -> NoReturn:
    raise ForbiddenError("this is for keys of all projects, and yours is limited to some")
