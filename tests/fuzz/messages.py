"""Good MCP messages of both eras of the protocol, as requests that can be broken before they become bytes. Pure."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

Json = Any  # there is no narrower type for it
MODERN = "2026-07-28"
_LEGACY = ("2025-03-26", "2025-06-18", "2025-11-25")
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "fuzz", "version": "1"},
}
_HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "fuzz", "version": "1"}}
_NO_ID = "0123456789abcdef0123456789abcdef"


@dataclass
class Request:
    """One message on its way: each change is made to the stage it belongs to, and named in `changes`."""

    message: Json
    headers: list[tuple[bytes, bytes]]
    method: bytes = b"POST"
    body: bytes | None = None  # null: the message as JSON
    frame: Callable[[bytes], tuple[bytes, bytes]] | None = None  # null: a right Content-Length
    incomplete: bool = False  # the server waits for more, which does not come
    changes: list[str] = field(default_factory=list)

    def set(self, name: bytes, value: bytes | None) -> None:
        """Null takes the header away."""
        self.headers = [each for each in self.headers if each[0].lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))

    def bytes_of_message(self) -> bytes:
        return encoded(self.message) if self.body is None else self.body

    def raw(self) -> bytes:
        body = self.bytes_of_message()
        head, sent = (b"Content-Length: %d\r\n" % len(body), body) if self.frame is None else self.frame(body)
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in self.headers)
        return self.method + b" /mcp HTTP/1.1\r\n" + lines + head + b"\r\n" + sent


def encoded(message: Json) -> bytes:
    """As JSON, with what `json` cannot write in its place."""
    text = json.dumps(message).encode()
    for name, raw in RAW.items():
        text = text.replace(b'"' + name.encode() + b'"', raw)
    return text


def good(random: Random, number: int, key: str) -> Request:
    method, params = random.choice(_calls(number))
    message: dict[str, Json] = {"jsonrpc": "2.0", "id": random.choice((number, f"id {number}")), "method": method}
    headers = [
        (b"Host", b"localhost"),
        (b"X-API-Key", key.encode()),
        (b"Content-Type", b"application/json"),
        (b"Accept", b"application/json, text/event-stream"),
        (b"Connection", b"close"),
    ]
    if random.random() < 0.5 and method != "initialize":
        params = {**params, "_meta": copy.deepcopy(_META)}
        headers += [(b"MCP-Protocol-Version", MODERN.encode()), (b"Mcp-Method", method.encode())]
        if name := params.get("name") or params.get("uri"):
            headers.append((b"Mcp-Name", name.encode()))
    elif random.random() < 0.7:
        headers.append((b"MCP-Protocol-Version", random.choice(_LEGACY).encode()))
    return Request({**message, "params": params}, headers)


def _calls(number: int) -> list[tuple[str, dict[str, Json]]]:
    tools: list[tuple[str, dict[str, Json]]] = [
        ("memory_add", {"content": f"fuzzed {number}", "tags": ["fuzz", str(number)], "memory_type": "fact"}),
        ("memory_add", {"content": f"fuzzed {number} otherwise", "certainty_score": 0.5, "project_id": "fuzz"}),
        ("memory_search", {"query": "fuzzed", "limit": 3, "tags": ["fuzz"]}),
        ("memory_update", {"memory_id": _NO_ID, "content": "never"}),
        ("memory_delete", {"memory_id": _NO_ID}),
        ("memory_context", {"query": f"fuzzed {number}", "session_id": f"fuzzed {number % 7}"}),
        ("memory_stats", {}),
        ("memory_search", {"query": "fuzzed", "detail": "index", "max_tokens": 200, "as_of": "2026-03-01"}),
        ("memory_context", {"max_memories": 3, "max_tokens": 200}),
        ("memory_context", {"query": f"fuzzed {number}"}),
    ]
    others: list[tuple[str, dict[str, Json]]] = [
        ("initialize", copy.deepcopy(_HELLO)), ("ping", {}), ("tools/list", {}), ("tools/list", {"cursor": "x"}),
        ("server/discover", {}), ("prompts/list", {}), ("resources/list", {}), ("resources/templates/list", {}),
        ("prompts/get", {"name": "x"}), ("prompts/get", {"name": "recall", "arguments": {"query": "fuzzed"}}),
        ("prompts/get", {"name": "remember", "arguments": {"text": f"fuzzed {number}"}}),
        ("resources/read", {"uri": "memory://context"}), ("resources/read", {"uri": "memory://context/fuzz"}),
        ("logging/setLevel", {"level": "debug"}), ("notifications/initialized", {}),
        ("notifications/cancelled", {"requestId": 1}),
    ]  # fmt: skip
    return [("tools/call", {"name": name, "arguments": arguments}) for name, arguments in tools] + others


# What `json` does not write, under a text that stands for it in a message.
RAW = {
    "<deep list>": b"[" * 20_000 + b"]" * 20_000,
    "<deep object>": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "<open lists>": b"[" * 20_000,
    "<digits>": b"9" * 5_000,
    "<1e999>": b"1e999",
    "<tiny>": b"1e-999",
    "<NaN>": b"NaN",
    "<infinity>": b"-Infinity",
    "<half a pair>": b'"\\ud800"',
    "<reversed pair>": b'"\\udc00\\ud800"',
    "<bad escape>": b'"\\x"',
    "<bad UTF-8>": b'"\xff\xfe"',
    "<control character>": b'"\x01"',
}
