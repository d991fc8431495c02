"""Markdown by its sections and bullets, and front matter as people write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.formats.others.frontmatter import listed, one, parted
from memory_core.formats.others.outline import pieces

markdown = st.lists(
    st.sampled_from(["# A", "## B", "text", "- item", "  more", "", "```", "~~~", "1. first", "#no heading", "* star"]),
    max_size=12,
).map("\n".join)


def shown(text: str) -> list[tuple[int, str, str]]:
    return [(piece.line, "/".join(piece.headings), piece.text) for piece in pieces(text)]


def test_a_section_is_one_piece_unless_it_has_bullets_alone() -> None:
    text = "intro\n# A\n\n- one\n  - under one\n\n  and more\n- two\n## B\nwords\n- item\n# C\n1. first\n2) second\n"

    assert shown(text) == [
        (1, "", "intro"),
        (4, "A", "one\n  - under one\n\n  and more"),
        (8, "A", "two"),
        (10, "A/B", "words\n- item"),
        (13, "C", "first"),
        (14, "C", "second"),
    ]


def test_code_is_neither_heading_nor_bullet() -> None:
    text = "# A\n```sh\n# a comment\n- no bullet\n```\n- after\n"

    assert shown(text) == [(2, "A", "```sh\n# a comment\n- no bullet\n```\n- after")]


def test_a_heading_with_nothing_under_it_is_a_piece_of_its_own() -> None:
    assert shown("# A\n## Use tabs\n## B\ntext\n# End") == [(2, "A", "Use tabs"), (4, "A/B", "text"), (5, "", "End")]


@given(markdown)
def test_no_word_is_lost(text: str) -> None:
    said = " ".join(" ".join((*piece.headings, piece.text)) for piece in pieces(text))

    for line in text.splitlines():
        word = line.strip().strip("#-*1.").strip()
        assert word in said


def test_front_matter_is_read_as_people_write_it() -> None:
    text = (
        '---\ntitle: "A: b"  \n# a comment\ntags:\n- one\n- "two, three"\nempty:\ninline: [a, "b, c", \'d\']\n'
        "metadata:\n  type: user\n  at: 2026-01-01 # why\nfolded: >-\n  two\n  lines\nkept: |\n  two\n  lines\n"
        "url: http://a:80/b\nplain: goes on\n  here\nname with space: it's\n---\nbody\n---\n"
    )

    fields, body, odd = parted(text)

    assert fields == {
        "title": "A: b",
        "tags": ["one", "two, three"],
        "empty": "",
        "inline": ["a", "b, c", "d"],
        "metadata": {"type": "user", "at": "2026-01-01"},
        "folded": "two lines",
        "kept": "two\nlines",
        "url": "http://a:80/b",
        "plain": "goes on here",
        "name with space": "it's",
    }
    assert (body, odd) == ("body\n---\n", [])


@pytest.mark.parametrize("text", ["", "text", "--- \n no end", "---\n", "text\n---\na: b\n---\n"])
def test_what_is_no_front_matter_is_text(text: str) -> None:
    assert parted(text) == ({}, text, [])


def test_lines_that_are_not_understood_are_given_back() -> None:
    fields, body, odd = parted("\ufeff---\r\na: b\r\n{{x}}\r\nmap:\r\n  - deep:\r\n    worse\r\n---\r\nbody")

    assert fields["a"] == "b"
    assert body == "body"
    assert "{{x}}" in odd


def test_lists_and_texts_stand_for_each_other() -> None:
    assert listed("a, b,") == listed(["a", " b "]) == ["a", "b"]
    assert listed(None) == listed({}) == []
    assert (one(["a", "b"]), one(" a "), one(""), one(None), one({})) == ("a, b", "a", None, None, None)
