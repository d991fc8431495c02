"""Nothing is cut and nothing is dropped on the way from another system's memory to ours."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core import checks
from memory_core.formats.found import Left
from memory_core.formats.others.draft import Draft, identity, memories, moment, score
from memory_core.types import Memory

AT = datetime(2026, 1, 1, tzinfo=UTC)
pieces = st.text("aä日\U0001f9e0 \n", min_size=1, max_size=30)


def draft(content: str = "text", **fields: Any) -> Draft:  # Any: whatever field it is
    return Draft(system="other", key=("1",), where="row 1", content=content, at=AT, **fields)


def one(draft: Draft) -> Memory:
    (memory,) = memories(draft)
    assert isinstance(memory, Memory)
    return memory


@given(pieces, st.integers(5_000, 9_000))
def test_a_long_text_becomes_several_memories_that_make_it_up_again(piece: str, times: int) -> None:
    content = "begin " + piece * times

    parts = [part for part in memories(draft(content)) if isinstance(part, Memory)]

    assert all(len(part.content.encode()) <= checks.MAX_CONTENT_BYTES for part in parts)
    assert len({part.id for part in parts}) == len(parts)
    if piece.strip():
        assert "".join(part.content for part in parts) == content
    if len(parts) > 1:
        assert parts[0].tags == (f"part 1 of {len(parts)}",)
        assert parts[0].id == one(draft()).id  # the first keeps the id that a shorter text has


def test_a_long_text_is_cut_between_paragraphs() -> None:
    paragraph = "word " * 500 + "\n\n"

    first, *_ = memories(draft(paragraph * 40))

    assert isinstance(first, Memory)
    assert first.content.endswith("\n\n")


def test_names_that_do_not_fit_stand_below_the_text() -> None:
    memory = one(draft(project_id="p" * 300, client_id="two\nlines", session_id=" "))

    assert (memory.project_id, memory.client_id, memory.session_id) == (None, None, None)
    assert memory.content == f"text\n\nproject_id: {'p' * 300}\nclient_id: two\nlines"


def test_tags_that_are_too_many_or_too_long_stand_below_the_text() -> None:
    memory = one(draft(tags=[" a ", "a", "", "t" * 129, *(f"n{number}" for number in range(70))]))

    assert memory.tags[:2] == ("a", "n0")
    assert len(memory.tags) == checks.MAX_TAGS - 1
    assert f"tag: {'t' * 129}" in memory.content
    assert memory.content.endswith("tag: n69")


def test_further_values_become_tags_or_lines() -> None:
    values = {"host": "desk", "size": 3, "done": True, "long": "x" * 61, "list": [1], "none": None, "empty": ""}

    memory = one(draft(further=values))

    assert memory.tags == ("host:desk", "size:3", "done:true")
    assert memory.content == f"text\n\nlong: {'x' * 61}\nlist: [1]"


@pytest.mark.parametrize("content", ["", "  \n", "a\0b", "half \ud800"])
def test_what_cannot_be_kept_is_left(content: str) -> None:
    (left,) = memories(draft(content))

    assert isinstance(left, Left)
    assert left.where == "row 1"


def test_ids_never_change_between_versions() -> None:
    """A second import finds what the first one brought by these."""
    assert identity("other", "1") == "d80170c10b6c5ae90c84fc2320c1d903"
    assert identity("other", "1", "2") != identity("other", "12")
    assert identity("other", "a:1", "b") != identity("other", "a", "1:b")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1767225600, AT),
        (1767225600.0, AT),
        (1767225600000, AT),
        ("2026-01-01T00:00:00Z", AT),
        ("2026-01-01T01:00:00+01:00", AT),
        ("2026-01-01 00:00:00", AT),
        ("2026-01-01", AT),
        ("yesterday", None),
        ("", None),
        (None, None),
        (True, None),
        (1e300, None),
        (float("nan"), None),
        ("0001-01-01T00:00:00+14:00", None),
        ([], None),
    ],
)
def test_times_are_read_as_other_systems_write_them(value: object, expected: datetime | None) -> None:
    assert moment(value) == expected


def test_only_a_number_from_0_to_1_is_a_score() -> None:
    assert [score(value) for value in (0.2, 1, 3, True, "0.2", float("nan"), None)] == [
        0.2,
        1.0,
        0.7,
        0.7,
        0.7,
        0.7,
        0.7,
    ]
