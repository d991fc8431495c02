"""What of a prompt is looked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.engine.prompts import MOST_CHARS, asked

LOG = "\n".join(f"2026-03-01T10:00:{n % 60:02} INFO worker {n} took job {n * 7919}" for n in range(200))
TRACEBACK = """Traceback (most recent call last):
  File "/app/quotes.py", line 22, in <module>
    main()
psycopg.errors.DeadlockDetected: deadlock detected"""


def text_of(prompt: str) -> str | None:
    found = asked(prompt)
    return None if found is None else found.text


@pytest.mark.parametrize(
    "prompt",
    [
        "yes", "continue", "/compact", "/clear ", "ok go on", "/model", "yes, do that!", "LGTM", "👍", "2.",
        "fix the tests", "commit this", "run the linter and fix what it says", "好的", "weiter", "  \n ", "???",
        "",
        "```python\nprint('x')\n```", "add error handling here", "try again with a different approach",
        LOG,
    ],
)  # fmt: skip
def test_an_order_is_about_nothing(prompt: str) -> None:
    assert asked(prompt) is None


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("when do we deploy?", "when do we deploy?"),
        ("/review the payment module", "the payment module"),
        ("fix this:\n```\nlots of code\n```\nit breaks the  invoice", "fix this: it breaks the invoice"),
        ("why does\n    indented code\nbreak the invoice", "why does break the invoice"),
        (TRACEBACK, "psycopg.errors.DeadlockDetected: deadlock detected"),
        (f"{LOG}\nwhy is the queue so long?", "why is the queue so long?"),
        (f"{LOG}\nmake: *** Error: no rule for shelf", "make: *** Error: no rule for shelf"),
        ("数据库备份", "数据库备份"),
        ("useThumbnailCache", "useThumbnailCache"),
        ("how do we name release branches?", "how do we name release branches?"),
    ],
)  # fmt: skip
def test_prose_is_looked_for_and_what_was_pasted_is_not(prompt: str, text: str) -> None:
    assert text_of(prompt) == text


def test_of_long_prose_its_beginning_and_its_end_count() -> None:
    found = text_of(f"The invoices are late. {'And so on. ' * 500}Who sends them to the carrier?")

    assert found is not None
    assert found.startswith("The invoices are late.")
    assert found.endswith("Who sends them to the carrier?")
    assert len(found) <= MOST_CHARS + 1


def test_the_subject_is_what_no_mere_order_has() -> None:
    found = asked("please fix the payment call")

    assert found is not None
    assert found.subject == {"payment", "call"}
    assert "fix" in found.terms


@given(st.text(max_size=2_000))
def test_anything_may_be_said(prompt: str) -> None:
    found = asked(prompt)

    assert found is None or (found.subject <= set(found.terms) and len(found.text) <= MOST_CHARS + 1)
