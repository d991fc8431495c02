"""Each field's limits, and the sentence that tells a person which one was passed."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from memory_core.errors import InvalidError
from memory_core.types import (
    ContextQuery,
    ListQuery,
    MemoryPatch,
    NewMemory,
    PurgeQuery,
    Scope,
    SearchQuery,
)

LONE_SURROGATE = "\ud83d"

REFUSED: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (NewMemory, {"content": ""}, "content is empty; a memory needs some text"),
    (NewMemory, {"content": " \n\t\u3000"}, "content is empty; a memory needs some text"),
    (NewMemory, {"content": "a\0b"}, "content contains a NUL character"),
    (NewMemory, {"content": f"a{LONE_SURROGATE}"}, "content contains half of a surrogate pair, which is not text"),
    (NewMemory, {"content": "é" * 32_769}, "content is 65,538 bytes; at most 65,536 fit. Keep it as several memories"),
    (NewMemory, {"content": "x", "tags": [f"t{i}" for i in range(65)]}, "65 tags were given; at most 64 fit"),
    (NewMemory, {"content": "x", "tags": ["a", " "]}, "a tag is empty"),
    (NewMemory, {"content": "x", "tags": ["t" * 129]}, "a tag is 129 characters long; at most 128 fit"),
    (NewMemory, {"content": "x", "tags": ["a\0"]}, "tags contains a NUL character"),
    (NewMemory, {"content": "x", "source": " "}, "source is empty; leave it out instead"),
    (NewMemory, {"content": "x", "project_id": "p" * 257}, "project_id is 257 characters long; at most 256 fit"),
    (NewMemory, {"content": "x", "client_id": "a\nb"}, "client_id contains a control character"),
    (NewMemory, {"content": "x", "session_id": "a\x7f"}, "session_id contains a control character"),
    (NewMemory, {"content": "x", "certainty_score": 1.01}, "certainty_score is 1.01; it goes from 0 to 1"),
    (NewMemory, {"content": "x", "quality_score": -0.5}, "quality_score is -0.5; it goes from 0 to 1"),
    (NewMemory, {"content": "x", "quality_score": math.nan}, "quality_score is nan; it goes from 0 to 1"),
    (NewMemory, {"content": "x", "quality_score": math.inf}, "quality_score is inf; it goes from 0 to 1"),
    (MemoryPatch, {"content": ""}, "content is empty; a memory needs some text"),
    (MemoryPatch, {"tags": [""]}, "a tag is empty"),
    (MemoryPatch, {"source": ""}, "source is empty; leave it out instead"),
    (MemoryPatch, {"certainty_score": 2.0}, "certainty_score is 2.0; it goes from 0 to 1"),
    (Scope, {"project_id": ""}, "project_id is empty; leave it out instead"),
    (Scope, {"min_quality": 7.0}, "min_quality is 7.0; it goes from 0 to 1"),
    (SearchQuery, {"query": "q" * 4_001}, "query is 4,001 characters long; at most 4,000 fit"),
    (SearchQuery, {"query": "\0"}, "query contains a NUL character"),
    (SearchQuery, {"limit": 0}, "limit is 0; it goes from 1 to 200"),
    (SearchQuery, {"limit": 201}, "limit is 201; it goes from 1 to 200"),
    (SearchQuery, {"min_score": -1.0}, "min_score is -1.0; it goes from 0 to 1"),
    (ListQuery, {"limit": -5}, "limit is -5; it goes from 1 to 200"),
    (ContextQuery, {"max_memories": 0}, "max_memories is 0; it goes from 1 to 200"),
    (ContextQuery, {"max_tokens": 49}, "max_tokens is 49; it goes from 50 to 20000"),
    (ContextQuery, {"days": 0}, "days is 0; it goes from 1 to 36500"),
    (PurgeQuery, {"project_id": "p", "older_than_days": -1}, "older_than_days is -1; it goes from 0 to 36500"),
    (PurgeQuery, {"content_contains": ""}, "content_contains is empty"),
    (PurgeQuery, {}, "purge needs at least one filter"),
    (PurgeQuery, {"dry_run": False, "include_global": True}, "purge needs at least one filter"),
    (PurgeQuery, {"project_id": "p", "global_search": True}, "purge needs at least one filter"),
]


def names(case: object) -> str:
    return case.__name__ if isinstance(case, type) else ""


@pytest.mark.parametrize(("struct", "fields", "sentence"), REFUSED, ids=names)
def test_what_does_not_fit_is_refused_with_a_sentence(
    struct: Callable[..., Any], fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidError) as refusal:
        struct(**fields)

    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(("struct", "fields", "sentence"), REFUSED, ids=names)
def test_decoding_refuses_with_the_same_sentence(struct: type, fields: dict[str, Any], sentence: str) -> None:
    """One sentence for a program that constructs and for a body that arrives."""
    with pytest.raises(msgspec.ValidationError) as refusal:
        msgspec.convert(fields, struct)

    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"content": "x", "memory_type": "opinion"}', "Invalid enum value 'opinion'"),
        (b'{"content": 5}', "Expected `str`"),
        (b'{"content": "x", "colour": "red"}', "Object contains unknown field `colour`"),
        (b"{}", "Object missing required field `content`"),
        (b'{"content": "x", "certainty_score": "high"}', "Expected `float`"),
    ],
)
def test_a_body_of_another_shape_is_refused(body: bytes, sentence: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=sentence):
        msgspec.json.decode(body, type=NewMemory)


def test_the_greatest_values_fit() -> None:
    NewMemory(
        content="é" * 32_768,
        tags=tuple(f"{i:0128}" for i in range(64)),
        source="s" * 256,
        certainty_score=0,
        quality_score=1,
    )
    SearchQuery(query="q" * 4_000, limit=200, min_score=1.0)
    ContextQuery(max_memories=200, max_tokens=20_000, days=36_500)


def test_tags_are_stripped_and_lose_their_repetitions() -> None:
    new = NewMemory(content="x", tags=(" b", "a", "b ", "A"))

    assert new.tags == ("b", "a", "A")


@pytest.mark.parametrize(
    "fields",
    [
        {"project_id": None},
        {"project_id": "p"},
        {"memory_type": "fact"},
        {"tags": ("t",)},
        {"client_id": "c"},
        {"session_id": "s"},
        {"created_before": datetime(2026, 1, 1, tzinfo=UTC)},
        {"created_after": datetime(2026, 1, 1, tzinfo=UTC)},
        {"older_than_days": 0},
        {"content_contains": "x"},
        {"global_search": True, "older_than_days": 30},
    ],
)
def test_any_filter_is_enough_for_a_purge(fields: dict[str, Any]) -> None:
    assert PurgeQuery(**fields).dry_run
