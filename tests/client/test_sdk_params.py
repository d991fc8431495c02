"""Queries as URL parameters: what the server reads back must be what was asked."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_client.rest import query_params
from memory_core.types import ContextQuery, ListQuery, MemoryType, Scope, TagsMatch


def read_back(params: list[tuple[str, str]], kind: type[Any]) -> Any:  # Any: the struct given
    """As a server reads them: a tag a parameter, an empty one is null."""
    fields: dict[str, object] = {name: value or None for name, value in params if name != "tags"}
    return msgspec.convert(fields | {"tags": [value for name, value in params if name == "tags"]}, kind, strict=False)


@pytest.mark.parametrize(
    "query",
    [
        Scope(),
        Scope(project_id=None),
        Scope(project_id="github.com/acme/shop", include_global=True, trashed=True),
        Scope(tags=("a", "b,c", "d&e=f"), tags_match=TagsMatch.ALL, memory_type=MemoryType.DECISION),
        Scope(created_after=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), min_quality=0.25),
        ListQuery(limit=3, cursor="MjAyNg=="),
        ContextQuery(days=3, global_search=True),
    ],
)
def test_every_query_survives_being_parameters(query: Scope) -> None:
    assert read_back(query_params(query), type(query)) == query


def test_an_unset_project_is_left_out_and_no_project_is_said() -> None:
    assert "project_id" not in dict(query_params(Scope()))
    assert dict(query_params(Scope(project_id=None)))["project_id"] == ""


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)


@given(st.lists(NAMES, max_size=5), st.one_of(st.none(), NAMES))
def test_whatever_the_names_are_they_come_back(tags: list[str], client_id: str | None) -> None:
    query = Scope(tags=tuple(tags), client_id=client_id)

    assert read_back(query_params(query), Scope) == query
