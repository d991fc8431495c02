"""JSON-RPC and MCP as the bridge needs them: what kind of message a line is, its headers, the replies of our own.

Pure: no socket, no file. Knows no tool.
"""

import json

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
NO_SERVER = -32000

# The revisions that begin with `initialize`, newest last. Later ones carry their version in every request.
HANDSHAKE_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
_VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
_CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}

Id = str | int | float


class MalformedError(Exception):
    """A line that is no message; carries the replies to give."""

    def __init__(self, *replies: bytes) -> None:
        super().__init__()
        self.replies = replies


class Message:
    """One message of the client. `id` is None for a notification and for an answer; `method` is "" for an answer.

    `version` is the protocol version that the message itself names: set in the era without `initialize`.
    """

    __slots__ = ("id", "method", "params", "raw", "version")

    def __init__(self, raw: bytes, id: Id | None, method: str, params: dict[str, object]) -> None:  # noqa: A002
        self.raw = raw
        self.id = id
        self.method = method
        self.params = params
        meta = params.get("_meta")
        version = meta.get(_VERSION_KEY) if isinstance(meta, dict) else None
        self.version = version if isinstance(version, str) else None

    def headers(self, negotiated: str | None) -> dict[str, str]:
        """The headers that MCP over HTTP wants, in the era of this message."""
        if self.version is None:
            return {"MCP-Protocol-Version": negotiated} if negotiated and self.method != "initialize" else {}
        headers = {"MCP-Protocol-Version": _header_value(self.version), "Mcp-Method": _header_value(self.method)}
        name = self.params.get(_NAMED_BY.get(self.method, ""))
        if isinstance(name, str):
            headers["Mcp-Name"] = _header_value(name)
        return headers


def parsed(line: bytes) -> Message:
    """Raises MalformedError."""
    try:
        document = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise MalformedError(error(None, PARSE_ERROR, "This line is not JSON")) from None
    if isinstance(document, list):
        ids = [_id_of(item) for item in document if isinstance(item, dict)]
        text = "Batches are not supported; send one message a line"
        asked = [error(one, INVALID_REQUEST, text) for one in ids if one is not None]
        raise MalformedError(*(asked or [error(None, INVALID_REQUEST, text)]))
    if not isinstance(document, dict):
        raise MalformedError(error(None, INVALID_REQUEST, "A message is a JSON object"))
    method, params = document.get("method"), document.get("params")
    known = _id_of(document)
    if "id" in document and known is None:
        raise MalformedError(error(None, INVALID_REQUEST, "An id is a text or a number"))
    if method is None and known is not None and ("result" in document or "error" in document):
        return Message(line, None, "", {})
    if not isinstance(method, str):
        raise MalformedError(error(known, INVALID_REQUEST, "A message has a method"))
    return Message(line, known, method, params if isinstance(params, dict) else {})


def request(method: str, version: str | None) -> Message:
    """A request of our own; `version` is given in the era without `initialize`."""
    params: dict[str, object] = {}
    if version is not None:
        params["_meta"] = {_VERSION_KEY: version, _CAPABILITIES_KEY: {}}
    document = {"jsonrpc": "2.0", "id": "memory-client", "method": method, "params": params}
    return Message(line_of(document), "memory-client", method, params)


def restored(reply: dict[str, object], message: Message) -> dict[str, object]:
    """`reply` with the id of its request, which a server that could not read the request does not know."""
    return {**reply, "id": message.id} if reply.get("id") is None else reply


def failed(message: Message, text: str) -> bytes:
    """The reply to a request that could not be served. A failed tool call is a result: that the model gets to read."""
    if message.method != "tools/call":
        return error(message.id, NO_SERVER, text)
    return told(message, text, is_error=True)


def told(message: Message, text: str, *, is_error: bool = False) -> bytes:
    """A sentence of our own as the result of a tool call."""
    result: dict[str, object] = {"content": [{"type": "text", "text": text}], "isError": is_error}
    if message.version is not None:
        result["resultType"] = "complete"
    return answer(message, result)


def answer(message: Message, result: object) -> bytes:
    return line_of({"jsonrpc": "2.0", "id": message.id, "result": result})


def error(to: Id | None, code: int, text: str) -> bytes:
    return line_of({"jsonrpc": "2.0", "id": to, "error": {"code": code, "message": text}})


def notification(method: str) -> bytes:
    return line_of({"jsonrpc": "2.0", "method": method})


def line_of(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _id_of(document: dict[str, object]) -> Id | None:
    known = document.get("id")
    return known if isinstance(known, (str, int, float)) and not isinstance(known, bool) else None


def _header_value(text: str) -> str:
    """`text`, or what MCP writes for one that a header cannot carry as it is."""
    if text.isascii() and text.isprintable() and text == text.strip() and not text.startswith("=?base64?"):
        return text
    from base64 import b64encode  # no tool of ours is named so

    return f"=?base64?{b64encode(text.encode('utf-8', 'replace')).decode()}?="
