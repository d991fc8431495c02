"""The official SDK's client, over the bridge, in both protocol eras: it is stricter than we are with ourselves."""

import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from support.bridges import machine
from support.servers import running_server


@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
async def test_the_official_client_is_served(tmp_path: Path, mode: str) -> None:
    with running_server(tmp_path / "data", api_key="k" * 32) as server:
        environ = machine(tmp_path / "home", MEMORY_SERVER=server.url, MEMORY_API_KEY="k" * 32, MEMORY_PROJECT="tool")
        command = StdioServerParameters(command=sys.executable, args=["-m", "memory_client"], env=environ)
        async with Client(command, mode=mode) as client:
            tools = await client.list_tools()
            kept = await client.call_tool("memory_add", {"content": f"Kept through the official client ({mode})"})
            found = await client.call_tool("memory_search", {"query": "official client"})
            wrong = await client.call_tool("memory_search", {"nonsense": 1})

    assert "memory_search" in {tool.name for tool in tools.tools}
    assert not kept.is_error
    assert mode in found.content[0].text
    assert wrong.is_error


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_official_client_is_served_from_memory_while_the_server_is_away(tmp_path: Path, mode: str) -> None:
    environ = machine(tmp_path / "home", MEMORY_SERVER="http://127.0.0.1:9")
    command = StdioServerParameters(command=sys.executable, args=["-m", "memory_client"], env=environ)
    async with Client(command, mode=mode) as client:
        tools = await client.list_tools()
        failed = await client.call_tool("memory_search", {"query": "x"})

    assert "memory_search" in {tool.name for tool in tools.tools}
    assert failed.is_error
    assert "connection refused" in failed.content[0].text
