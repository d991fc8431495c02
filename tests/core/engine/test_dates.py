"""Which time a question names, and which days that is."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.engine.dates import named

NOW = datetime(2026, 11, 25, 16, 30, tzinfo=UTC)  # a Wednesday


def holds(text: str, day: str) -> bool:
    when = named(text, NOW)
    assert when is not None, text
    return when.holds(datetime.fromisoformat(f"{day}T12:00+00:00"))


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("what broke on 2026-11-23?", "2026-11-23", "2026-11-24"),
        ("decisions of 2026-10", "2026-10-31", "2026-11-01"),
        ("what did Ana say on 8 May 2023", "2023-05-08", "2023-05-09"),
        ("the release of October 13th, 2023", "2023-10-13", "2022-10-13"),
        ("what happened on the 3rd of June?", "2019-06-03", "2019-06-04"),
        ("what did we plan in June?", "2023-06-30", "2023-07-01"),
        ("the March 2024 outage", "2024-03-01", "2023-03-01"),
        ("everything from 2025", "2025-07-01", "2024-12-31"),
        ("what did I decide today", "2026-11-25", "2026-11-24"),
        ("what did I decide yesterday", "2026-11-24", "2026-11-25"),
        ("the bug of two weeks ago", "2026-11-11", "2026-11-25"),
        ("a month ago we chose a host", "2026-10-26", "2026-11-20"),
        ("in the last 3 days", "2026-11-22", "2026-11-21"),
        ("the past couple of weeks", "2026-11-11", "2026-11-10"),
        ("what changed this week", "2026-11-23", "2026-11-22"),
        ("what changed last week", "2026-11-16", "2026-11-23"),
        ("costs of last month", "2026-10-01", "2026-11-01"),
        ("plans of last year", "2025-01-01", "2026-01-01"),
        ("what was said on Monday", "2026-11-23", "2026-11-16"),
        ("last wednesday", "2026-11-18", "2026-11-25"),
    ],
)
def test_the_days_that_are_meant(text: str, inside: str, outside: str) -> None:
    assert holds(text, inside)
    assert not holds(text, outside)


@pytest.mark.parametrize(
    "text",
    [
        "which port does the API use",
        "may I march on",
        "what has been decided",
        "port 2024 or 8420",
        "version 3.11.7",
        "error 2026-99-99",
        "Augustus and Junebug",
        "the second try",
        "",
    ],
)
def test_what_names_no_time(text: str) -> None:
    assert named(text, NOW) is None


def test_the_first_time_counts_and_its_words_are_kept() -> None:
    when = named("between yesterday and 2020-01-01", NOW)

    assert when is not None
    assert when.words == "yesterday"


def test_days_are_days_in_utc() -> None:
    late = datetime(2026, 11, 25, 1, 0, tzinfo=timezone(timedelta(hours=2)))

    when = named("2026-11-24", NOW)

    assert when is not None
    assert when.holds(late)


@given(st.text(), st.datetimes(timezones=st.just(UTC)))
def test_any_text_at_any_time_is_read_without_an_error(text: str, now: datetime) -> None:
    named(text, now)


@given(st.sampled_from(["999 years ago", "last 999 years", "last year", "last week", "yesterday"]))
def test_the_beginning_of_the_calendar_is_no_error(text: str) -> None:
    named(text, datetime(1, 1, 9, tzinfo=UTC))
