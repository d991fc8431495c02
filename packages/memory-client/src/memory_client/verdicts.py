"""What an answer to a kept write means: it is done, it is refused for good, or it is to be sent again later.

Pure. Only the server's own voice counts: the page of a proxy or of a hotel's network neither delivers nor refuses.
"""

import json

from memory_client.sse import events

DELIVERED, REFUSED, LATER = "delivered", "refused", "later"

_NO_KEY = frozenset({401, 403})
_LATER = frozenset({408, 421, 425, 429})
_LATER_CODES = frozenset(
    {
        "unauthorized", "forbidden", "rate-limited", "unavailable", "model-unavailable", "storage-full", "internal",
        "no-route", "method-not-allowed", "misdirected",
    }
)  # fmt: skip
_NO_ROUTE = frozenset({"no-route", "method-not-allowed"})
_INTERNAL_ERROR = -32603


class Verdict:
    """`said` is the server's sentence; `pause_s` how long it wants us to wait, where it said so.

    `no_route`: a memory server that does not know such a request, an older one perhaps.
    """

    __slots__ = ("kind", "no_key", "no_route", "pause_s", "said")

    def __init__(
        self, kind: str, said: str, *, pause_s: float | None = None, no_key: bool = False, no_route: bool = False
    ) -> None:
        self.kind = kind
        self.said = said
        self.pause_s = pause_s
        self.no_key = no_key
        self.no_route = no_route


def verdict(name: str, status: int, headers: dict[str, str], body: bytes) -> Verdict:
    """`name` is the server's, for sentences of our own; `headers` have small letters."""
    document = _document(headers.get("content-type", ""), body)
    if status in _NO_KEY:
        said = f"{name} does not accept the key; set MEMORY_API_KEY to its key{_because(document)}"
        return Verdict(LATER, said, no_key=True)
    is_quota = document is not None and document.get("code") == "quota"
    # A used-up quota is for the caller to see to, and what deletes something must not wait behind what does not fit.
    if status in _LATER or (status >= 500 and not is_quota):
        said = f"{name} answered with status {status}{_because(document)}"
        return Verdict(LATER, said, pause_s=_seconds(headers.get("retry-after", "")))
    if status == 413:  # mostly a proxy's word, and never another one
        return Verdict(REFUSED, f"{name} does not take a request of this size{_because(document)}")
    if document is not None:
        found = _of_rpc(document) if "jsonrpc" in document else _of_rest(status, document)
        if found is not None:
            return found
    return Verdict(LATER, f"{name} answered with status {status}, and not as a memory server does; check MEMORY_SERVER")


def _of_rpc(document: dict[str, object]) -> Verdict | None:
    error, result = document.get("error"), document.get("result")
    if isinstance(error, dict):
        kind = LATER if error.get("code") == _INTERNAL_ERROR else REFUSED
        return Verdict(kind, str(error.get("message")))
    if not isinstance(result, dict):
        return None
    content = result.get("content")
    parts = content if isinstance(content, list) else []
    said = "\n".join(str(part.get("text")) for part in parts if isinstance(part, dict) and part.get("type") == "text")
    if result.get("isError") is not True:
        return Verdict(DELIVERED, said)
    meta = result.get("_meta")
    return _refusal(meta.get("claude-memory/code") if isinstance(meta, dict) else None, said)


def _of_rest(status: int, document: dict[str, object]) -> Verdict | None:
    if 200 <= status < 300:
        return Verdict(DELIVERED, "")
    code, detail = document.get("code"), document.get("detail")
    if not isinstance(code, str):
        return None
    return _refusal(code, detail if isinstance(detail, str) else code)


def _refusal(code: object, said: str) -> Verdict:
    """What the server's own error says: for good, unless its code tells of a state that passes."""
    kind = LATER if code in _LATER_CODES else REFUSED
    return Verdict(kind, said, no_key=code in ("unauthorized", "forbidden"), no_route=code in _NO_ROUTE)


def _document(content_type: str, body: bytes) -> dict[str, object] | None:
    if content_type.partition(";")[0].strip().lower() != "text/event-stream":
        return _parsed(body)
    found = map(_parsed, events(body.replace(b"\r\n", b"\n").split(b"\n")))
    return next((one for one in found if one is not None and "method" not in one), None)


def _parsed(body: bytes) -> dict[str, object] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _because(document: dict[str, object] | None) -> str:
    detail = None if document is None else document.get("detail")
    return f": {detail}" if isinstance(detail, str) else ""


def _seconds(retry_after: str) -> float | None:
    return float(retry_after) if retry_after.isdecimal() else None
