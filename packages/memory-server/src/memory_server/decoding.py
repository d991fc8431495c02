"""From what a caller sent to a checked struct, and, where that fails, a sentence that lets the caller mend it.

Shared by REST and the MCP tools, so that both say the same.
"""

import difflib
import functools
import re
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar, Union
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from memory_core.errors import InvalidError, TooLargeError
from memory_core.files import why_not
from memory_server.problems import malformed, unsupported_media

StructT = TypeVar("StructT", bound=msgspec.Struct)

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>\w+)`")
_ENUM = re.compile(r"Invalid enum value (?P<value>.*?)(?: - at `\$\.(?P<name>\w+).*`)?$", re.DOTALL)
_EXPECTED = re.compile(r"(?P<what>Expected .*|Invalid .*) - at `\$\.(?P<name>\w+)(?:\[.*\])?`", re.DOTALL)
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


async def read_struct(request: Request, kind: type[StructT], *, max_bytes: int) -> StructT:
    """The JSON body as `kind`: 415 for another type, 413 for too much, 400 for no JSON, 422 for what does not fit."""
    if media_type(request) != "application/json":
        # This also keeps out forms of foreign pages, which browsers send without asking.
        raise unsupported_media("application/json")
    body = await read_body(request, max_bytes=max_bytes)
    try:
        return _noted(request, msgspec.json.decode(body, type=kind))
    except msgspec.ValidationError as error:
        raise InvalidError(explain(error, kind)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = "it is nested too deep" if isinstance(error, RecursionError) else why_not(error)
        raise malformed(f"the body is not JSON: {why}") from error


def media_type(request: Request) -> str:
    """What the caller says the body is, without parameters such as a charset; empty where it says nothing."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    refuse_declared(request, max_bytes=max_bytes)
    parts = bytearray()
    async for chunk in request.stream():
        parts += chunk
        if len(parts) > max_bytes:
            raise too_large(max_bytes)
    return bytes(parts)


def refuse_declared(request: Request, *, max_bytes: int) -> None:
    """Before any of it is read, where the caller says how much is to come."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > max_bytes:
        raise too_large(max_bytes)


def too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError(f"at most {max_bytes:,} bytes fit in one request")


def read_query(request: Request, kind: type[StructT]) -> StructT:
    """The query parameters as `kind`. An empty one means null; lists are repeated parameters."""
    lists = lists_of(kind)
    given: dict[str, Any] = {}
    for name, value in parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if name in lists:
            given.setdefault(name, []).append(value)
        elif name in given:
            raise InvalidError(f"{name[:60]} is given more than once")
        else:
            given[name] = value or None
    return _noted(request, to_struct(given, kind))


def _noted(request: Request, asked: StructT) -> StructT:
    """For the audit log, which takes ids and scopes from it."""
    request.scope.setdefault("state", {}).setdefault("asked", []).append(asked)
    return asked


@functools.cache
def lists_of(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The fields of `kind` that are a tuple, or a tuple or null. Kept: it takes longer than the reading itself."""
    hints = typing.get_type_hints(kind)
    return frozenset(name for name, hint in hints.items() if _is_list(hint))


def _is_list(hint: object) -> bool:
    return any(typing.get_origin(part) is tuple for part in (hint, *typing.get_args(hint)))


def to_struct(given: Mapping[str, Any], kind: type[StructT]) -> StructT:
    """Numbers may come as text. Raises InvalidError."""
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidError(explain(error, kind)) from error


def explain(error: msgspec.ValidationError, kind: type[msgspec.Struct]) -> str:
    """msgspec's words in ours, with the near name or the choices added."""
    text = str(error)
    if found := _UNKNOWN.match(text):
        return unknown_name(found["name"], kind.__struct_fields__)
    if found := _MISSING.match(text):
        return f"{found['name']} is missing"
    if found := _ENUM.match(text):
        name = found["name"] or "it"
        return f"{name} is {found['value']}; it must be one of {', '.join(choices(kind, name))}"
    if found := _EXPECTED.match(text):
        return f"{found['name']}: {_in_words(found['what'])}"
    return f"the body: {_in_words(text)}" if text.startswith("Expected") else re.sub(r" - at `.*`$", "", text)


def _in_words(expected: str) -> str:
    if expected == "Invalid RFC3339 encoded datetime":
        return "expected a time such as 2026-11-23T08:30:00Z"
    text = re.sub(r"`(\w+)(?: \| null)?`", lambda word: _WORDS.get(word[1], word[1]), expected)
    return f"{text[0].lower()}{text[1:]}"


def unknown_name(name: str, allowed: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name.lower(), allowed, n=1, cutoff=0.5)
    near = near or [one for one in allowed if name.lower() in one.split("_")]  # `id` is short for `memory_id`
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"'{name[:60]}' is not a parameter; {hint}Allowed: {', '.join(allowed)}."


def choices(kind: type[msgspec.Struct], name: str) -> list[str]:
    """The values of the enum field `name`; empty where it is none."""
    hint = typing.get_type_hints(kind).get(name)
    parts = typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)
    enums = [part for part in parts if isinstance(part, type) and issubclass(part, Enum)]
    return [str(member.value) for enum in enums for member in enum]
