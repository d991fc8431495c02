"""MCP messages that nobody would send on purpose. Pure: a number and a seed decide.

A good message is changed once to three times: its values, its bytes, its headers, or how it is framed.
"""

import copy
from collections.abc import Callable, MutableMapping, MutableSequence
from random import Random
from typing import Any

from fuzz.messages import MODERN, RAW, Json, Request, good

_ODD: list[Json] = [
    *RAW, None, True, False, 0, -1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**200, 0.1, -0.0, 1e308, "", " ", "\x00",
    "x" * 70_000, "🦆" * 5_000, "\u202e", "'; DROP TABLE memories; --", "../../etc/passwd", [], [[]], [None], {},
    {"": {}}, {"__proto__": {}},
    list(range(2_000)), {str(number): number for number in range(2_000)},
]  # fmt: skip
_NAMES = [
    "", "jsonrpc", "id", "method", "params", "name", "arguments", "_meta", "content", "\x00", "__proto__", "x" * 5_000,
    "ﬁ",
]  # fmt: skip
_METHODS = [
    "", "tools/call", "tools/call ", "TOOLS/LIST", "rpc.discover", "notifications/x", "sampling/createMessage",
    "\ud800",
]  # fmt: skip
_AGAIN = [b'"id":7,', b'"method":"ping",', b'"params":{},', b'"jsonrpc":"1.0",', b'"\\u006dethod":"ping",']
_AROUND = [
    (b"\xef\xbb\xbf", b""), (b"", b"\x00"), (b" \n" * 1_000, b"\n"), (b"", b"{}"), (b"/* */", b""),
    (b"data: ", b"\n\n"),
]  # fmt: skip


def broken(number: int, *, seed: object, key: str) -> Request:
    random = Random(f"{seed}/{number}")
    made = good(random, number, key)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        change = random.choice(_CHANGES[random.choice(list(_CHANGES))])
        change(made, random)
        made.changes.append(change.__name__.strip("_"))
    return made


# Values of the message.


def _odd_value(made: Request, random: Random) -> None:
    where, name = random.choice(list(_places(made.message)) or [({}, "x")])
    where[name] = copy.deepcopy(random.choice(_ODD))


def _odd_envelope(made: Request, random: Random) -> None:
    if isinstance(made.message, dict):
        made.message[random.choice(("jsonrpc", "id", "method", "params"))] = copy.deepcopy(random.choice(_ODD))


def _left_out(made: Request, random: Random) -> None:
    where, name = random.choice(list(_places(made.message)) or [({"x": 1}, "x")])
    del where[name]


def _more(made: Request, random: Random) -> None:
    objects = [made.message, *(where[name] for where, name in _places(made.message))]
    where = random.choice([each for each in objects if isinstance(each, dict)] or [{}])
    where[random.choice(_NAMES)] = copy.deepcopy(random.choice(_ODD))


def _another_method(made: Request, random: Random) -> None:
    if isinstance(made.message, dict):
        made.message["method"] = random.choice(_METHODS)


def _an_answer(made: Request, random: Random) -> None:
    """What a client may send to a server that asked it something; this one never asks."""
    kinds: list[dict[str, Json]] = [{"result": {}}, {"error": {"code": 1, "message": "x"}}, {"result": {}, "error": {}}]
    kind = random.choice(kinds)
    made.message = {"jsonrpc": "2.0", "id": random.choice((1, "x", None)), **kind}


def _wrapped(made: Request, random: Random) -> None:
    one = made.message
    made.message = random.choice([[one], [one, one], [], [1, one], [[one]], {"params": one}, "text", 7, None])


def _places(value: Json) -> list[tuple[MutableMapping[str, Json] | MutableSequence[Json], Any]]:
    """Every place in a message that holds a value: the container, and the name or number in it."""
    inside: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list) and len(value) < 100:
        for name in list(value) if isinstance(value, dict) else range(len(value)):
            inside += [(value, name), *_places(value[name])]
    return inside


# Bytes of the body.


def _cut(made: Request, random: Random) -> None:
    body = made.bytes_of_message()
    made.body = body[: random.randrange(len(body) + 1)]


def _flipped(made: Request, random: Random) -> None:
    body = bytearray(made.bytes_of_message() or b"x")
    for _ in range(random.choice((1, 1, 5, 50))):
        body[random.randrange(len(body))] ^= 1 << random.randrange(8)
    made.body = bytes(body)


def _twice_the_key(made: Request, random: Random) -> None:
    made.body = made.bytes_of_message().replace(b"{", b"{" + random.choice(_AGAIN), 1)


def _around(made: Request, random: Random) -> None:
    before, after = random.choice(_AROUND)
    made.body = before + made.bytes_of_message() + after


def _other_encoding(made: Request, random: Random) -> None:
    text = made.bytes_of_message().decode("latin-1")
    made.body = text.encode(random.choice(("utf-16", "utf-32", "utf-16-le", "utf-7")), "replace")


