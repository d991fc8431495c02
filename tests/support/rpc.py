"""MCP messages as they go over the wire, for tests about what the wire carries."""

import json
from typing import Any

import httpx

ACCEPT = {"Accept": "application/json, text/event-stream"}


async def post(http: httpx.AsyncClient, message: object, headers: dict[str, str] | None = None) -> httpx.Response:
    return await http.post("/mcp", json=message, headers=ACCEPT | (headers or {}))


def answer_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON-RPC answer, whether it came as JSON or as one event of a stream."""
    text = response.text
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        text = "".join(line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:"))
    answer: dict[str, Any] = json.loads(text)
    return answer


async def call_tool(
    http: httpx.AsyncClient, name: str, arguments: dict[str, Any], headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """The result of a tool call, `isError` included."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    response = await post(http, message, headers)
    assert response.status_code == 200, response.text
    result: dict[str, Any] = answer_of(response)["result"]
    return result


def tool_text(result: dict[str, Any]) -> str:
    return "".join(part["text"] for part in result["content"])
