"""Broken MCP messages to a real server, by the thousand: each is answered as HTTP and JSON-RPC want it.

What an answer may be: a JSON-RPC result or error, a problem (RFC 9457), 202 without a body for what wants no answer;
where HTTP itself was broken, plain text or the end of the connection. Never a 5xx, never silence, and no memory that
was not acknowledged.
"""

import http.client
import json
import socket
from collections import Counter
from typing import Any

import httpx

from fuzz.changes import broken
from fuzz.messages import Request
from support.servers import RunningServer

TIMEOUT_S = 30.0
_FRAMED_WRONG = {"wrong_length", "chunked"}
_SHOWN = 300


class Fuzzed:
    """`complaints` name the number of the message, which with the seed makes it again."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.answers: Counter[str] = Counter()
        self.kept = 0
        self.perhaps_kept = 0  # the connection ended with the answer unread, because more was sent than belonged to it

    def summary(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self.answers.most_common())


def fuzz(server: RunningServer, *, messages: int, seed: object) -> Fuzzed:
    """`messages` of them, and a look afterwards at what is stored and whether the server is well.

    The server is one of a single machine (`--local`): others limit how many messages a minute they take.
    """
    key = json.loads((server.data_dir / "server.json").read_text(encoding="utf-8"))["token"]
    fuzzed, before = Fuzzed(), _memories(server, key)
    for number in range(messages):
        made = broken(number, seed=seed, key=key)
        complaint = _tried(server.port, made, fuzzed)
        if complaint is not None:
            fuzzed.complaints.append(f"message {number} ({', '.join(made.changes)}): {complaint}")
    if server.process.poll() is not None:
        fuzzed.complaints.append(f"the server ended with {server.process.returncode}")
        return fuzzed
    added = _memories(server, key) - before
    if not fuzzed.kept <= added <= fuzzed.kept + fuzzed.perhaps_kept:
        fuzzed.complaints.append(f"{added} memories were added, and {fuzzed.kept} acknowledged")
    return fuzzed


def _tried(port: int, made: Request, fuzzed: Fuzzed) -> str | None:
    try:
        status, media, body = _exchanged(port, made)
    except TimeoutError:
        return f"no answer within {TIMEOUT_S:.0f} s"
    except (OSError, http.client.HTTPException) as error:
        fuzzed.answers["hung up"] += 1
        fuzzed.perhaps_kept += b"memory_add" in made.bytes_of_message()
        return None if _FRAMED_WRONG & set(made.changes) or _is_odd_http(made) else f"hung up: {type(error).__name__}"
    kind = _kind_of(made, status, media, body)
    fuzzed.answers[kind] += 1
    fuzzed.kept += body.count(b"Kept as [")
    return None if kind in _GOOD else f"{kind}: {status} {media} {body[:_SHOWN]!r}"


_GOOD = {"result", "error", "problem", "accepted", "not HTTP", "not MCP"}


def _kind_of(made: Request, status: int, media: str, body: bytes) -> str:
    if status >= 500:
        return "a server error"
    if made.method == b"HEAD":
        return "not MCP" if not body else "a HEAD with a body"
    if status == 202:
        return "accepted" if not body else "accepted, with a body"
    if media == "application/problem+json":
        return "problem" if _is_problem(body, status) else "a wrong problem"
    if media in ("application/json", "text/event-stream"):
        return _rpc_kind(made, body, media)
    if status == 406 and not body:  # the SDK's answer of the newer era to an Accept that it cannot serve
        return "not MCP"
    return "not HTTP" if status in (400, 431) else "neither JSON-RPC nor a problem"


def _rpc_kind(made: Request, body: bytes, media: str) -> str:
    try:
        text = body.decode()
        if media == "text/event-stream":
            text = "".join(line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:"))
        answer = json.loads(text)
    except ValueError:
        return "no JSON"
    if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0" or len({"result", "error"} & answer.keys()) != 1:
        return "no JSON-RPC"
    if answer.get("id") is not None and answer["id"] not in _ids(made):
        return "an answer to another id"
    if "result" in answer:
        return "result" if answer.get("id") is not None else "a result without id"
    error = answer["error"]
    right = isinstance(error.get("code"), int) and isinstance(error.get("message"), str)
    return "error" if right else "a wrong error"


def _ids(made: Request) -> list[Any]:
    """What may be repeated: the ids that can be read in the body, the last of two with one name included."""
    try:
        found = json.loads(made.bytes_of_message())
    except (ValueError, RecursionError):
        return [made.message.get("id")] if isinstance(made.message, dict) else []
    return [found.get("id")] if isinstance(found, dict) else []


def _is_problem(body: bytes, status: int) -> bool:
    problem = json.loads(body)
    return problem["status"] == status and isinstance(problem["detail"], str) and problem["type"].startswith("urn:")


def _exchanged(port: int, made: Request) -> tuple[int, str, bytes]:
    """Status, media type and body. Raises OSError, HTTPException."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
        try:
            connection.sendall(made.raw())
            if made.incomplete:  # of a whole request it would mean that nobody waits for the answer
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the answer came before all was sent
        answer = http.client.HTTPResponse(connection, method=made.method.decode())
        answer.begin()
        media = (answer.getheader("content-type") or "").partition(";")[0]
        return answer.status, media, answer.read()


def _is_odd_http(made: Request) -> bool:
    odd = any(b"\xff" in value or len(value) > 4_000 for _, value in made.headers)
    return odd or len(made.bytes_of_message()) > 1 << 20


def _memories(server: RunningServer, key: str) -> int:
    answer = httpx.get(f"{server.url}/stats?global_search=true", headers={"X-API-Key": key}, timeout=TIMEOUT_S)
    return int(answer.raise_for_status().json()["total_memories"])
