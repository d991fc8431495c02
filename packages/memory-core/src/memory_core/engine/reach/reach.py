"""Which projects those are, and what is said of the rest."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn, TypeVar

from msgspec import Struct, structs

from memory_core.changes import Revision
from memory_core.engine.names import Names
from memory_core.engine.selections import Selection
from memory_core.errors import ForbiddenError, NotFoundError
from memory_core.types import Memory, Scope

ScopeT = TypeVar("ScopeT", bound=Scope)


class Reach(Struct, frozen=True):
    """`given` are names of projects, "" among them for memories of no project. Each means what it means by now."""

    given: tuple[str, ...]
    names: Names

    @property
    def projects(self) -> tuple[str, ...]:
        return self.names.all(self.given)

    def holds(self, project_id: str | None) -> bool:
        return (self.names.meant(project_id) or "") in self.projects

    def check(self, project_id: str | None) -> None:
        """Raise ForbiddenError unless memories of that project can be kept."""
        if not self.holds(project_id):
            named = ", ".join(name or "no project" for name in self.given)
            asked = f"project {project_id}" if project_id else "memories of no project"
            raise ForbiddenError(f"your key does not reach {asked}; it is limited to {named}")

    def narrowed(self, scope: ScopeT) -> ScopeT:
        return structs.replace(scope, projects=tuple(self.named(scope.projects)))

    def selected(self, selection: Selection) -> Selection:
        """What of it is within. Raises ForbiddenError where it is to go elsewhere."""
        self.check(selection.to)
        return structs.replace(selection, scope=self.narrowed(selection.scope))

    def aliases(self, known: Mapping[str, str]) -> Mapping[str, str]:
        """Of projects within."""
        return {alias: project for alias, project in known.items() if self.holds(project)}

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
        held = self.projects
        return held if projects is None else [name for name in self.names.all(projects) if name in held]


def unknown(memory_id: str) -> NotFoundError:
    return NotFoundError(f"there is no memory {memory_id}")


def refuse() -> NoReturn:
    raise ForbiddenError("this is for keys of all projects, and yours is limited to some")
