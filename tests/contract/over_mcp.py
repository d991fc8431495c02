"""A real server process, spoken to through its MCP tools with the SDK's own client, in the newest era.

Tools answer with text for a model. What a test asks of a `Memories` is read back from that text; what no tool can say
(`include_global`, `tags_match`, the trash) skips the test.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mcp import Client
from mcp.types import TextContent

from memory_core.changes import Kept, Kind
from memory_core.errors import Problem, error_of
from memory_core.memories import Memories
from memory_core.types import (
    Context,
    ContextQuery,
    EmbeddingState,
    EmbeddingStatus,
    Memory,
    MemoryPatch,
    MemoryType,
    NewMemory,
    Scope,
    SearchHit,
    SearchMode,
    SearchQuery,
    SearchResult,
    Stats,
    Updated,
)
from support.implementations import Place, register
from support.servers import running_server
from support.ways import OUTCOMES

VERBS = frozenset({"add", "search", "update", "delete", "context", "stats"})
LINE = re.compile(
    r"^\[(?P<id>\w{8})\] (?P<type>\w+) (?P<date>[\d-]{10})(?P<tags>(?: #\S+)*)(?: \((?P<origin>[^)]*)\))? (?P<text>.*)"
)
ALIKE = re.compile(
    r"^\[(?P<id>\w{8})\] (?:says the same|differs in (?P<differences>[^:]*)): (?P<text>.*)$", re.MULTILINE
)
UNSAID = {
    "global_search": False,
    "min_score": None,
    "tags_match": "any",
    "include_global": True,
    "explain": False,
    "include_superseded": False,
}


class ToolMemories:
    """The verbs that have a tool. Ids are as short as tools show them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def add(self, new: NewMemory) -> Kept:
        fields = msgspec.to_builtins(new)
        text = await self._call("memory_add", _named(fields, drop=("client_id", "session_id")))
        found = re.match(r"(Kept as|Kept already as|Updated) \[(\w{8})\]", text)
        assert found, text
        now = datetime.now(UTC)
        fields = {**fields, "project_id": fields.get("project_id")}
        del fields["supersedes"]
        fields |= {"id": found[2], "created_at": now, "updated_at": now, "outcome": OUTCOMES[found[1]]}
        fields |= {"alike": [_alike(like) for like in ALIKE.finditer(text)], "redacted": _left_out(text)}
        return msgspec.convert(fields, Kept)

    async def update(self, memory_id: str, patch: MemoryPatch) -> Updated:
        text = await self._call("memory_update", {"memory_id": memory_id, **msgspec.to_builtins(patch)})
        found = re.match(r"Updated \[(\w{8})\]", text)
        assert found, text
        return Updated(**msgspec.structs.asdict(_memory(id=found[1], content="")), redacted=_left_out(text))

    async def delete(self, memory_id: str) -> Memory:
        text = await self._call("memory_delete", {"memory_id": memory_id})
        found = re.match(r"Moved \[(\w{8})\] to the trash", text)
        assert found, text
        return _memory(id=found[1], content="")

    async def search(self, query: SearchQuery) -> SearchResult:
        fields = msgspec.to_builtins(query)
        for name, usual in UNSAID.items():
            if fields[name] != usual and name != "global_search":
                pytest.skip(f"memory_search has no {name}")
        if query.trashed or query.session_id or query.created_after or query.created_before:
            pytest.skip("memory_search has no filter by session, time or trash")
        fields["limit"] = min(fields["limit"], 50)
        drop = ("include_global", "include_superseded", "tags_match", "min_score", "explain")
        drop += ("trashed", "session_id", "created_after", "created_before")
        text = await self._call("memory_search", _named(fields, drop=drop))
        notice = text.partition("\nNote: ")[2] or None
        lines = [found for line in text.splitlines() if (found := LINE.match(line))]
        # Lines come by score and do not show it; the place stands for it.
        hits = tuple(_hit(line, score=1 / place) for place, line in enumerate(lines, 1))
        mode = query.search_mode if notice is None else SearchMode.KEYWORD
        return SearchResult(results=hits, count=len(hits), search_mode=mode, notice=notice)

    async def context(self, query: ContextQuery) -> Context:
        arguments: dict[str, Any] = {"max_memories": query.max_memories, "max_tokens": max(query.max_tokens, 100)}
        if query.project_id is not msgspec.UNSET:
            arguments["project_id"] = query.project_id or ""
        if query.query is not None:
            arguments["query"] = query.query
        text = await self._call("memory_context", arguments)
        has_context = not text.startswith(("No memories yet", "Nothing kept"))
        return Context(
            project_id=query.project_id or None,
            has_context=has_context,
            summary=text if has_context else "",
            memories=(),
            tokens=0,
        )

    async def stats(self, scope: Scope) -> Stats:
        arguments: dict[str, Any] = {"global_search": scope.global_search}
        if scope.project_id is not msgspec.UNSET:
            arguments["project_id"] = scope.project_id or ""
        text = await self._call("memory_stats", arguments)
        numbers = re.match(
            r"(\d+) memor(?:y|ies), (\d+) of them with a vector, (\d+) in the trash; embeddings: (\w+), (\d+) pending",
            text,
        )
        assert numbers, text
        state = EmbeddingState(numbers[4])
        return Stats(
            total_memories=int(numbers[1]),
            memories_with_embeddings=int(numbers[2]),
            in_trash=int(numbers[3]),
            embeddings_available=state is EmbeddingState.READY,
            embedding=EmbeddingStatus(state=state, pending=int(numbers[5])),
        )

    async def _call(self, name: str, arguments: dict[str, Any]) -> str:
        result = await self._client.call_tool(name, arguments)
        assert all(isinstance(part, TextContent) for part in result.content), result
        text = "".join(part.text for part in result.content if isinstance(part, TextContent))
        if result.is_error:
            code = (result.meta or {})["claude-memory/code"]
            raise error_of(Problem(type="", title="", status=0, detail=text, code=code))
        return text


