"""The MCP endpoint over real HTTP, in both eras of the protocol, with the SDK's own client and on the bare wire."""

import pytest
from httpx2 import AsyncClient
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from memory_core.engine.service import MemoryService
from memory_core.types import SearchResult
from memory_server import __version__
from memory_server.tools import INSTRUCTIONS, TOOLS
from support.apps import MakeApp
from support.rpc import ACCEPT, answer_of, call_tool, post, tool_text
from support.servers import RunningServer

KEY = "the key of these tests"
ERAS = ["legacy", "2026-07-28"]
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": "a",
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


def client(server: RunningServer, era: str, http: AsyncClient) -> Client:
    return Client(streamable_http_client(f"{server.url}/mcp", http_client=http), mode=era)


def text_of(result: CallToolResult) -> str:
    return "".join(part.text for part in result.content if isinstance(part, TextContent))


@pytest.mark.parametrize("era", ERAS)
async def test_the_sdk_client_keeps_and_finds_a_memory(server: RunningServer, era: str) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "X-Project-ID": f"eras/{era}", "X-Client-ID": "laptop"}
    async with AsyncClient(headers=headers, timeout=60) as http, client(server, era, http) as session:
        tools = (await session.list_tools()).tools
        kept = await session.call_tool("memory_add", {"content": f"The aardvark lives in {era}", "tags": ["zoo"]})
        found = await session.call_tool("memory_search", {"query": "aardvark"})
        wrong = await session.call_tool("memory_search", {"querry": "aardvark"})

    assert [tool.name for tool in tools] == [tool.name for tool in TOOLS]
    assert text_of(kept).endswith(f"(observation, project eras/{era}).")
    assert "#zoo (laptop) The aardvark lives in " + era in text_of(found)
    assert wrong.is_error
    assert text_of(wrong).startswith("'querry' is not a parameter; did you mean 'query'?")


@pytest.mark.parametrize("era", ERAS)
async def test_an_unknown_tool_is_a_protocol_error_that_names_the_known(server: RunningServer, era: str) -> None:
    async with AsyncClient(headers={"X-API-Key": KEY}, timeout=60) as http, client(server, era, http) as session:
        with pytest.raises(MCPError, match="no tool 'memory_ad'; there are memory_search, memory_add"):
            await session.call_tool("memory_ad", {})


async def test_the_older_era_is_greeted_without_a_session(make_app: MakeApp) -> None:
    """Without sessions a restart of the server goes unnoticed."""
    response = await post(await make_app(), INITIALIZE)

    result = answer_of(response)["result"]
    assert result["protocolVersion"] == "2025-06-18"
    assert result["instructions"] == INSTRUCTIONS
    assert result["serverInfo"] == {"name": "memory", "version": __version__}
    assert "listChanged" not in str(result["capabilities"]) or not result["capabilities"]["tools"]["listChanged"]
    assert "mcp-session-id" not in response.headers


@pytest.mark.parametrize("method", ["tools/list", "server/discover"])
async def test_the_newer_era_is_told_how_long_an_answer_is_good(make_app: MakeApp, method: str) -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta}}

    result = answer_of(await post(await make_app(), message, headers))["result"]

    assert (result["ttlMs"], result["cacheScope"]) == (3_600_000, "public")
    if method == "tools/list":
        assert len(result["tools"]) == len(TOOLS)
    else:
        assert result["instructions"] == INSTRUCTIONS


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_no_client_is_redirected(make_app: MakeApp, path: str) -> None:
    http = await make_app()

    assert (await http.post(path, json=INITIALIZE, headers=ACCEPT)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_there_is_no_stream_to_hold_and_no_session_to_end(make_app: MakeApp, method: str) -> None:
    http = await make_app()

    answer = await http.request(method, "/mcp", headers={"Accept": "text/event-stream"})

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_message_beyond_the_limit_is_refused(make_app: MakeApp) -> None:
    http = await make_app(max_body_bytes=2048)

    answer = await post(http, {**INITIALIZE, "padding": "x" * 4096})

    assert answer.status_code == 413


async def test_protocol_messages_have_a_generous_limit_of_their_own(make_app: MakeApp) -> None:
    http = await make_app(limit_reads="1/minute", limit_writes="1/minute")

    assert [(await post(http, INITIALIZE)).status_code for _ in range(10)] == [200] * 10


async def test_the_project_of_the_header_is_where_tools_work(make_app: MakeApp) -> None:
    http = await make_app()
    mine, other = {"X-Project-ID": "mine"}, {"X-Project-ID": "other"}
    await call_tool(http, "memory_add", {"content": "the walrus"}, headers=mine)
    await call_tool(http, "memory_add", {"content": "the walrus of all", "project_id": ""}, headers=mine)

    async def seen(headers: dict[str, str], **more: object) -> int:
        result = await call_tool(http, "memory_search", {"query": "walrus", **more}, headers=headers)
        return tool_text(result).count("walrus")

    assert (await seen(mine), await seen(other)) == (2, 1)
    assert await seen(other, project_id="mine") == 2
    assert await seen(other, global_search=True) == 2
    assert await seen({}) == 2


async def test_what_tools_keep_is_what_rest_shows(make_app: MakeApp) -> None:
    http = await make_app()
    fields = {"memory_type": "fact", "tags": ["a", "b"], "source": "chat", "certainty_score": 0.9, "quality_score": 0.1}
    await call_tool(http, "memory_add", {"content": "one", **fields}, headers={"X-Client-ID": "laptop"})

    (memory,) = (await http.get("/memories")).json()["memories"]

    assert {name: memory[name] for name in fields} == fields
    assert (memory["client_id"], memory["project_id"]) == ("laptop", None)


async def test_a_fault_of_ours_is_told_without_details_and_logged_once(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> SearchResult:
        raise ZeroDivisionError("the secret detail")

    http = await make_app()
    monkeypatch.setattr(MemoryService, "search", broken)

    result = await call_tool(http, "memory_search", {"query": "x"})

    assert result["isError"]
    assert tool_text(result) == "the server failed at this; its log says why. Trying again may help"
    assert [record.message for record in caplog.records if record.exc_info] == ["memory_search failed"]
