"""The REST routes: decode, call the service, encode. Each is one row, which FastAPI and the document are told of.

msgspec decodes and encodes: FastAPI's own way through pydantic answers half a surrogate pair, or NaN, with a 500.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import anyio
import fastapi
import msgspec
from fastapi import Request, Response
from fastapi.responses import FileResponse
from msgspec import UNSET, Struct, structs
from starlette import types as asgi

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
from memory_core.errors import ForbiddenError
from memory_core.memories import Memories
from memory_core.types import (
    BackfillReport,
    Context,
    ContextQuery,
    EmbeddingStatus,
    ExportQuery,
    FileFormat,
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
from memory_server import uploads
from memory_server.access import Level, Principal
from memory_server.auth import Claims, caller_of
from memory_server.decoding import media_type, read_query, read_struct, refuse_declared, too_large
from memory_server.problems import unsupported_media
from memory_server.settings import ServerSettings

MEDIA = {FileFormat.PARQUET: "application/vnd.apache.parquet", FileFormat.JSONL: "application/jsonl"}
_ALSO_TAKEN = ("application/vnd.duckdb", "application/x-ndjson", "application/octet-stream")
_TRANSFER = ".transfer-{}"
ScopeT = TypeVar("ScopeT", bound=Scope)
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


class MemoryFile(Struct, frozen=True):
    """Stands in a route for a body that is a file of one of the media types in `MEDIA`."""


class PlainText(Struct, frozen=True):
    """Stands in a route for an answer that is text."""


class Route(Struct, frozen=True, kw_only=True):
    """`body` and `query` are structs that the handler reads; `returns` is what it answers with `status`."""

    method: str
    path: str
    summary: str
    handler: Callable[..., Awaitable[Response]]  # FastAPI reads from its signature what it takes
    needs: Level
    returns: type[Struct]
    whole: bool = False  # not for keys that are limited to projects
    tag: str = "memories"
    status: int = 200
    or_status: int | None = None  # where nothing new came to be
    body: type[Struct] | None = None
    query: type[Struct] | None = None
    changes: bool = False  # it takes Idempotency-Key and X-Reason
    errors: tuple[int, ...] = ()
    audited: bool = False  # written down, and not done where that fails; see `audit` for what always is


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
        answer = encoded(health if principal.sees_all else _for_anyone(health))
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
        path = self._scratch()  # a file first: an answer that broke off in its middle could pass for a whole one
        try:
            count = await self._memories(request).export_file(path, query)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return TemporaryFile(path, query.format, headers={"x-memory-count": str(count)})

    async def import_(self, request: Request) -> Response:
        media = media_type(request)
        if media not in (*MEDIA.values(), *_ALSO_TAKEN):
            raise unsupported_media(" or ".join(MEDIA.values()))
        query = read_query(request, Upload)
        async with self._received(request) as path, uploads.log_beside(path, query.log_bytes):
            return encoded(await self._memories(request).import_file(path, query, by=caller_of(request).by))

    @contextlib.asynccontextmanager
    async def _received(self, request: Request) -> AsyncIterator[Path]:
        """The body as a file beside the data, where there is room for what is about to be kept."""
        refuse_declared(request, max_bytes=self._settings.max_import_bytes)
        path, size = self._scratch(), 0
        try:
            async with await anyio.open_file(path, "xb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > self._settings.max_import_bytes:
                        raise too_large(self._settings.max_import_bytes)
                    await file.write(chunk)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _scratch(self) -> Path:
        return self._settings.data_dir / _TRANSFER.format(uuid.uuid4().hex)

    async def _body(self, request: Request, kind: type[Any]) -> Any:  # the handler's annotation says which struct
        return await read_struct(request, kind, max_bytes=self._settings.max_body_bytes)

    def _scope(self, request: Request, kind: type[ScopeT]) -> ScopeT:
        return scoped(read_query(request, kind), caller_of(request).claims)


class TemporaryFile(FileResponse):
    """A file that is gone once it is sent, or once the caller is."""

    def __init__(self, path: Path, file_format: FileFormat, *, headers: dict[str, str]) -> None:
        super().__init__(path, headers=headers, media_type=MEDIA[file_format], filename=f"memories.{file_format.value}")

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.to_thread(Path(self.path).unlink, missing_ok=True)


def clear_transfers(data_dir: Path) -> None:
    """Remove what an export or import left when the process ended in its middle."""
    for left in data_dir.glob(_TRANSFER.format("*")):  # logs beside them, too
        left.unlink(missing_ok=True)


def encoded(value: Struct, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _for_anyone(health: Health) -> Health:
    return structs.replace(health, embedding=without_counts(health.embedding))


def without_counts(embedding: EmbeddingStatus) -> EmbeddingStatus:
    """They would tell when somebody keeps something."""
    following = None if embedding.next is None else structs.replace(embedding.next, pending=0, failed=0)
    return structs.replace(embedding, pending=0, failed=0, next=following)


def claimed(new: NewMemory, claims: Claims) -> NewMemory:
    """What the caller left unsaid is taken from its headers.

    Raises ForbiddenError for another machine than that of its key.
    """
    changes: dict[str, str | None] = {}
    if claims.is_bound and new.client_id not in (None, claims.client_id):
        raise ForbiddenError(f"your key speaks for the client {claims.client_id!r} and for no other")
    if new.project_id is UNSET and claims.project_id is not None:
        changes["project_id"] = claims.project_id
    if new.client_id is None and claims.client_id is not None:
        changes["client_id"] = claims.client_id
    return structs.replace(new, **changes) if changes else new


def scoped(query: ScopeT, claims: Claims) -> ScopeT:
    if claims.project_id is None or query.project_id is not UNSET or query.global_search:
        return query
    return structs.replace(query, project_id=claims.project_id)
