"""The ways to one store: the service itself, REST, and the MCP tools; each on a clock that a test moves.

Verbs that have no tool go through REST in `OverMcp`, as those of a person beside an agent do.
"""

import asyncio
import hashlib
import re
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx
import msgspec
import uvicorn
from fastapi import FastAPI
from msgspec import structs

from memory_client.sdk import MemoryClient
from memory_core.changes import ANYONE, Alike, By, Kept, Kind, Outcome
from memory_core.engine.ports import StoreOptions
from memory_core.engine.stores.duckdb import DuckDBStore, open_store
from memory_core.errors import Problem, error_of
from memory_core.memories import Memories
from memory_core.types import ContextQuery, Memory, MemoryPatch, NewMemory, SearchQuery, Updated
from memory_server.app import create_app
from memory_server.settings import ServerSettings
from support.rpc import call_tool, tool_text
from support.services import Clock, service_on

T = TypeVar("T")
KEY = "the key of this test"
SHORT = 8
UNTOLD = (
    "include_global", "include_superseded", "tags_match", "created_after", "created_before", "session_id", "min_score",
    "trashed", "explain",
)  # fmt: skip
OUTCOMES = {"Kept as": Outcome.CREATED, "Kept already as": Outcome.UNCHANGED, "Updated": Outcome.UPDATED}


class Way:
    """The service in this process. `key` is what is known of the caller's key.

    `tells_all`: an answer is a whole memory as it was left, and what opens a session comes in its order.
    """

    key: ClassVar[str | None] = None
    tells_all: ClassVar[bool] = True

    def __init__(self, folder: Path, clock: Clock, new_id: Callable[[], str]) -> None:
        self.store: DuckDBStore = open_store("", StoreOptions(data_dir=folder, threads=1, min_free_bytes=0))
        self.service = service_on(self.store, clock=clock, new_id=new_id)
        self._runner = asyncio.Runner()
        self._folder = folder
        self.memories: Memories = self._opened()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def found(self, query: SearchQuery) -> set[str]:
        """The short ids of what a search finds."""
        return {hit.id[:SHORT] for hit in self.run(self.memories.search(query)).results}

    def opening(self, query: ContextQuery) -> list[str]:
        """The short ids of what opens a session."""
        return [memory.id[:SHORT] for memory in self.run(self.memories.context(query)).memories]

    def maintain(self) -> None:
        self.run(self.service.maintain())

    def close(self) -> None:
        self._closed()
        self._runner.close()

    def _opened(self) -> Memories:
        self.run(self.service.start())
        return self.service

    def _closed(self) -> None:
        self.run(self.service.close())


class OverRest(Way):
    key = hashlib.sha256(KEY.encode()).hexdigest()[:8]

    def _opened(self) -> Memories:
        settings = ServerSettings(data_dir=self._folder, api_key=KEY, limit_reads="off", limit_writes="off")
        self._served = served(create_app(self.service, settings))
        self.client = self._client(self._served.__enter__())
        return self.client

    def _client(self, url: str) -> MemoryClient:
        return MemoryClient(url, key=KEY)

    def _closed(self) -> None:
        self.run(self.client.close())
        self._served.__exit__(None, None, None)


class OverMcp(OverRest):
    tells_all = False

    def found(self, query: SearchQuery) -> set[str]:
        return self.run(self._tools.found(query))

    def opening(self, query: ContextQuery) -> list[str]:
        return self.run(self._tools.opening(query))

    def _client(self, url: str) -> MemoryClient:
        self._tools = ToolClient(url, key=KEY)
        return self._tools


class ToolClient(MemoryClient):
    """Adds, updates and deletes by tools, as far as they take what is asked; what they say is read back by REST."""

    def __init__(self, url: str, *, key: str) -> None:
        super().__init__(url, key=key)
        self._http = httpx.AsyncClient(base_url=url, headers={"X-API-Key": key})

    async def close(self) -> None:
        await self._http.aclose()
        await super().close()

    async def add(self, new: NewMemory, *, by: By = ANYONE) -> Kept:
        if new.session_id is not None or new.review_by is not None or new.client_id != by.client_id:
            return await super().add(new, by=by)
        fields = msgspec.to_builtins(structs.replace(new, client_id=None))
        text = await self._tool("memory_add", fields | {"project_id": new.project_id or ""}, by)
        said = re.match(r"(Kept as|Kept already as|Updated) \[(\w{8})\]", text)
        assert said, text
        likes = re.findall(r"^\[(\w{8})\]", text, re.MULTILINE)
        alike = [Alike(memory_id=one, kind=Kind.DUPLICATE, similarity=1, differences=(), content="") for one in likes]
        memory = await self._now(said[2])
        return Kept(**structs.asdict(memory), outcome=OUTCOMES[said[1]], alike=tuple(alike))

    async def update(self, memory_id: str, patch: MemoryPatch, *, by: By = ANYONE) -> Updated:
        taken = {"content", "tags", "memory_type", "certainty_score", "quality_score"}
        if not patch.changes() or not patch.changes().keys() <= taken:
            return await super().update(memory_id, patch, by=by)
        changed = await self._changed("memory_update", {"memory_id": memory_id, **msgspec.to_builtins(patch)}, by)
        return Updated(**structs.asdict(changed))

    async def delete(self, memory_id: str, *, by: By = ANYONE) -> Memory:
        return await self._changed("memory_delete", {"memory_id": memory_id}, by)

    async def found(self, query: SearchQuery) -> set[str]:
        fields = msgspec.to_builtins(query)
        untold = {name: fields.pop(name) for name in UNTOLD if name in fields}
        if untold != {name: msgspec.to_builtins(SearchQuery())[name] for name in untold}:
            return {hit.id[:SHORT] for hit in (await self.search(query)).results}
        if "project_id" in fields:
            fields["project_id"] = fields["project_id"] or ""
        text = await self._tool("memory_search", fields | {"limit": 50}, ANYONE)
        return set(re.findall(r"^\[(\w{8})\]", text, re.MULTILINE))

    async def opening(self, query: ContextQuery) -> list[str]:
        if query.as_of is not None:
            return [memory.id[:SHORT] for memory in (await self.context(query)).memories]
        text = await self._tool("memory_context", {"max_memories": 200}, ANYONE)
        return re.findall(r"^- .* \((\w{8}), [^()]*\)$", text, re.MULTILINE)

    async def _changed(self, name: str, arguments: dict[str, Any], by: By) -> Memory:
        text = await self._tool(name, arguments, by)
        said = re.search(r"\[(\w{8})\]", text)
        assert said, text
        return await self._now(said[1])

    async def _now(self, short: str) -> Memory:
        return (await self.history(short)).revisions[0].memory

    async def _tool(self, name: str, arguments: dict[str, Any], by: By) -> str:
        named = {"X-Client-ID": by.client_id, "X-Reason": by.reason, "Idempotency-Key": by.request}
        headers = {header: value for header, value in named.items() if value is not None}
        given = {field: value for field, value in arguments.items() if value is not None}
        result = await call_tool(self._http, name, given, headers)
        if result.get("isError"):
            code = result["_meta"]["claude-memory/code"]
            raise error_of(Problem(type="", title="", status=0, detail=tool_text(result), code=code))
        return tool_text(result)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application on a real port, in a thread of this process; its URL."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", ws="none"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Who connects before the application is ready waits in the listener's queue.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(60)
