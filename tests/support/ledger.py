"""A server that does what the contract says of idempotency keys, on a real socket, and notes what it did.

with ledger(port) as server:
    ...
    assert server.done == ["add: We deploy on Fridays"]

It can be told to lose its answers, to refuse, or to answer with any status; and it can be started at a port where
nobody was before. Tools and memories are only as real as a client needs them.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from support.answering import Answer, answering
from support.samples import a_memory

READS = {"annotations": {"readOnlyHint": True}, "inputSchema": {"type": "object"}}
WRITES = {"annotations": {"readOnlyHint": False}, "inputSchema": {"type": "object"}}
TOOLS = [
    {"name": "memory_search", **READS},
    {"name": "memory_add", **WRITES},
    {"name": "memory_update", **WRITES},
    {"name": "memory_delete", **WRITES},
    {"name": "memory_undescribed", "inputSchema": {"type": "object"}},
]
Fault = Callable[[str], Answer | None]


def problem(status: int, code: str, detail: str, **headers: str) -> Answer:
    body = {"type": "urn:x", "title": "T", "status": status, "code": code, "detail": detail}
    return status, {"Content-Type": "application/problem+json", **headers}, json.dumps(body).encode()


class Ledger:
    """`done` are the writes that were carried out, in order; `requests` the headers of all that came."""

    def __init__(self, key: str | None = None) -> None:
        self.key = key
        self.done: list[str] = []
        self.requests: list[dict[str, str]] = []
        self.replayed = 0
        self.losing = 0  # of so many writes to come, the answer is lost
        self.fault: Fault = lambda _: None  # what to answer instead, for the text of a write
        self.reached = threading.Event()  # a write has come
        self._answers: dict[str, tuple[str, Answer]] = {}
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """None: the connection is cut."""
        with self._lock:
            self.requests.append({**headers, ":path": f"{method} {path}"})
            if self.key is not None and headers.get("x-api-key") != self.key:
                return problem(401, "unauthorized", "no such key")
            written = _written(method, path, body)
            if written is None:
                return _read(path, body)
            return self._once(written, headers, f"{method} {path} {hashlib.sha256(body).hexdigest()}", path, body)

    def _once(self, text: str, headers: dict[str, str], asked: str, path: str, body: bytes) -> Answer | None:
        self.reached.set()
        key = headers.get("idempotency-key")
        assert key, f"a write without a key: {asked}"
        if key in self._answers:
            before, answer = self._answers[key]
            if before != asked:
                return problem(422, "invalid", "this key was used for another request")
            self.replayed += 1
            answer = answer[0], {**answer[1], "Idempotency-Replayed": "true"}, answer[2]
        else:
            fault = self.fault(text)
            if fault is not None:
                return fault
            self.done.append(text)
            answer = _done(text, path, body)
            self._answers[key] = asked, answer
        if self.losing:
            self.losing -= 1
            return None
        return answer


def _written(method: str, path: str, body: bytes) -> str | None:
    """The write in a line; null for a request that only reads."""
    if path == "/mcp":
        message = json.loads(body)
        name, arguments = message.get("params", {}).get("name", ""), message.get("params", {}).get("arguments", {})
        if message["method"] != "tools/call" or name == "memory_search":
            return None
        return f"{name.removeprefix('memory_')}: {arguments.get('content') or arguments.get('memory_id')}"
    if method == "GET" or path.endswith("/search"):
        return None
    verb = {"POST": "add", "PATCH": "update", "DELETE": "delete"}[method]
    return f"{verb}: {json.loads(body).get('content') if body else path.rpartition('/')[2]}"


def _done(text: str, path: str, body: bytes) -> Answer:
    if path == "/mcp":
        return _result(body, {"content": [{"type": "text", "text": f"Done: {text}"}], "isError": False})
    memory = json.loads(msgspec.json.encode(a_memory(text.partition(": ")[2])))
    return _json({"deleted": memory["id"], "memory": memory} if text.startswith("delete") else memory)


def _read(path: str, body: bytes) -> Answer:
    if path != "/mcp":
        return _json({"results": [], "count": 0, "search_mode": "keyword"})
    message = json.loads(body)
    if "id" not in message:
        return 202, {}, b""
    results: dict[str, Any] = {
        "initialize": {
            "protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "m", "version": "1"},
        },
        "tools/list": {"tools": TOOLS},
        "tools/call": {"content": [{"type": "text", "text": "Found nothing"}]},
    }  # fmt: skip
    return _result(body, results.get(message["method"], {}))


def tool_error(body: bytes, code: str, sentence: str) -> Answer:
    meta = {"claude-memory/code": code}
    return _result(body, {"content": [{"type": "text", "text": sentence}], "isError": True, "_meta": meta})


def _result(body: bytes, result: dict[str, Any]) -> Answer:
    return _json({"jsonrpc": "2.0", "id": json.loads(body).get("id"), "result": result})


def _json(document: dict[str, Any]) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()


@contextlib.contextmanager
def ledger(port: int = 0, *, key: str | None = None, of: Ledger | None = None) -> Iterator[tuple[Ledger, str]]:
    """A running one, and its URL; `of` goes on with what that one has done."""
    found = of or Ledger(key)
    with answering(found.answer, port) as bound:
        yield found, f"http://127.0.0.1:{bound}"
