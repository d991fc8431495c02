"""The product in a few verbs. The engine is one implementation, a client of a server another; callers cannot tell.

Every verb raises the errors of `memory_core.errors` and no others. An id may be given by any unique beginning of at
least four characters; AmbiguousIdError names the candidates, NotFoundError says there is none. Memories in the trash
are found by `list` with `trashed`, by `history`, `restore` and `undo`, and by nothing else. `by` says who makes a
change and why; with `By.request`, the same call again is done once and gives the same answer.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from memory_core.changes import (
    ANYONE,
    By,
    History,
    Kept,
    Review,
    ReviewQuery,
    Settled,
    Settlement,
    TrashQuery,
    TrashReport,
    UndoReport,
    UndoRequest,
)
from memory_core.projects import MoveQuery, MoveReport, NewAlias, ProjectInfo, ProjectList, ProjectMerge
from memory_core.types import (
    BackfillReport,
    Context,
    ContextQuery,
    EmbeddingStatus,
    ExportQuery,
    Health,
    ImportQuery,
    ImportReport,
    ListQuery,
    Memory,
    MemoryPage,
    MemoryPatch,
    ModelChoice,
    ModelList,
    NewMemory,
    PurgeQuery,
    PurgeReport,
    Scope,
    SearchQuery,
    SearchResult,
    Stats,
    Updated,
)

Progress = Callable[[int, int | None], None]
"""Called with how much is done and how much there is in all (null: not known)."""

WHOLE = ExportQuery()
AS_IT_IS = ImportQuery()


class Memories(Protocol):
    async def add(self, new: NewMemory, *, by: By = ANYONE) -> Kept:
        """Keep `new` durably: on disk when this returns. Its embedding may follow a moment later.

        An exact repeat of what its project has in that type is not kept twice, nor is a second of one `topic_key`:
        `Kept.outcome` says so. What is nearly the same is kept, linked and named in `Kept.alike`. Where secrets are
        left out, `Kept.redacted` tells of what kind they were; where they are refused, raises InvalidError.
        """
        ...

    async def get(self, memory_id: str) -> Memory: ...

    async def update(self, memory_id: str, patch: MemoryPatch, *, by: By = ANYONE) -> Updated:
        """Change the set fields of `patch`. An empty patch changes nothing, not even `updated_at`.

        Secrets as with `add`.
        """
        ...

    async def delete(self, memory_id: str, *, by: By = ANYONE) -> Memory:
        """Move to the trash; `restore` brings it back. Returns the memory as it lies there."""
        ...

    async def restore(self, memory_id: str, *, revision: int | None = None, by: By = ANYONE) -> Memory:
        """Bring back from the trash, or back to the state of that revision; which becomes another revision."""
        ...

    async def history(self, memory_id: str) -> History:
        """Every state of a memory, in the trash or not, the latest first, and what made it so."""
        ...

    async def undo(self, asked: UndoRequest, *, by: By = ANYONE) -> UndoReport:
        """Take back the last change of a memory, a whole batch, or the last change of the client of `by`.

        A merge, or a memory that superseded another, is taken back as a whole. Undoing that brings it back again.
        """
        ...

    async def review(self, query: ReviewQuery) -> Review:
        """Pairs that say nearly the same and wait for a decision, and memories that nobody has looked at in time."""
        ...

    async def settle(self, asked: Settlement, *, by: By = ANYONE) -> Settled:
        """Merge two memories, let one supersede the other, or say that both are right."""
        ...

    async def empty_trash(self, query: TrashQuery) -> TrashReport:
        """Remove for good what has lain in the trash so long; on a dry run only say what."""
        ...

    async def list(self, query: ListQuery) -> MemoryPage:
        """Newest first. Following `next_cursor` shows each memory once, whatever is added meanwhile."""
        ...

    async def search(self, query: SearchQuery) -> SearchResult: ...

    async def similar(self, memory_id: str, *, limit: int = 10) -> SearchResult:
        """Memories whose meaning is near that of this one, within its project, itself left out."""
        ...

    async def context(self, query: ContextQuery) -> Context: ...

    async def stats(self, scope: Scope) -> Stats: ...

    async def purge(self, query: PurgeQuery, *, by: By = ANYONE) -> PurgeReport:
        """Move every memory that fits to the trash, as one batch; on a dry run only say which."""
        ...

    async def projects(self) -> ProjectList:
        """Every project that has memories or aliases, with how many."""
        ...

    async def alias(self, new: NewAlias, *, by: By = ANYONE) -> ProjectInfo:
        """Whoever names `new.alias` means `new.project_id` from now on, in whatever is asked or kept.

        An alias of an alias is one of what that means. Raises ConflictError for a name that means another project, for
        one that has memories of its own, which are to be merged, and for one that would mean itself.
        """
        ...

    async def unalias(self, alias: str, *, by: By = ANYONE) -> ProjectInfo:
        """The name means itself again; what was kept under it stays in the project that it meant, which this returns.

        Raises NotFoundError for a name that is no alias.
        """
        ...

    async def merge_projects(self, asked: ProjectMerge, *, by: By = ANYONE) -> MoveReport:
        """Move all of one project to another, the trash too, as one batch; on a dry run only say what.

        `undo` of the batch brings them back, and takes the alias away that was made. Raises ConflictError where the
        source is an alias, unless the target is the project that has it: that one takes the name.
        """
        ...

    async def move(self, query: MoveQuery, *, by: By = ANYONE) -> MoveReport:
        """Give every memory that fits another project, as one batch; on a dry run only say which."""
        ...

    async def backfill(self) -> BackfillReport:
        """Try again at once to embed whatever has no vector, failures included; does not wait for the end of it."""
        ...

    async def models(self) -> ModelList:
        """The embedding models in use, on the way, kept, and on the server's machine."""
        ...

    async def use_model(self, choice: ModelChoice) -> EmbeddingStatus:
        """Let another model take over. Until it has vectors of everything, searches use the one before.

        Raises InvalidError where the choice names no embedder, ConflictError where the server's settings name one. A
        model that cannot be loaded is no error here: `EmbeddingStatus.next` says so.
        """
        ...

    async def health(self) -> Health: ...

    async def export_file(self, path: Path, query: ExportQuery = WHOLE, *, progress: Progress | None = None) -> int:
        """Write every memory, with the trash, past states and vectors, to one new file; how many there are.

        Raises ConflictError if `path` exists. The file appears whole or not at all.
        """
        ...

    async def import_file(
        self, path: Path, query: ImportQuery = AS_IT_IS, *, progress: Progress | None = None, by: By = ANYONE
    ) -> ImportReport:
        """Take in what `export_file` wrote, in either format, or a file of the founding project: its store or export.

        Nothing that is here is overwritten. Repeating it changes nothing. Raises InvalidError, before anything is
        taken, where part of the file is no memory.
        """
        ...
