"""Cutting text: nothing is lost, everything fits, and borders that people see are preferred."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_core.engine.embedders.card import read_card
from memory_core.engine.embedders.tokens import Tokens
from memory_core.errors import ModelUnavailableError
from support.embedders import MODEL, model_folder

CARD = read_card(model_folder(), name=MODEL)
TOKENS = Tokens(model_folder(), CARD)

sentences = st.sampled_from(
    [
        "We deploy on Fridays. ",
        "def f(x):\n    return x\n",
        "日本語のテキスト。",
        "\n\n",
        "x" * 300,
        "a_b-c/d.e ",
        "🎉é\u0301 ",
        "\t",
        "1.5e-12 ",
    ]
)
texts = st.one_of(st.text(max_size=400), st.lists(sentences, max_size=120).map("".join))


@given(texts)
@settings(max_examples=60, deadline=None)
def test_pieces_together_are_the_text_and_each_fits(text: str) -> None:
    pieces = TOKENS.pieces(text)

    assert "".join(pieces) == text
    for piece in pieces:
        # One token more would show: the model's ids are cut at its maximum.
        assert len(TOKENS._encode(piece).ids) <= TOKENS.budget


def test_the_model_reads_256_tokens_whatever_its_tokenizer_file_was_left_with() -> None:
    """Its tokenizer.json says 128, with padding to that length."""
    assert len(TOKENS.ids("word " * 400)) == 256
    assert len(TOKENS.ids("word")) == 3


def test_a_text_cut_by_the_model_still_ends_with_the_separator() -> None:
    assert TOKENS.ids("word " * 400)[-1] == TOKENS.ids("word")[-1]


@pytest.mark.parametrize(
    ("border", "text"),
    [
        ("\n\n", ("word " * 40 + "end\n") * 4 + "\n" + "word. " * 300),
        ("\n", ("word. " * 30 + "end\n") * 20),
        (". ", ("word " * 30 + "end. ") * 20),
        (" ", "word " * 600),
        ("。", "日本語のテキスト。" * 60),
    ],
)
def test_a_piece_ends_at_the_best_border_near_its_end(border: str, text: str) -> None:
    first = TOKENS.pieces(text)[0]

    assert first.endswith(border)
    assert len(first) > len(text[: TOKENS.budget]) / 2


def test_a_text_without_any_border_is_cut_all_the_same() -> None:
    text = "🎉語" * 500

    pieces = TOKENS.pieces(text)

    assert len(pieces) > 2
    assert "".join(pieces) == text


def test_a_damaged_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")

    with pytest.raises(ModelUnavailableError, match=r"tokenizer\.json cannot be read"):
        Tokens(tmp_path, CARD)
