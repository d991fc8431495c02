"""The product as far as a key reaches that is limited to some projects: the same verbs, over what `rows` lets see."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

from msgspec import UNSET, structs

from memory_core.changes import ANYONE, By, Kept, Review, ReviewQuery, TrashQuery, TrashReport
from memory_core.engine.asking import Asking
from memory_core.engine.ports import Rows
from memory_core.engine.reach.reach import Reach, refuse
from memory_core.engine.searching import Searcher
from memory_core.engine.transfer import Files, Incoming
from memory_core.engine.writing import Means, ScopeT
from memory_core.projects import MoveQuery, MoveReport, NewAlias, ProjectInfo, ProjectMerge
from memory_core.types import (
    BackfillReport,
    EmbeddingStatus,
    Health,
    ImportQuery,
    MemoryPatch,
    ModelChoice,
    ModelList,
    NewMemory,
    Scope,
    Updated,
)


class Reached(Asking):
    """`store` is reached too. What concerns the whole store raises ForbiddenError."""

    def __init__(
        self, store: Rows, means: Means, files: Files, searcher: Searcher, *, reach: Reach, patience_s: float
    ) -> None:
        super().__init__(store, means, files, searcher, patience_s=patience_s)
        self._reach = reach

    async def add(self, new: NewMemory, *, by: By = ANYONE) -> Kept:
        """Where the key reaches one project, that is the one of a memory that names none."""
        if new.project_id is UNSET and len(self._reach.projects) == 1:
            new = structs.replace(new, project_id=self._reach.projects[0] or None)
        self._reach.check(None if new.project_id is UNSET else new.project_id)
        return await super().add(new, by=by)

    async def _incoming(
        self, path: Path, query: ImportQuery, remark: Callable[[str], None] = lambda _: None
    ) -> AsyncIterator[Incoming]:
        """Read twice, so that nothing is taken of a file that holds something else."""
        async for batch in super()._incoming(path, query, remark):
            for entry in batch.entries:
                for memory in (entry.memory, *(one.memory for one in entry.history)):
                    self._reach.check(memory.project_id)
            yield batch

    def _named(self, scope: ScopeT, /) -> ScopeT:
        """Raises ForbiddenError for a project outside: an empty answer would send people to look elsewhere.

        What a name means that is outside, is not said: so it stays as it is.
        """
        if scope.project_id is UNSET or scope.global_search or self._reach.holds(scope.project_id):
            return super()._named(scope)
        if not (scope.include_global and self._reach.holds(None)):
            self._reach.check(scope.project_id)
        return scope

    async def update(self, memory_id: str, patch: MemoryPatch, *, by: By = ANYONE) -> Updated:
        if patch.project_id is not UNSET:
            self._reach.check(patch.project_id)
        return await super().update(memory_id, patch, by=by)

    async def move(self, query: MoveQuery, *, by: By = ANYONE) -> MoveReport:
        self._reach.check(query.to)
        return await super().move(query, by=by)

    async def review(self, query: ReviewQuery) -> Review:
        if isinstance(query.project_id, str):
            self._reach.check(query.project_id)
        return await super().review(query)

    def _standing(self) -> EmbeddingStatus:
        return self._told(super()._standing())

    async def _status(self) -> EmbeddingStatus:
        status = await super()._status()
        return await self._threads.read(self._told, status)

    def _told(self, status: EmbeddingStatus) -> EmbeddingStatus:
        """How many memories wait for a vector, of those within."""
        waiting = 0
        if status.pending:
            counts = self._store.counts(Scope())
            waiting = counts.total - counts.with_vectors
        following = None if status.next is None else structs.replace(status.next, pending=0, failed=0)
        return structs.replace(status, pending=waiting, failed=0, next=following)

    async def empty_trash(self, query: TrashQuery) -> TrashReport:  # noqa: ARG002 - refused, whatever is asked
        refuse()

    async def alias(self, new: NewAlias, *, by: By = ANYONE) -> ProjectInfo:  # noqa: ARG002 - as above
        refuse()

    async def unalias(self, alias: str, *, by: By = ANYONE) -> ProjectInfo:  # noqa: ARG002 - as above
        refuse()

    async def merge_projects(self, asked: ProjectMerge, *, by: By = ANYONE) -> MoveReport:  # noqa: ARG002 - as above
        refuse()

    async def backfill(self) -> BackfillReport:
        refuse()

    async def models(self) -> ModelList:
        refuse()

    async def use_model(self, choice: ModelChoice) -> EmbeddingStatus:  # noqa: ARG002 - refused, whatever is asked
        refuse()

    async def health(self) -> Health:
        refuse()