def _named(fields: dict[str, Any], *, drop: tuple[str, ...]) -> dict[str, Any]:
    """Tools take "" for no project, and nothing for what is left open."""
    if "project_id" in fields and fields["project_id"] is None:
        fields = {**fields, "project_id": ""}
    return {name: value for name, value in fields.items() if name not in drop and value is not None}


def _left_out(text: str) -> tuple[str, ...]:
    """The kinds, each once, as the text says them."""
    said = re.search(r"secrets? (?:was|were) left out: ([a-z-]+(?:, [a-z-]+)*)\.", text)
    return tuple(said[1].split(", ")) if said else ()


def _alike(line: re.Match[str]) -> dict[str, object]:
    """As far as the text says it."""
    differences = (line["differences"] or "").split(", ") if line["differences"] else []
    kind = Kind.DIFFERS if differences else Kind.DUPLICATE
    return {
        "memory_id": line["id"],
        "kind": kind,
        "similarity": 1.0,
        "differences": differences,
        "content": line["text"],
    }


def _hit(line: re.Match[str], *, score: float) -> SearchHit:
    memory = _memory(id=line["id"], content=line["text"], memory_type=MemoryType(line["type"]))
    return SearchHit(**msgspec.structs.asdict(memory), score=score)


def _memory(*, id: str, content: str, memory_type: MemoryType = MemoryType.OBSERVATION) -> Memory:  # noqa: A002
    fields = dict.fromkeys(("source", "project_id", "client_id", "session_id"))
    scores = {"certainty_score": 0.7, "quality_score": 0.7}
    now = datetime.now(UTC)
    return msgspec.convert(
        {"id": id, "content": content, "memory_type": memory_type, "tags": [], "created_at": now, "updated_at": now}
        | fields
        | scores,
        Memory,
    )


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    """The client lives in one task of its own: fixtures are set up and torn down in different ones."""
    ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
    leaving = asyncio.Event()

    async def live() -> None:
        async with Client(url, mode="2026-07-28") as client:
            ready.set_result(client)
            await leaving.wait()

    living = asyncio.create_task(live())
    living.add_done_callback(lambda done: None if ready.done() else ready.set_exception(done.exception() or EOFError()))
    yield await ready
    leaving.set()
    await living


@asynccontextmanager
async def open_mcp(place: Place) -> AsyncIterator[Memories]:
    settings = {
        "MEMORY_STORE": place.store,
        "MEMORY_EMBEDDER": place.embedder or "",
        "MEMORY_MODEL_CACHE": str(Path(place.model_cache)),
        "MEMORY_LIMIT_READS": "off",
        "MEMORY_LIMIT_WRITES": "off",
    }
    with running_server(place.data_dir, env=settings) as server:
        async with connected(f"{server.url}/mcp") as client:
            # The verbs it lacks are declared below; no test that needs one of them is given it.
            yield ToolMemories(client)  # type: ignore[misc]


register("mcp", open_mcp, verbs=VERBS)
