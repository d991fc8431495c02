"""Cutting text whose tokens cannot be counted; cutting by tokens is tested with the tokenizer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.engine.embedders.borders import pieces_by_width


@given(st.text(st.sampled_from("ab 語。.\n🎉"), max_size=300), st.integers(4, 40))
def test_pieces_together_are_the_text_and_none_is_too_wide(text: str, width: int) -> None:
    pieces = pieces_by_width(text, width)

    assert "".join(pieces) == text
    assert pieces
    assert all(sum(4 if c in "語。🎉" else 1 for c in piece) <= width for piece in pieces)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One line.\nTwo lines.\n\nAnother paragraph. And more", "One line.\nTwo lines.\n\n"),
        ("One sentence. Another one\nand a line of more", "One sentence. Another one\n"),
        ("One longer sentence. Another one that goes on", "One longer sentence. "),
        ("several words without any end of sentence", "several words without any "),
        ("x" * 60, "x" * 28),
        ("日本語のテキストです", "日本語のテキス"),
    ],
)
def test_a_piece_ends_at_the_best_border_near_its_end(text: str, first: str) -> None:
    assert pieces_by_width(text, 28)[0] == first