def _noise(made: Request, random: Random) -> None:
    made.body = random.randbytes(random.choice((0, 1, 20, 5_000)))


def _too_long(made: Request, random: Random) -> None:
    made.body = made.bytes_of_message() + b" " * random.choice((1 << 20, 2 << 20))


# Headers, and how the body is framed.


def _odd_header(made: Request, random: Random) -> None:
    name, values = random.choice(_HEADERS)
    made.set(name, random.choice(values))


def _header_twice(made: Request, random: Random) -> None:
    name, values = random.choice(_HEADERS)
    made.headers += [(name, value) for value in random.choices(values, k=2) if value is not None]


def _other_verb(made: Request, random: Random) -> None:
    made.method = random.choice([b"GET", b"HEAD", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"FUZZ", b"post"])


def _chunked(made: Request, random: Random) -> None:
    size = random.choice((1, 7, 100, 10_000))
    end = random.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nx-trailer: 1\r\n\r\n", b"", b"zz\r\n\r\n", b"-1\r\n\r\n"))

    def frame(body: bytes) -> tuple[bytes, bytes]:
        body = body[: 2_000 * size]
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        return b"Transfer-Encoding: chunked\r\n", b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + end

    made.frame, made.incomplete = frame, not end


def _wrong_length(made: Request, random: Random) -> None:
    kind = random.choice(("short", "long", "none", "two", "negative", "huge", "both"))

    def frame(body: bytes) -> tuple[bytes, bytes]:
        lengths = {
            "short": b"Content-Length: %d\r\n" % (len(body) // 2),
            "long": b"Content-Length: %d\r\n" % (len(body) + 100),
            "none": b"",
            "two": b"Content-Length: %d\r\nContent-Length: %d\r\n" % (len(body), len(body) + 1),
            "negative": b"Content-Length: -1\r\n",
            "huge": b"Content-Length: 99999999999999999999\r\n",
            "both": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(body),
        }
        return lengths[kind], body

    made.frame, made.incomplete = frame, kind in ("long", "huge", "both")


_HEADERS: list[tuple[bytes, list[bytes | None]]] = [
    (b"Content-Type", [None, b"", b"text/plain", b"application/json; charset=utf-16", b"application/json, text/plain",
                       b"application/x-www-form-urlencoded", b"multipart/form-data", b"\xff", b"x" * 5_000]),
    (b"Accept", [None, b"", b"*/*", b"text/html", b"application/json", b"text/event-stream", b"application/json;q=0",
                 b"\xff"]),
    (b"MCP-Protocol-Version", [None, b"", b"1999-01-01", b"2025-11-25", MODERN.encode(), b"2026-07-28, 2025-06-18",
                               b"\xff", b"x" * 5_000]),
    (b"Mcp-Method", [None, b"", b"tools/list", b"tools/call", b"=?base64?AAAA?=", b"\xff\xfe", b"x" * 5_000]),
    (b"Mcp-Name", [None, b"", b"memory_delete", b"=?base64?!!!?=", b"=?base64?" + b"A" * 4_000 + b"?=", b"\xff\xfe"]),
    (b"Mcp-Session-Id", [b"", b"x", b"0" * 5_000, b"\xff"]),
    (b"Last-Event-ID", [b"0", b"\xff"]),
    (b"Content-Encoding", [b"gzip", b"br", b"identity"]),
    (b"Expect", [b"100-continue", b"200-ok"]),
    (b"Idempotency-Key", [b"", b"one", b"\xff", b"x" * 5_000]),
    (b"X-Written-Ago", [b"", b"-1", b"1e9", b"9" * 400, b"x", b"\xff"]),
    (b"X-Project-ID", [b"", b"%", b"%ff%fe", b"%00", b"x" * 5_000, b"\xff"]),
    (b"X-Client-ID", [b"", b"%E2%80%AE", b"%ff", b"x" * 5_000]),
    (b"X-Reason", [b"", b"%ff", b"x" * 5_000]),
    (b"Host", [None, b"", b"[::1", b"evil.example", b"\xff"]),
    (b"Origin", [b"null", b"http://evil.example", b"http://[", b"\xff"]),
    (b"Upgrade", [b"websocket", b"h2c"]),
]  # fmt: skip

_CHANGES: dict[str, list[Callable[[Request, Random], None]]] = {
    "values": [
        _odd_value, _odd_value, _odd_value, _odd_envelope, _left_out, _more, _another_method, _an_answer, _wrapped,
    ],
    "bytes": [_cut, _flipped, _twice_the_key, _around, _other_encoding, _noise, _too_long],
    "headers": [_odd_header, _odd_header, _header_twice, _other_verb],
    "frame": [_chunked, _wrong_length],
}  # fmt: skip
