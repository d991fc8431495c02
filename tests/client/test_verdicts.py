"""What an answer to a kept write means: only the server's own voice delivers or refuses."""

import json
from typing import Any

import pytest

from memory_client.verdicts import DELIVERED, LATER, REFUSED, Verdict, verdict

HTML = b"<html>Sign in to the hotel's network</html>"


def of(status: int, body: object, kind: str = "application/json", **headers: str) -> Verdict:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return verdict("http://memory.lan", status, {"content-type": kind, **headers}, content)


def problem(code: str) -> dict[str, Any]:
    return {"type": "t", "title": "T", "status": 0, "code": code, "detail": f"the sentence of {code}"}


def tool(text: str, code: str | None = None) -> dict[str, Any]:
    result: dict[str, Any] = {"content": [{"type": "text", "text": text}], "isError": code is not None}
    return {"jsonrpc": "2.0", "id": 1, "result": {**result, "_meta": {"claude-memory/code": code}}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"id": "1a2b"}, DELIVERED),
        (201, {"id": "1a2b"}, DELIVERED),
        (200, tool("Kept"), DELIVERED),
        (404, problem("not-found"), REFUSED),
        (409, problem("conflict"), REFUSED),
        (409, problem("ambiguous-id"), REFUSED),
        (422, problem("invalid"), REFUSED),
        (400, problem("malformed"), REFUSED),
        (413, problem("too-large"), REFUSED),
        (413, HTML, REFUSED),
        (507, problem("quota"), REFUSED),
        (200, tool("this key keeps all it may", "quota"), REFUSED),
        (200, tool("no memory 1a2b", "not-found"), REFUSED),
        (200, tool("a code of the future", "of-the-future"), REFUSED),
        (200, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "no tool x"}}, REFUSED),
        (200, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "failed"}}, LATER),
        (200, tool("disk full", "storage-full"), LATER),
        (200, tool("slow down", "rate-limited"), LATER),
        (401, problem("unauthorized"), LATER),
        (403, problem("forbidden"), LATER),
        (403, HTML, LATER),
        (404, problem("no-route"), LATER),
        (405, problem("method-not-allowed"), LATER),
        (408, HTML, LATER),
        (421, problem("misdirected"), LATER),
        (425, b"", LATER),
        (429, problem("rate-limited"), LATER),
        (500, problem("internal"), LATER),
        (502, HTML, LATER),
        (507, problem("storage-full"), LATER),
        (200, HTML, LATER),
        (200, b"", LATER),
        (200, b"[]", LATER),
        (200, {"jsonrpc": "2.0", "id": 1}, LATER),
        (202, b"", LATER),
        (404, HTML, LATER),
        (404, {"detail": "Not Found"}, LATER),
        (404, b"[" * 100_000, LATER),
    ],
)
def test_each_answer_has_its_meaning(status: int, body: object, kind: str) -> None:
    assert of(status, body).kind == kind


def test_a_streamed_answer_is_the_event_that_answers() -> None:
    progress = b'data: {"jsonrpc":"2.0","method":"notifications/progress"}\r\n\r\n'
    found = of(200, progress + b"data: " + json.dumps(tool("Kept as [1a2b]")).encode() + b"\n\n", "text/event-stream")

    assert (found.kind, found.said) == (DELIVERED, "Kept as [1a2b]")


def test_a_refusal_has_the_server_s_sentence() -> None:
    assert of(404, problem("not-found")).said == "the sentence of not-found"
    assert of(200, tool("no memory 1a2b", "not-found")).said == "no memory 1a2b"


def test_a_key_that_is_not_accepted_is_told_with_what_to_set() -> None:
    found = of(401, problem("unauthorized"))

    assert found.no_key
    assert "MEMORY_API_KEY" in found.said
    assert not of(503, problem("unavailable")).no_key


@pytest.mark.parametrize(("told", "pause_s"), [("12", 12.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("", None)])
def test_a_server_says_how_long_to_wait(told: str, pause_s: float | None) -> None:
    assert of(429, problem("rate-limited"), **{"retry-after": told}).pause_s == pause_s
