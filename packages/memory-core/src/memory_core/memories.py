"""The product in a few verbs. The engine is one implementation, a client of a server another; callers cannot tell.

Every verb raises the errors of `memory_core.errors` and no others. An id may be given by any unique beginning of at
least four characters; AmbiguousIdError names the candidates, NotFoundError says there is none. Memories in the trash
are found by `list` with `trashed`, by `restore`, and by nothing else.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from memory_core.types import (
    BackfillReport,
    Context,
    ContextQuery,
    EmbeddingStatus,
    Health,
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
)

Progress = Callable[[int, int | None], None]
"""Called with how much is done and how much there is in all (null: not known)."""


class Memories(Protocol):
    async def add(self, new: NewMemory) -> Memory:
        """Keep `new` durably: on disk when this returns. Its embedding may follow a moment later."""
        ...

    async def get(self, memory_id: str) -> Memory: ...

    async def update(self, memory_id: str, patch: MemoryPatch) -> Memory:
        """Change the set fields of `patch`. An empty patch changes nothing, not even `updated_at`."""
        ...

    async def delete(self, memory_id: str) -> Memory:
        """Move to the trash; `restore` brings it back. Returns the memory as it lies there."""
        ...

    async def restore(self, memory_id: str) -> Memory: ...

    async def list(self, query: ListQuery) -> MemoryPage:
        """Newest first. Following `next_cursor` shows each memory once, whatever is added meanwhile."""
        ...

    async def search(self, query: SearchQuery) -> SearchResult: ...

    async def similar(self, memory_id: str, *, limit: int = 10) -> SearchResult:
        """Memories whose meaning is near that of this one, within its project, itself left out."""
        ...

    async def context(self, query: ContextQuery) -> Context: ...

    async def stats(self, scope: Scope) -> Stats: ...

    async def purge(self, query: PurgeQuery) -> PurgeReport:
        """Move every memory that fits to the trash, in one transaction; on a dry run only say which."""
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

    async def export_parquet(self, path: Path, *, progress: Progress | None = None) -> int:
        """Write every memory, the trash and all vectors included, to one new file; how many there are.

        Raises ConflictError if `path` exists. The file appears whole or not at all.
        """
        ...

    async def import_parquet(self, path: Path, *, progress: Progress | None = None) -> ImportReport:
        """Take in what `export_parquet` wrote. Repeating it changes nothing; nothing that is here is overwritten."""
        ...
