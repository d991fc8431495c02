"""What the bridge makes of a line, and the replies of its own."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_client import messages
from memory_client.messages import MalformedError, parsed

CALL = b'{"id":7,"method":"tools/call"}'
MODERN = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}'


def replies_to(line: bytes) -> list[dict[str, object]]:
    with pytest.raises(MalformedError) as malformed:
        parsed(line)
    return [json.loads(reply) for reply in malformed.value.replies]


@pytest.mark.parametrize("line", [b"{", b"nonsense", b"\xff\xfe", b"[" * 100_000, b"9" * 5000 + b"x", b'{"id":'])
def test_a_line_that_is_not_json_gets_a_parse_error(line: bytes) -> None:
    (reply,) = replies_to(line)
    assert reply["id"] is None
    assert reply["error"] == {"code": -32700, "message": "This line is not JSON"}


@pytest.mark.parametrize(
    "line", [b"1", b'"x"', b"null", b"{}", b'{"jsonrpc":"2.0","method":1}', b'{"id":null,"method":"ping"}',
             b'{"id":true,"method":"ping"}', b'{"id":{},"method":"ping"}', b'{"result":{}}']
)  # fmt: skip
def test_a_line_that_is_no_message_gets_an_invalid_request(line: bytes) -> None:
    (reply,) = replies_to(line)
    assert reply["id"] is None
    assert isinstance(reply["error"], dict)
    assert reply["error"]["code"] == -32600


def test_each_request_of_a_batch_gets_its_reply() -> None:
    """Nobody must wait for an answer that does not come."""
    batch = b'[{"id":1,"method":"a"},{"method":"n"},{"id":"x","method":"b"}]'

    assert [reply["id"] for reply in replies_to(batch)] == [1, "x"]
    assert [reply["id"] for reply in replies_to(b"[]")] == [None]


def test_an_answer_to_the_server_is_passed_on_and_expects_nothing() -> None:
    message = parsed(b'{"jsonrpc":"2.0","id":4,"result":{}}')
    assert (message.id, message.method) == (None, "")


def test_in_the_era_of_initialize_the_agreed_version_is_sent() -> None:
    first = parsed(b'{"id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}')
    second = parsed(b'{"id":2,"method":"tools/call","params":{"name":"memory_search"}}')

    assert first.headers("2025-06-18") == {}
    assert second.headers(None) == {}
    assert second.headers("2025-06-18") == {"MCP-Protocol-Version": "2025-06-18"}


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tools/call", '"name":"memory_search"', "memory_search"),
        ("resources/read", '"uri":"memory://x"', "memory://x"),
        ("prompts/get", '"name":"Grüße"', "=?base64?R3LDvMOfZQ==?="),
        ("prompts/get", '"name":" x"', "=?base64?IHg=?="),
        ("prompts/get", '"name":"a\\r\\nX-API-Key: k"', "=?base64?YQ0KWC1BUEktS2V5OiBr?="),
        ("prompts/get", '"name":"=?base64?eA==?="', "=?base64?PT9iYXNlNjQ/ZUE9PT89?="),
        ("tools/list", '"name":"x"', None),
    ],
)
def test_in_the_era_without_initialize_headers_repeat_the_request(method: str, params: str, name: str | None) -> None:
    message = parsed(f'{{"id":1,"method":"{method}","params":{{{params},{MODERN}}}}}'.encode())

    expected = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    assert message.headers("2025-06-18") == expected | ({"Mcp-Name": name} if name is not None else {})


def test_a_tool_call_fails_as_a_result_that_the_model_reads() -> None:
    old = json.loads(messages.failed(parsed(b'{"id":7,"method":"tools/call"}'), "Away."))
    new = json.loads(
        messages.failed(parsed(f'{{"id":7,"method":"tools/call","params":{{{MODERN}}}}}'.encode()), "Away.")
    )

    result = {"content": [{"type": "text", "text": "Away."}], "isError": True}
    assert old == {"jsonrpc": "2.0", "id": 7, "result": result}
    assert new == {"jsonrpc": "2.0", "id": 7, "result": {**result, "resultType": "complete"}}


def test_another_request_fails_as_an_error() -> None:
    reply = json.loads(messages.failed(parsed(b'{"id":"a","method":"prompts/list"}'), "Away."))
    assert reply == {"jsonrpc": "2.0", "id": "a", "error": {"code": -32000, "message": "Away."}}


@given(st.binary())
def test_any_line_is_a_message_or_gets_replies(line: bytes) -> None:
    try:
        passed_on, replies = parsed(line).raw, ()
    except MalformedError as malformed:
        passed_on, replies = line, malformed.replies

    assert passed_on == line
    assert all(json.loads(reply)["error"] for reply in replies)
