"""One memory as Markdown: exact both ways, and plain to read."""

import pytest
from hypothesis import given

from memory_core.errors import InvalidError
from memory_core.formats.markdown import memory_of, text_of
from memory_core.types import Memory, MemoryType
from support.kept import kept, memories

WHOLE = """\
---
id: "3f2a0d1c9b8e4f7a8d6c5b4a39281706"
memory_type: "decision"
tags: ["deploy","team"]
source: "chat"
project_id: "github.com/owner/repo"
client_id: "laptop"
certainty_score: 0.9
quality_score: 0.7
created_at: "2026-11-01T09:30:00.123456Z"
updated_at: "2026-11-01T09:30:00.123456Z"
revision: 1
---

We deploy on Fridays, only after lunch
"""


@given(memories)
def test_any_memory_comes_back_exactly(memory: Memory) -> None:
    assert memory_of(text_of(memory)) == memory


def test_a_person_can_read_it() -> None:
    assert text_of(kept()).decode() == WHOLE


def test_a_file_whose_line_ends_a_tool_rewrote_is_the_same_memory() -> None:
    assert memory_of(WHOLE.replace("\n", "\r\n").encode()) == kept()
    assert memory_of(b"\xef\xbb\xbf" + WHOLE.encode()) == kept()


def test_a_person_may_change_it_by_hand() -> None:
    changed = WHOLE.replace('"decision"', '"fact"').replace("Fridays", "Mondays").removesuffix("\n")

    memory = memory_of(changed.encode())

    assert memory.memory_type is MemoryType.FACT
    assert memory.content == "We deploy on Mondays, only after lunch"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("---\n", "", "no front matter"),
        ("revision: 1\n---", "revision: 1", "no front matter"),
        ('"chat"', "chat", "a name, a colon and JSON"),
        ("source:", "mood:", "the field mood"),
        ("client_id:", "source:", "a field twice"),
        ('id: "3f2a0d1c9b8e4f7a8d6c5b4a39281706"\n', "", "id"),
        ("We deploy on Fridays, only after lunch", "", "content is empty"),
        ("revision: 1", "revision: 0", "revision is 0"),
    ],
)
def test_a_file_that_is_no_memory_says_why(before: str, after: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        memory_of(WHOLE.replace(before, after, 1).encode())
