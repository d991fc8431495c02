import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.errors import InvalidError
from memory_core.moments import moment, span

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def in_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if sys.platform == "win32":
        pytest.skip("not on Windows: the zone is that of the machine")
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where the first day of the calendar begins before it."""
    yield from in_zone("UTC-5", monkeypatch)


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from in_zone("CET-1CEST,M3.5.0,M10.5.0/3", monkeypatch)


@pytest.mark.parametrize(
    ("age", "before"),
    [
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
        (" 1 D ", timedelta(days=1)),
    ],
)
def test_an_age_is_counted_back_from_now(age: str, before: timedelta) -> None:
    assert moment(age, now=NOW) == NOW - before


@pytest.mark.usefixtures("in_berlin")
def test_a_date_begins_at_local_midnight() -> None:
    assert moment("2026-07-01", now=NOW) == datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
    assert moment("2026-12-01", now=NOW) == datetime(2026, 11, 30, 23, 0, tzinfo=UTC)


@pytest.mark.usefixtures("in_berlin")
def test_until_a_date_includes_that_whole_day_also_where_it_has_25_hours() -> None:
    assert moment("2026-10-25", now=NOW, end_of_day=True) - moment("2026-10-25", now=NOW) == timedelta(hours=25)


@pytest.mark.usefixtures("in_berlin")
def test_a_time_without_a_zone_is_local_and_one_with_a_zone_is_not() -> None:
    assert moment("2026-07-01T12:00", now=NOW) == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
    assert moment("2026-07-01 12:00", now=NOW) == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
    assert moment("2026-07-01T12:00Z", now=NOW) == datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "7", "7y", "2026-13-01", "99999999999999999999d", "-7d", "0001-01-01"]
)
@pytest.mark.usefixtures("east")
def test_what_names_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidError, match="12h"):
        moment(text, now=NOW)


@pytest.mark.parametrize("text", ["1815-12-10", "1969-07-20T20:17", "3500-01-01"])
def test_a_moment_is_one_however_far_it_is(text: str) -> None:
    """Windows by itself has no local time for it."""
    assert abs(moment(text, now=NOW) - datetime.fromisoformat(text).replace(tzinfo=UTC)) < timedelta(hours=25)


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1)), st.integers(-12, 14))  # noqa: DTZ001
def test_a_time_with_a_zone_is_read_exactly(at: datetime, hours: int) -> None:
    exact = at.replace(tzinfo=timezone(timedelta(hours=hours)))

    assert moment(exact.isoformat(), now=NOW) == exact


def test_a_span_is_a_number_and_a_unit_or_nothing_at_all() -> None:
    assert span("24h") == timedelta(hours=24)
    assert span(" 2W ") == timedelta(weeks=2)
    assert span("0") == timedelta()
    for text in ("", "24", "h", "-1h", "9" * 30 + "w"):
        with pytest.raises(InvalidError, match="is no span of time; write 0, 30m, 12h, 7d or 2w"):
            span(text)
