"""What each tool takes: a struct a tool, the JSON schema that a model is shown of it, and reading what a model sent.

Models quote numbers, send null for what they leave out, and copy the brackets of an id along: that is read as it was
meant. What cannot be read is answered with a sentence that mends the call.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from memory_core import checks
from memory_core.errors import InvalidError
from memory_core.moments import coming, moment
from memory_core.types import MemoryType, SearchMode
from memory_server.decoding import lists_of, to_struct

LEAST_TOKENS, MOST_TOKENS = 100, 20_000
SEARCH_TOKENS, WHOLE_TOKENS = 2_000, 8_000
"""Of an answer, where the call does not say: of a search, and of one memory in full."""

_ID = re.compile(r"[0-9a-f-]{4,64}", re.IGNORECASE)
StructT = TypeVar("StructT", bound=Struct)


class Detail(StrEnum):
    FULL = "full"
    INDEX = "index"  # a short line a memory


_UNLISTED = Meta(extra_json_schema={"enum": None})  # a model has the choices from memory_add, or from the refusal
MemoryId = Annotated[str, Meta(description="As in [1a2b3c4d]")]


class Arguments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all."""


class AddArguments(Arguments, frozen=True, kw_only=True):
    content: Annotated[str, Meta(description="One self-contained statement, with its reason and names")]
    memory_type: MemoryType = MemoryType.OBSERVATION
    tags: tuple[str, ...] = ()
    source: str | None = None
    project_id: Annotated[str, Meta(description='Default: this project. "": every project')] | UnsetType = UNSET
    certainty_score: float | None = None
    quality_score: float | None = None
    supersedes: Annotated[str, Meta(description="Id it replaces")] | None = None
    topic_key: Annotated[str, Meta(description="Same key: updates")] | None = None
    expires_at: str | None = None


class SearchArguments(Arguments, frozen=True, kw_only=True):
    query: Annotated[
        str, Meta(description='Plain words, names, errors, times; "quoted": word for word; id:1a2b3c4d: one in full')
    ] = ""
    memory_type: MemoryType | None = None
    tags: Annotated[tuple[str, ...], Meta(description="Any of these")] = ()
    client_id: Annotated[str, Meta(description="Its machine")] | None = None
    project_id: Annotated[str, Meta(description='Default: this project. "": none')] | UnsetType = UNSET
    global_search: Annotated[bool, Meta(description="All projects")] = False
    limit: Annotated[int, Meta(ge=1, le=50)] = 8
    search_mode: SearchMode = SearchMode.HYBRID
    min_certainty: float | None = None
    min_quality: float | None = None
    as_of: Annotated[str, Meta(description="What was known then")] | None = None
    detail: Annotated[Detail, Meta(description="index: short lines")] = Detail.FULL
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        _tokens(self.max_tokens)


class UpdateArguments(Arguments, frozen=True, kw_only=True):
    memory_id: MemoryId
    content: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    memory_type: Annotated[MemoryType, _UNLISTED] | UnsetType = UNSET
    certainty_score: float | UnsetType = UNSET
    quality_score: float | UnsetType = UNSET


class DeleteArguments(Arguments, frozen=True, kw_only=True):
    memory_id: MemoryId


class StatsArguments(Arguments, frozen=True, kw_only=True):
    project_id: str | UnsetType = UNSET
    global_search: bool = False


class ContextArguments(Arguments, frozen=True, kw_only=True):
    query: Annotated[str, Meta(description="Only what bears on it")] | None = None
    session_id: Annotated[str, Meta(description="Not what it was told before")] | None = None
    project_id: str | UnsetType = UNSET
    max_memories: Annotated[int, Meta(ge=1, le=200)] | None = None
    days: Annotated[int, Meta(ge=1, description="Changed in so many")] | None = None
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        _tokens(self.max_tokens)
        if self.query is not None and self.days is not None:
            raise InvalidError("days goes without query; leave one of them out")
        beside = ("project_id", "max_memories", "days")
        if self.session_id is not None and any(getattr(self, name) not in (None, UNSET) for name in beside):
            raise InvalidError("session_id goes with query and max_tokens alone; leave out the others, or session_id")


class SessionArguments(Arguments, frozen=True, kw_only=True):
    summary: str | None = None
    decisions: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    session_id: Annotated[str, Meta(description="Default: the open one")] | None = None


def read_arguments(sent: Mapping[str, Any], kind: type[StructT]) -> StructT:
    """Raises InvalidError. A list may come as its JSON, as some models write it."""
    lists = lists_of(kind)
    given = {name: _list(value) if name in lists else value for name, value in sent.items() if value is not None}
    return to_struct(given, kind)


def _list(value: object) -> object:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def named_project(project_id: str | UnsetType) -> str | UnsetType | None:
    return None if project_id == "" else project_id


def bare_id(name: str, memory_id: str) -> str:
    """Raises InvalidError for what can be no id; `name` is the parameter it came in."""
    bare = memory_id.strip().strip("[]")
    if not _ID.fullmatch(bare):
        raise InvalidError(
            f"{name} is {bare[:80]!r}; it is at least 4 hexadecimal digits, such as memory_search shows in brackets"
        )
    return bare


def past(name: str, text: str | None) -> datetime | None:
    return _moment(name, text, lambda given, now: moment(given, now=now, end_of_day=True))


def ahead(name: str, text: str | None) -> datetime | None:
    return _moment(name, text, lambda given, now: coming(given, now=now))


def _moment(name: str, text: str | None, read: Callable[[str, datetime], datetime]) -> datetime | None:
    if text is None:
        return None
    try:
        return read(text, datetime.now(UTC))
    except InvalidError as error:
        raise InvalidError(f"{name}: {error}") from None


def _tokens(value: int | None) -> None:
    if value is not None:
        checks.between("max_tokens", value, LEAST_TOKENS, MOST_TOKENS)


def input_schema(arguments: type[Struct]) -> dict[str, Any]:
    """Flat JSON schema, without references, titles, nulls, empty defaults: they cost tokens and trip some clients."""
    (_,), components = msgspec.json.schema_components([arguments], ref_template="{name}")
    described = components[arguments.__name__]
    properties = {name: _flat(schema, components) for name, schema in described["properties"].items()}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    required = described.get("required", [])
    return schema | ({"required": required} if required else {})


_NOISE = ("title", "minimum")


def _flat(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    flat = dict(schema)
    for part in flat.pop("anyOf", []):
        if part.get("type") != "null":
            flat |= part
    if name := flat.pop("$ref", None):
        flat = {"type": "string", "enum": components[name]["enum"]} | flat
        if flat["enum"] is None:
            del flat["enum"]
    for noise in _NOISE if flat.get("default") else (*_NOISE, "default"):
        flat.pop(noise, None)
    return flat
