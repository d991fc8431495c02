"""The vocabulary survives its own encoding, and its defaults are the documented ones."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from memory_core.errors import InvalidError
from memory_core.types import (
    Context,
    ContextQuery,
    ListQuery,
    Memory,
    MemoryPage,
    MemoryPatch,
    MemoryType,
    ModelChoice,
    NewMemory,
    PurgeQuery,
    Scope,
    SearchHit,
    SearchMode,
    SearchQuery,
    SearchResult,
    TagsMatch,
)

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
content = text.filter(str.strip)
name = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(str.strip)
tags = st.lists(name, max_size=5).map(tuple)
scores = st.floats(0, 1)
moments = st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1))  # noqa: DTZ001  hypothesis adds the zone
types = st.sampled_from(MemoryType)
optional_name = st.none() | name

news = st.builds(
    NewMemory,
    content=content,
    memory_type=types,
    tags=tags,
    source=optional_name,
    project_id=st.just(UNSET) | optional_name,
    client_id=optional_name,
    session_id=optional_name,
    certainty_score=scores,
    quality_score=scores,
)
patches = st.builds(
    MemoryPatch,
    content=st.just(UNSET) | content,
    memory_type=st.just(UNSET) | types,
    tags=st.just(UNSET) | tags,
    source=st.just(UNSET) | optional_name,
    project_id=st.just(UNSET) | optional_name,
    certainty_score=st.just(UNSET) | scores,
    quality_score=st.just(UNSET) | scores,
)
memory_fields: dict[str, st.SearchStrategy[Any]] = {
    "id": st.uuids().map(lambda u: u.hex),
    "content": content,
    "memory_type": types,
    "tags": tags,
    "source": optional_name,
    "project_id": optional_name,
    "client_id": optional_name,
    "session_id": optional_name,
    "certainty_score": scores,
    "quality_score": scores,
    "created_at": moments,
    "updated_at": moments,
    "deleted_at": st.none() | moments,
}
memories = st.builds(Memory, **memory_fields)
hits = st.builds(SearchHit, score=scores, lexical=st.none() | scores, semantic=st.none() | scores, **memory_fields)
scope_fields: dict[str, st.SearchStrategy[Any]] = {
    "project_id": st.just(UNSET) | optional_name,
    "global_search": st.booleans(),
    "include_global": st.booleans(),
    "memory_type": st.none() | types,
    "tags": tags,
    "tags_match": st.sampled_from(TagsMatch),
    "client_id": optional_name,
    "session_id": optional_name,
    "created_after": st.none() | moments,
    "created_before": st.none() | moments,
    "min_certainty": st.none() | scores,
    "min_quality": st.none() | scores,
    "trashed": st.booleans(),
}
limits = st.integers(1, 200)
everything = st.one_of(
    news,
    patches,
    memories,
    hits,
    st.builds(Scope, **scope_fields),
    st.builds(ListQuery, limit=limits, cursor=optional_name, **scope_fields),
    st.builds(SearchQuery, query=text, search_mode=st.sampled_from(SearchMode), limit=limits, **scope_fields),
    st.builds(ContextQuery, max_memories=limits, days=st.none() | st.integers(1, 400), **scope_fields),
    st.builds(PurgeQuery, **scope_fields | {"client_id": name}),
    st.builds(SearchResult, results=st.tuples(hits), count=st.just(1), search_mode=st.just(SearchMode.HYBRID)),
    st.builds(MemoryPage, memories=st.tuples(memories), count=st.just(1)),
)


@given(everything)
def test_every_struct_is_the_same_after_json(value: msgspec.Struct) -> None:
    assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value


@given(patches)
def test_an_unset_field_is_absent_from_json_and_null_is_not(patch: MemoryPatch) -> None:
    """Absent means "leave it", null means "take it away": the difference must survive the wire."""
    assert set(msgspec.to_builtins(patch)) == set(patch.changes())


def test_the_documented_defaults() -> None:
    new = NewMemory(content="x")
    assert (new.memory_type, new.tags, new.certainty_score, new.quality_score) == ("observation", (), 0.7, 0.7)
    assert new.project_id is UNSET

    search = SearchQuery()
    assert (search.search_mode, search.limit, search.include_global, search.trashed) == ("hybrid", 20, True, False)

    assert PurgeQuery(memory_type=MemoryType.FACT).dry_run
    assert (ContextQuery().max_memories, ContextQuery().max_tokens, ContextQuery().days) == (30, 1500, None)


def test_the_seven_memory_types() -> None:
    assert [str(kind) for kind in MemoryType] == [
        "fact",
        "decision",
        "preference",
        "observation",
        "entity",
        "relation",
        "session",
    ]


@pytest.mark.parametrize(
    "moment", ["2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00", "2026-03-01T05:00:00-05:00"]
)
def test_times_become_utc_whatever_zone_they_came_with(moment: str) -> None:
    scope = msgspec.convert({"created_after": moment}, Scope)

    assert scope.created_after == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert scope.created_after.tzinfo is UTC


def test_a_memory_is_written_with_its_zone() -> None:
    east = timezone(timedelta(hours=3))
    scope = Scope(created_before=datetime(2026, 3, 1, 3, tzinfo=east))

    assert b'"created_before":"2026-03-01T00:00:00Z"' in msgspec.json.encode(scope)


def test_a_query_is_a_scope_and_keeps_unknown_fields_out() -> None:
    assert isinstance(SearchQuery(), Scope)
    with pytest.raises(msgspec.ValidationError, match="unknown field `projectId`"):
        msgspec.convert({"query": "x", "projectId": "p"}, SearchQuery)


def test_a_context_says_in_json_what_it_left_out() -> None:
    context = Context(project_id=None, has_context=False, summary="", memories=(), tokens=0)

    assert msgspec.to_builtins(context)["omitted"] == 0


@pytest.mark.parametrize("module", ["types", "errors", "memories", "files", "checks"])
def test_the_light_core_needs_nothing_heavy(module: str) -> None:
    """A hook starts a process each time: what it imports is what its user waits for."""
    heavy = ["duckdb", "numpy", "onnxruntime", "tokenizers", "httpx", "mcp", "pydantic", "fastapi", "asyncio"]
    program = f"import sys, memory_core.{module}; print([name for name in {heavy} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_choice_of_no_embedder_says_what_to_name() -> None:
    with pytest.raises(InvalidError, match="name one, such as onnx:all-MiniLM-L6-v2, or none"):
        ModelChoice(embedder=" ")
