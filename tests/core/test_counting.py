"""What is counted stands in the singular where there is one of it."""

import pytest

from memory_core.counting import agreeing, counted, memories


@pytest.mark.parametrize(("count", "said"), [(0, "0 memories"), (1, "1 memory"), (2000, "2,000 memories")])
def test_memories_are_counted_in_words_that_go_with_the_number(count: int, said: str) -> None:
    assert memories(count) == said


def test_most_words_take_an_s_and_others_are_given() -> None:
    assert (counted(1, "file"), counted(2, "file")) == ("1 file", "2 files")
    assert (counted(1, "topic has", "topics have"), counted(2, "topic has", "topics have")) == (
        "1 topic has",
        "2 topics have",
    )
    assert [agreeing(count, "is", "are") for count in (0, 1, 2)] == ["are", "is", "are"]
