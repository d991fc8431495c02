"""Secrets are known by their shape in whatever they are wrapped, and what is none is left alone."""

import time
from pathlib import Path
from re import _constants as constants  # type: ignore[attr-defined]  # nothing public tells how a pattern was read
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.engine.redaction.finding import find, marker, redact
from memory_core.engine.redaction.kinds import KINDS
from support.leaks import FORMS, PLAIN, Leak, leak

WRAPPINGS = ("{}", "remember {} please", '"{}"', "x\n{}\ny", "({}),")
CASES = [pytest.param(kind, form, id=f"{kind} {at}") for kind, forms in FORMS.items() for at, form in enumerate(forms)]
SMALL, LARGE = 16 * 1024, 256 * 1024
TEDIOUS = (
    "a", "M", "-", "\n", "[redacted:", "key=", "key=a1", "token=aa-aa", "eyJ", "eyJ-", "eyJaaaaaaaa.", "://a:", "://",
    "sk-", "glpat-", "xoxb-1", "password=", "password=a.", "password:a1", "password=a1&", "password    ", "secret_a",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nabc-", "-----BEGIN A A A A ", "-----", "curl ",
    "curl -u a:", "bearer ", "aws_secret_access_key=", "AKIAAAAAAAAAAAAAAAAA ", "Maaaaaaaaaaaaaaaaaaaaaaaaa.", "A_",
)  # fmt: skip

leaks = st.sampled_from([form for forms in FORMS.values() for form in forms]).map(leak)
between = st.sampled_from([" ", "\n", '"', "'", ", ", "; ", " = ", ": ", "(", ") ", "`", "|", " <", "> ", *PLAIN])


@pytest.mark.parametrize(("kind", "form"), CASES)
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_secret_is_found_in_whatever_it_is_wrapped_and_nothing_of_it_stays(
    kind: str, form: str, wrapping: str
) -> None:
    made = leak(form)

    cleared, kinds = redact(wrapping.format(made.text))

    assert kinds == (kind,)
    assert marker(kind) in cleared
    assert made.remains(cleared) == []
    before, after = wrapping.split("{}")
    assert cleared.startswith(before)
    assert cleared.endswith(after[-1:])


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert find(text) == []


def test_every_kind_has_samples_and_a_name_of_its_own() -> None:
    names = [kind.name for kind in KINDS]

    assert len(names) == len(set(names))
    assert set(names) == FORMS.keys()


def test_the_page_about_security_names_every_kind_as_the_code_does() -> None:
    """In the order of the alphabet; where this fails, its message has the rows that belong there."""
    page = Path(__file__).resolve().parents[4] / "docs/security.md"
    rows = "\n".join(f"| `{kind.name}` | {kind.what} |" for kind in sorted(KINDS, key=lambda kind: kind.name))

    assert f"|---|---|\n{rows}\n\n" in page.read_text(encoding="utf-8"), rows


def test_a_secret_that_is_of_two_kinds_is_one_secret() -> None:
    token = leak("gh|p_<36>").text
    one = ("github-token",)

    assert redact(f"Authorization: Bearer {token}") == ("Authorization: Bearer [redacted:github-token]", one)
    assert redact(f"GITHUB_TOKEN={token}") == ("GITHUB_TOKEN=[redacted:github-token]", one)


def test_what_stands_around_a_secret_stays() -> None:
    text = leak("Use the key AK|IA<16 upper> for the bucket shop-1, and not AK|IA<16 upper>; see the runbook.").text

    assert redact(text)[0] == (
        "Use the key [redacted:aws-key] for the bucket shop-1, and not [redacted:aws-key]; see the runbook."
    )


def test_an_aws_key_takes_along_the_secret_beside_it() -> None:
    made = leak("AK|IA<16 upper>, <40>")

    assert made.remains(redact(made.text)[0]) == []


def test_a_private_key_without_an_end_leaves_the_prose_behind_it() -> None:
    made = leak("The key:\n-----|BEGIN RSA PRIVATE KEY-----\n<64>\n<64>\n<12>\nThat was the key of the shop.")

    cleared, kinds = redact(made.text)

    assert kinds == ("private-key",)
    assert made.remains(cleared) == []
    assert "That was the key of the shop." in cleared


@given(st.text(max_size=400))
def test_any_text_survives(text: str) -> None:
    cleared, kinds = redact(text)

    assert redact(cleared) == (cleared, ())
    assert kinds or cleared == text


@given(st.lists(st.tuples(leaks, between), min_size=1, max_size=5), between)
def test_whatever_stands_together_nothing_of_a_secret_stays_and_twice_is_once(
    parts: list[tuple[Leak, str]], first: str
) -> None:
    text = f"{first} " + "".join(f"{made.text} {after} " for made, after in parts)

    cleared, _ = redact(text)

    assert redact(cleared) == (cleared, ())
    assert [remains for made, _ in parts for remains in made.remains(cleared)] == []


@given(leaks, st.text(max_size=60), st.text(max_size=60))
def test_among_any_texts_a_secret_on_a_line_of_its_own_is_found(made: Leak, before: str, after: str) -> None:
    cleared, _ = redact(f"{before}\n{made.text}\n{after}")

    assert made.remains(cleared) == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_repetition_is_bounded_and_none_multiplies_with_another(kind: Any) -> None:
    """Else a text could be made that takes a time out of all proportion."""
    assert _faults(parser.parse(kind.pattern), 1) == []


def test_a_pattern_that_could_take_long_would_be_noticed() -> None:
    assert _faults(parser.parse(r"(?:a{1,100}b?){1,100}c"), 1)
    assert _faults(parser.parse(r"a+b"), 1)
    assert not _faults(parser.parse(r"(?:a{1,1000}+|b){0,1000}+"), 1)


@pytest.mark.parametrize("unit", [*TEDIOUS, " ".join(PLAIN)])
def test_the_time_grows_with_the_text_and_not_faster(unit: str) -> None:
    """Sixteen times the text takes sixteen times the work; it would be 256 if each place looked at all the others."""
    short, long = ((unit * (size // len(unit) + 1))[:size] for size in (SMALL, LARGE))

    assert min(_work(long) for _ in range(2)) < 64 * max(_work(short) for _ in range(2))


def _work(text: str) -> float:
    """Processor time, which does not count what others do on this machine."""
    began = time.process_time()
    find(text)
    return time.process_time() - began


def _faults(parsed: Any, within: int) -> list[str]:
    """Repetitions without bound, or too many; `within` is how often this part may be tried again from one place.

    What is possessive is tried once.
    """
    found = []
    for name, value in parsed:
        if name in (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT):
            _, most, part = value
            times = 1 if name is constants.POSSESSIVE_REPEAT else within * int(most)
            if most == constants.MAXREPEAT or times > 400:
                found.append(f"{name} {value[:2]} within {within}")
            found += _faults(part, times)
        elif name is constants.BRANCH:
            found += [fault for part in value[1] for fault in _faults(part, within)]
        elif name in (constants.SUBPATTERN, constants.ASSERT, constants.ASSERT_NOT):
            found += _faults(value[-1], within)
    return found
