"""Moments as people type them: `2026-11-23`, `2026-11-23 08:30`, `7d`, `12h`.

Local time in, UTC out; `now` is passed in.
"""

import re
import time
from datetime import UTC, date, datetime, timedelta, timezone

from memory_core.errors import InvalidError

_AGE = re.compile(r"(\d+)\s*([mhdw])")
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}


def moment(text: str, *, now: datetime, end_of_day: bool = False) -> datetime:
    """The moment that `text` names. A date is its first moment, or with `end_of_day` the first of the day after.

    Times without a zone are local. Raises InvalidError.
    """
    text = text.strip()
    try:
        if age := _AGE.fullmatch(text.lower()):
            return now.astimezone(UTC) - timedelta(minutes=int(age[1]) * _MINUTES[age[2]])
        if (day := _date(text)) is not None:
            if end_of_day:
                day += timedelta(days=1)
            return _from_local(datetime(day.year, day.month, day.day))  # noqa: DTZ001 - local, as it was meant
        return _from_local(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise InvalidError(
            f"{text!r} is no moment; write a date (2026-11-23), a time (2026-11-23T08:30) or an age (30m, 12h, 7d, 2w)"
        ) from error


def coming(text: str, *, now: datetime) -> datetime:
    """A moment ahead: a date, a time, or a span from `now` on (`12h`, `7d`). Raises InvalidError."""
    text = text.strip()
    if span := _AGE.fullmatch(text.lower()):
        try:
            return now.astimezone(UTC) + timedelta(minutes=int(span[1]) * _MINUTES[span[2]])
        except OverflowError:
            raise InvalidError(f"{text!r} is longer than time goes on here") from None
    return moment(text, now=now)


def span(text: str) -> timedelta:
    """`30m`, `12h`, `7d`, `2w`; `0` for none. Raises InvalidError."""
    found = _AGE.fullmatch(text.strip().lower())
    try:
        if found is not None:
            return timedelta(minutes=int(found[1]) * _MINUTES[found[2]])
        if text.strip() == "0":
            return timedelta()
    except OverflowError:
        pass
    raise InvalidError(f"{text!r} is no span of time; write 0, 30m, 12h, 7d or 2w")


def _from_local(when: datetime) -> datetime:
    """Windows knows local times of 1970 to 3000 alone; for others, that of a winter stands in."""
    try:
        return when.astimezone(UTC)
    except OSError:
        return when.replace(tzinfo=timezone(timedelta(seconds=-time.timezone))).astimezone(UTC)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
