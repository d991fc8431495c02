"""One request of MCP over HTTP: posted, and its reply as one line of JSON-RPC, whatever comes back.

Raises RejectedError for an answer that is no MCP: the page of a proxy, a refused key, another server.
"""

import json
import os
from collections.abc import Callable

from memory_client import messages
from memory_client.connection import Ticket
from memory_client.errors import RejectedError
from memory_client.messages import Message
from memory_client.sse import events
from memory_client.transport import Answer
from memory_client.upstream import Upstream

Reply = dict[str, object]


def ask(
    upstream: Upstream, message: Message, negotiated: str | None, ticket: Ticket, emit: Callable[[bytes], None], *,
    key: str | None = None,
) -> tuple[Reply, bytes]:  # fmt: skip
    """The server's reply to `message`, as a document and as a line; what it says before goes to `emit`.

    `negotiated` is the protocol version that `initialize` agreed on; the server knows `key`, by default a new one,
    again if the request is sent twice. Raises ClientError.
    """
    headers = message.headers(negotiated)
    headers["Idempotency-Key"] = key or os.urandom(16).hex()
    with upstream.post(message.raw, headers, ticket) as answer:
        if answer.content_type == "text/event-stream" and answer.status == 200:
            return _streamed(upstream.name, answer, message, emit)
        return _whole(upstream.name, answer, message)


def _streamed(name: str, answer: Answer, message: Message, emit: Callable[[bytes], None]) -> tuple[Reply, bytes]:
    for data in events(answer.lines()):
        document = _document(data)
        if document is None:
            continue
        if "method" not in document and document.get("id") in (None, message.id):
            reply = messages.restored(document, message)
            return reply, _line(reply, document, data)
        emit(_line(document, document, data))
    raise RejectedError(f"{name} ended its answer before it was complete", 502)


def _whole(name: str, answer: Answer, message: Message) -> tuple[Reply, bytes]:
    body = answer.read()
    document = _document(body)
    if document is not None and ("result" in document or isinstance(document.get("error"), dict)):
        reply = messages.restored(document, message)
        return reply, _line(reply, document, body)
    detail = document.get("detail") if document is not None else None
    raise RejectedError(_sentence(name, answer, detail if isinstance(detail, str) else ""), answer.status)


def _document(data: bytes) -> Reply | None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _line(reply: Reply, document: Reply, data: bytes) -> bytes:
    """`reply` on one line; as the server wrote it where nothing had to be mended."""
    return data if reply is document and b"\n" not in data else messages.line_of(reply)


def _sentence(name: str, answer: Answer, detail: str) -> str:
    """What a status other than success means for whoever asked."""
    because = f": {detail}" if detail else ""
    status = answer.status
    if status in (401, 403):
        return f"{name} does not accept the key; set MEMORY_API_KEY to its key{because}"
    if status == 413:
        return f"{name} does not take a request of this size{because}"
    if status == 429:
        wait = answer.headers.get("retry-after")
        return f"{name} has had too many requests from here; ask again {f'in {wait} s' if wait else 'later'}"
    if status in (200, 202, 404, 405):
        return f"{name} has no MCP endpoint at /mcp; check MEMORY_SERVER{because}"
    return f"{name} answered with status {status}{because}"
