"""Which contents are one text, so that adding the second changes nothing."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memory_core.engine.repeats import normalised, same_text, text_digest

any_text = st.text(st.characters())


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("The API listens on port 8000", "  The API listens on port 8000 \n"),
        ("one\r\ntwo", "one\ntwo"),
        ("one  \ntwo", "one\ntwo"),
        ("café", "cafe\u0301"),
        ("\n\nkeys:\n  a: 1\n", "keys:\n  a: 1"),
    ],
)
def test_what_no_reader_can_tell_apart_is_one_text(left: str, right: str) -> None:
    assert same_text(left, right)
    assert text_digest(left) == text_digest(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("The API listens on port 8000", "The API listens on port 8001"),
        ("call user_id", "call User_id"),
        ("Run it", "Run it!"),
        ("10 m²", "10 m2"),
        ("ＡＢＣ", "ABC"),
        ("if a:\n    b()\nc()", "if a:\n    b()\n    c()"),
        ("  a: 1\n  b: 2", "a: 1\n  b: 2"),
        ("a b", "a  b"),
        ("one two", "one\ntwo"),
        ("Don't", "Don’t"),
    ],
)
def test_whatever_could_mean_something_keeps_two_texts_apart(left: str, right: str) -> None:
    assert not same_text(left, right)
    assert text_digest(left) != text_digest(right)


@given(any_text)
@example("\ud800")
@example("a" + "\u0301\u0327" * 1_000)
def test_every_text_has_a_digest_that_an_unsigned_column_of_64_bits_holds(text: str) -> None:
    assert 0 <= text_digest(text) < 2**64
    assert same_text(text, text)


@given(any_text)
def test_a_text_is_the_same_however_its_accents_are_coded(text: str) -> None:
    assert same_text(text, unicodedata.normalize("NFC", text))


@given(any_text, any_text)
def test_texts_are_the_same_exactly_where_what_is_left_of_them_is_equal(left: str, right: str) -> None:
    assert same_text(left, right) == (normalised(left) == normalised(right))
    assert normalised(normalised(left)) == normalised(left)
