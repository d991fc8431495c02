"""`MemoryClient`: the verbs of `Memories` on a server, for programs and for the command line.

    async with MemoryClient("http://memory.lan:8420", key="…", client_id="ci") as memories:
        await memories.add(NewMemory(content="The release train leaves on Fridays"))

Each verb is one request; how a request can fail is in `rest`. Errors are those of `memory_core.errors`.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import msgspec

from memory_client import __version__
from memory_client.audit import RemoteAudit
from memory_client.backups import RemoteBackups
from memory_client.delivery import Courier
from memory_client.doctor import RemoteDoctor
from memory_client.errors import ClientError, SettingError
from memory_client.grants import RemoteGrants
from memory_client.keys import RemoteKeys
from memory_client.naming import Naming
from memory_client.places import RemotePlaces
from memory_client.rest import LONG_TIMEOUT_S, Address, Rest, query_params
from memory_client.sessions import RemoteSessions
from memory_client.target import Target, header_text, resolve_target
from memory_client.writing import AwayError, Writing, said
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
from memory_core.errors import ConflictError, InvalidError, NotFoundError, StorageFullError
from memory_core.files import replacing
from memory_core.memories import AS_IT_IS, WHOLE, Progress
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

_PARQUET, _JSONL = "application/vnd.apache.parquet", "application/jsonl"
_DUCKDB = "application/vnd.duckdb"
_CHUNK_BYTES = 256 * 1024


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """What `DELETE /memories/{id}` answers."""

    deleted: str
    memory: Memory


class MemoryClient(Naming):
    """`Memories` over REST. Use it with `async with`, from one event loop.

    `project` is the project of every request that names none; `client_id` says who stores (by default the server
    learns nothing). `locate`, if given, finds the server again when nobody listens at `url` any more; with `url` None
    it is asked when the server is first needed. With a `courier`, what `add`, `update`, `delete` and `restore` cannot
    deliver is kept on this machine, and they raise QueuedError.
    """

    def __init__(
        self,
        url: str | None,
        *,
        key: str | None = None,
        client_id: str | None = None,
        project: str | None = None,
        timeout_s: float = 30.0,
        locate: Callable[[], tuple[str, str | None]] | None = None,
        courier: Courier | None = None,
    ) -> None:
        named = {"X-Client-ID": client_id, "X-Project-ID": project}
        headers = {name: header_text(value) for name, value in named.items() if value is not None}
        rest = Rest(
            None if url is None else Address(url=url, key=key),
            headers=headers,
            timeout_s=timeout_s,
            locate=None if locate is None else partial(_address, locate),
        )
        super().__init__(rest, Writing(rest, courier, headers))
        self.backups = RemoteBackups(self._rest)
        self.doctor = RemoteDoctor(self._rest)
        self.keys = RemoteKeys(self._rest)
        self.grants = RemoteGrants(self._rest)
        self.audit = RemoteAudit(self._rest)
        self.places = RemotePlaces(self._rest)
        self.sessions = RemoteSessions(self._rest, self._writing)

    @classmethod
    async def connect(
        cls,
        target: Target | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        courier: Courier | None = None,
    ) -> Self:
        """A client of the server that the environment names: MEMORY_SERVER, or the local one, started if need be.

        With a `courier`, which is one of the same target, the local one is started when it is first needed.
        """
        if target is None:
            try:
                target = resolve_target(os.environ if environ is None else environ)
            except SettingError as error:
                raise InvalidError(str(error)) from error
        project = None if target.project is None else target.project.id
        url, key, locate = target.url, target.key, None
        if url is None:
            locate = local_locator(target)
            if courier is None:
                address = await _address(locate)
                url, key = address.url, address.key
        return cls(
            url,
            key=key,
            client_id=target.client_id,
            project=project,
            timeout_s=timeout_s,
            locate=locate,
            courier=courier,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._rest.close()

    @property
    def url(self) -> str:
        return self._rest.address.url

    async def add(self, new: NewMemory, *, by: By = ANYONE) -> Kept:
        return await self._writing.soon("add", "POST", "/memories", Kept, body=new, headers=said(by))

    async def get(self, memory_id: str) -> Memory:
        return await self._rest.call("GET", _at(memory_id), Memory)

    async def update(self, memory_id: str, patch: MemoryPatch, *, by: By = ANYONE) -> Updated:
        return await self._writing.soon(
            f"update {memory_id}", "PATCH", _at(memory_id), Updated, body=patch, headers=said(by)
        )

    async def delete(self, memory_id: str, *, by: By = ANYONE) -> Memory:
        return (
            await self._writing.soon(f"delete {memory_id}", "DELETE", _at(memory_id), Deleted, headers=said(by))
        ).memory

    async def restore(self, memory_id: str, *, revision: int | None = None, by: By = ANYONE) -> Memory:
        params = [] if revision is None else [("revision", str(revision))]
        path = f"{_at(memory_id)}/restore"
        verb = f"restore {memory_id}"
        return await self._writing.soon(verb, "POST", path, Memory, params=params, headers=said(by))

    async def history(self, memory_id: str) -> History:
        return await self._rest.call("GET", f"{_at(memory_id)}/history", History)

    async def undo(self, asked: UndoRequest, *, by: By = ANYONE) -> UndoReport:
        headers = said(by)
        return await self._writing.now(
            "POST", "/undo", UndoReport, body=asked, headers=headers, timeout_s=LONG_TIMEOUT_S
        )

    async def review(self, query: ReviewQuery) -> Review:
        return await self._rest.call("GET", "/review", Review, params=query_params(query))

    async def settle(self, asked: Settlement, *, by: By = ANYONE) -> Settled:
        return await self._writing.now("POST", "/review/settle", Settled, body=asked, headers=said(by))

    async def empty_trash(self, query: TrashQuery) -> TrashReport:
        return await self._writing.now("POST", "/trash/empty", TrashReport, body=query, timeout_s=LONG_TIMEOUT_S)

    async def list(self, query: ListQuery) -> MemoryPage:
        return await self._rest.call("GET", "/memories", MemoryPage, params=query_params(query))

    async def search(self, query: SearchQuery) -> SearchResult:
        return await self._rest.call("POST", "/memories/search", SearchResult, body=query)

    async def similar(self, memory_id: str, *, limit: int = 10) -> SearchResult:
        params = [("limit", str(limit))]
        return await self._rest.call("GET", f"{_at(memory_id)}/similar", SearchResult, params=params)

    async def context(self, query: ContextQuery) -> Context:
        return await self._rest.call("GET", "/context", Context, params=query_params(query))

    async def stats(self, scope: Scope) -> Stats:
        return await self._rest.call("GET", "/stats", Stats, params=query_params(scope))

    async def purge(self, query: PurgeQuery, *, by: By = ANYONE) -> PurgeReport:
        headers = said(by)
        path = "/memories/purge"
        return await self._writing.now("POST", path, PurgeReport, body=query, headers=headers, timeout_s=LONG_TIMEOUT_S)

    async def backfill(self) -> BackfillReport:
        return await self._writing.now("POST", "/embeddings/backfill", BackfillReport)

    async def models(self) -> ModelList:
        return await self._rest.call("GET", "/models", ModelList)

    async def use_model(self, choice: ModelChoice) -> EmbeddingStatus:
        return await self._writing.now("POST", "/models/use", EmbeddingStatus, body=choice)

    async def health(self) -> Health:
        return await self._rest.call("GET", "/health", Health)

    async def export_file(self, path: Path, query: ExportQuery = WHOLE, *, progress: Progress | None = None) -> int:
        """As `Memories` says; `progress` counts bytes."""
        _refuse_existing(path)
        params = query_params(query)
        async with self._rest.open("GET", "/export", params, timeout_s=LONG_TIMEOUT_S) as response:
            total = response.headers.get("content-length")
            done = 0
            with _file_errors(path), replacing(path) as file:
                async for chunk in response.aiter_bytes():
                    file.write(chunk)
                    done += len(chunk)
                    if progress is not None:
                        progress(done, int(total) if total is not None else None)
            return int(response.headers.get("x-memory-count", "0"))

    async def import_file(
        self, path: Path, query: ImportQuery = AS_IT_IS, *, progress: Progress | None = None, by: By = ANYONE
    ) -> ImportReport:
        """As `Memories` says; `progress` counts bytes sent. The answer comes when all of them are kept."""
        files = [path]
        if (media := _media(path)) == _DUCKDB:
            log = path.with_name(path.name + ".wal")  # what its program kept last may be there alone
            files += [log] if log.exists() else []
        sizes = [_readable_size(file) for file in files]
        headers = {"Content-Type": media, "Content-Length": str(sum(sizes)), **said(by)}
        params = [(name, value) for name, value in query_params(query) if value]
        params += [("log_bytes", str(size)) for size in sizes[1:]]
        body = _chunks(files, sum(sizes), progress)
        async with self._rest.open("POST", "/import", params, body, headers, LONG_TIMEOUT_S) as response:
            return self._rest.decode(await response.aread(), ImportReport)


async def _chunks(files: Sequence[Path], size: int, progress: Progress | None) -> AsyncIterator[bytes]:
    done = 0
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
                done += len(chunk)
                if progress is not None:
                    progress(done, size)


def _media(path: Path) -> str:
    with _file_errors(path), path.open("rb") as file:
        beginning = file.read(12)
    if beginning[8:] == b"DUCK":
        return _DUCKDB
    return _PARQUET if beginning[:4] == b"PAR1" else _JSONL


def _refuse_existing(path: Path) -> None:
    if not path.parent.is_dir():
        raise NotFoundError(f"there is no folder {path.parent}; make it, or name another file")
    if os.path.lexists(path):
        raise ConflictError(f"{path} exists already; name a new file, or move that one away")


def _readable_size(path: Path) -> int:
    with _file_errors(path), path.open("rb") as file:
        return os.fstat(file.fileno()).st_size


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """What the file system refuses, as an error that a caller of `Memories` expects."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError(f"{error.filename or path} does not exist") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(f"no room left to write {path}") from error
        why = os.strerror(errno.EISDIR) if path.is_dir() else error.strerror  # of which Windows says: permission denied
        raise InvalidError(f"cannot use {path}: {why}") from error


def _at(memory_id: str) -> str:
    """The path of a memory. What could never be an id is refused here: in a URL it would name another thing."""
    if not memory_id.isascii() or not memory_id.isalnum():
        raise InvalidError(f"{memory_id!r} is no id; ids are hexadecimal digits, as `list` and `search` show them")
    return f"/memories/{quote(memory_id, safe='')}"


def local_locator(target: Target) -> Callable[[], tuple[str, str | None]]:
    """Finds the local server of `target`, starting it if there is none; a blocking function."""
    from memory_client import local  # only who has no server of his own pays for it

    def locate() -> tuple[str, str | None]:
        found = local.connect(target.data_dir, version=__version__)
        return found.url, found.key

    return locate


async def _address(locate: Callable[[], tuple[str, str | None]]) -> Address:
    try:
        url, key = await asyncio.to_thread(locate)
    except ClientError as error:
        raise AwayError(str(error)) from error
    return Address(url=url, key=key)
