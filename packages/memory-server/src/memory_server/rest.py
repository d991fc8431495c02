"""The REST routes: decode, call the service, encode. Each is one row, which FastAPI and the document are told of.

msgspec decodes and encodes: FastAPI's own way through pydantic answers half a surrogate pair, or NaN, with a 500.
"""

from collections.abc import Callable
from typing import Annotated, Any

import fastapi
from fastapi import Request, Response
from msgspec import UNSET, Struct, structs

from memory_core.changes import (
    History,
    Kept,
    Outcome,
    Review,
    ReviewQuery,
    Settled,
    Settlement,
    TrashQuery,
    TrashReport,
    UndoReport,
    UndoRequest,
)
from memory_core.memories import Memories
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
from memory_server import transfers
from memory_server.access import Level, Principal
from memory_server.auth import caller_of
from memory_server.claims import ScopeT, claimed, scoped
from memory_server.decoding import read_query, read_struct
from memory_server.health import for_anyone
from memory_server.routes import MemoryFile, Route, encoded
from memory_server.settings import ServerSettings

MemoryId = Annotated[str, fastapi.Path(description="An id, or its unique beginning of at least four characters")]


class Deleted(Struct, frozen=True, kw_only=True):
    deleted: str
    memory: Memory


class Restored(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`revision` is the number of the state to go back to; without it, the memory comes out of the trash."""

    revision: int | None = None


class Limit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: int = 10


class Upload(ImportQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many bytes at the end of the body are the write-ahead log that lay beside a DuckDB file."""

    log_bytes: int = 0


class Rest:
    """`memories` is the product as far as the key of a request reaches; `service` is all of it."""

    def __init__(
        self,
        service: Memories,
        settings: ServerSettings,
        *,
        memories: Callable[[Request], Memories],
        instance: str | None,
    ) -> None:
        self._service = service
        self._memories = memories
        self._settings = settings
        self._instance = instance

    def routes(self) -> list[Route]:
        one = "/memories/{memory_id}"
        missing = (404, 409)
        return [
            Route(method="GET", path="/health", needs=Level.OPEN, summary="Whether the server works",
                  handler=self.health, tag="server", returns=Health),
            Route(method="POST", path="/memories", needs=Level.WRITE, summary="Keep a memory", handler=self.add,
                  body=NewMemory, returns=Kept, status=201, or_status=200, changes=True, errors=(404, 409, 507)),
            Route(method="GET", path="/memories", needs=Level.READ, summary="List memories, newest first",
                  handler=self.list, query=ListQuery, returns=MemoryPage),
            Route(method="POST", path="/memories/search", needs=Level.READ, summary="Find memories by meaning or words",
                  handler=self.search, body=SearchQuery, returns=SearchResult),
            Route(method="POST", path="/memories/purge", needs=Level.WRITE,
                  summary="Move all that fit to the trash; a dry run by default", handler=self.purge, tag="upkeep",
                  body=PurgeQuery, returns=PurgeReport, changes=True, errors=(507,), audited=True),
            Route(method="GET", path=one, needs=Level.READ, summary="One memory", handler=self.get, returns=Memory,
                  errors=missing),
            Route(method="PATCH", path=one, needs=Level.WRITE, summary="Change fields of a memory", handler=self.update,
                  body=MemoryPatch, returns=Updated, changes=True, errors=(*missing, 507)),
            Route(method="DELETE", path=one, needs=Level.WRITE, summary="Move a memory to the trash",
                  handler=self.delete, returns=Deleted, changes=True, errors=(*missing, 507)),
            Route(method="POST", path=one + "/restore", needs=Level.WRITE,
                  summary="Bring a memory back from the trash, or to a revision", handler=self.restore, query=Restored,
                  returns=Memory, changes=True, errors=(*missing, 507)),
            Route(method="GET", path=one + "/history", needs=Level.READ,
                  summary="Every state of a memory, and what made it so", handler=self.history, returns=History,
                  errors=missing),
            Route(method="POST", path="/undo", needs=Level.WRITE, summary="Take back a change, or all of a batch",
                  handler=self.undo, body=UndoRequest, returns=UndoReport, changes=True, errors=(*missing, 507),
                  audited=True),
            Route(method="GET", path="/review", needs=Level.READ,
                  summary="What says nearly the same, and what nobody has looked at", handler=self.review,
                  query=ReviewQuery, returns=Review),
            Route(method="POST", path="/review/settle", needs=Level.WRITE,
                  summary="Merge two memories, supersede one, or keep both", handler=self.settle, body=Settlement,
                  returns=Settled, changes=True, errors=(*missing, 507), audited=True),
            Route(method="POST", path="/trash/empty", needs=Level.ADMIN,
                  summary="Remove for good what lies in the trash; a dry run first", handler=self.empty_trash,
                  tag="upkeep", body=TrashQuery, returns=TrashReport, errors=(507,)),
            Route(method="GET", path=one + "/similar", needs=Level.READ,
                  summary="Memories whose meaning is near this one's", handler=self.similar, query=Limit,
                  returns=SearchResult, errors=(*missing, 503)),
            Route(method="GET", path="/stats", needs=Level.READ, summary="Counts of a scope", handler=self.stats,
                  tag="server", query=Scope, returns=Stats),
            Route(method="GET", path="/context", needs=Level.READ, summary="The memories that open a session",
                  handler=self.context, query=ContextQuery, returns=Context),
            Route(method="POST", path="/embeddings/backfill", needs=Level.ADMIN,
                  summary="Try again to embed what has no vector", handler=self.backfill, tag="upkeep",
                  returns=BackfillReport),
            Route(method="GET", path="/models", needs=Level.READ, whole=True,
                  summary="The embedding models in use, on the way and at hand", handler=self.models, tag="upkeep",
                  returns=ModelList),
            Route(method="POST", path="/models/use", needs=Level.ADMIN, summary="Let another embedding model take over",
                  handler=self.use_model, tag="upkeep", body=ModelChoice, returns=EmbeddingStatus, status=202,
                  errors=(409, 507)),
            Route(method="GET", path="/export", needs=Level.READ,
                  summary="Every memory with its past and its vectors, as a file", handler=self.export, tag="upkeep",
                  query=ExportQuery, returns=MemoryFile, audited=True),
            Route(method="POST", path="/import", needs=Level.WRITE,
                  summary="Take in an export, or claude-local-memory-server's store", handler=self.import_,
                  tag="upkeep", body=MemoryFile, query=Upload, returns=ImportReport, changes=True, errors=(507,),
                  audited=True),
        ]  # fmt: skip

    async def health(self, request: Request) -> Response:
        health = await self._service.health()
        principal: Principal = request.state.principal
        answer = encoded(health if principal.sees_all else for_anyone(health))
        if self._instance is not None:
            # A client that kept an address can tell a port that now belongs to another server.
            answer.headers["x-memory-instance"] = self._instance
        return answer

    async def add(self, request: Request) -> Response:
        caller = caller_of(request)
        new = claimed(await self._body(request, NewMemory), caller.claims)
        kept = await self._memories(request).add(new, by=caller.by)
        return encoded(kept, status=201 if kept.outcome is Outcome.CREATED else 200)

    async def list(self, request: Request) -> Response:
        return encoded(await self._memories(request).list(self._scope(request, ListQuery)))

    async def search(self, request: Request) -> Response:
        query = await self._body(request, SearchQuery)
        return encoded(await self._memories(request).search(scoped(query, caller_of(request).claims)))

    async def purge(self, request: Request) -> Response:
        query = await self._body(request, PurgeQuery)
        caller = caller_of(request)
        return encoded(await self._memories(request).purge(scoped(query, caller.claims), by=caller.by))

    async def get(self, memory_id: MemoryId, request: Request) -> Response:
        return encoded(await self._memories(request).get(memory_id))

    async def update(self, memory_id: MemoryId, request: Request) -> Response:
        patch = await self._body(request, MemoryPatch)
        return encoded(await self._memories(request).update(memory_id, patch, by=caller_of(request).by))

    async def delete(self, memory_id: MemoryId, request: Request) -> Response:
        memory = await self._memories(request).delete(memory_id, by=caller_of(request).by)
        return encoded(Deleted(deleted=memory.id, memory=memory))

    async def restore(self, memory_id: MemoryId, request: Request) -> Response:
        revision = read_query(request, Restored).revision
        return encoded(await self._memories(request).restore(memory_id, revision=revision, by=caller_of(request).by))

    async def history(self, memory_id: MemoryId, request: Request) -> Response:
        return encoded(await self._memories(request).history(memory_id))

    async def undo(self, request: Request) -> Response:
        return encoded(
            await self._memories(request).undo(await self._body(request, UndoRequest), by=caller_of(request).by)
        )

    async def review(self, request: Request) -> Response:
        query, claims = read_query(request, ReviewQuery), caller_of(request).claims
        if query.project_id is UNSET and claims.project_id is not None:
            query = structs.replace(query, project_id=claims.project_id)
        return encoded(await self._memories(request).review(query))

    async def settle(self, request: Request) -> Response:
        return encoded(
            await self._memories(request).settle(await self._body(request, Settlement), by=caller_of(request).by)
        )

    async def empty_trash(self, request: Request) -> Response:
        return encoded(await self._service.empty_trash(await self._body(request, TrashQuery)))

    async def similar(self, memory_id: MemoryId, request: Request) -> Response:
        limit = read_query(request, Limit).limit
        return encoded(await self._memories(request).similar(memory_id, limit=limit))

    async def stats(self, request: Request) -> Response:
        return encoded(await self._memories(request).stats(self._scope(request, Scope)))

    async def context(self, request: Request) -> Response:
        return encoded(await self._memories(request).context(self._scope(request, ContextQuery)))

    async def backfill(self) -> Response:
        return encoded(await self._service.backfill())

    async def models(self) -> Response:
        return encoded(await self._service.models())

    async def use_model(self, request: Request) -> Response:
        return encoded(await self._service.use_model(await self._body(request, ModelChoice)), status=202)

    async def export(self, request: Request) -> Response:
        query = read_query(request, ExportQuery)
        path = transfers.scratch(
            self._settings.data_dir
        )  # a file first: an answer that broke off in its middle could pass for a whole one
        try:
            count = await self._memories(request).export_file(path, query)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return transfers.TemporaryFile(path, query.format, headers={"x-memory-count": str(count)})

    async def import_(self, request: Request) -> Response:
        transfers.refuse_other_media(request)
        query = read_query(request, Upload)
        received = transfers.received(request, self._settings.data_dir, max_bytes=self._settings.max_import_bytes)
        async with received as path, transfers.log_beside(path, query.log_bytes):
            return encoded(await self._memories(request).import_file(path, query, by=caller_of(request).by))

    async def _body(self, request: Request, kind: type[Any]) -> Any:  # the handler's annotation says which struct
        return await read_struct(request, kind, max_bytes=self._settings.max_body_bytes)

    def _scope(self, request: Request, kind: type[ScopeT]) -> ScopeT:
        return scoped(read_query(request, kind), caller_of(request).claims)
