"""The time that a question names: "yesterday", "in June", "on 8 May 2023", "two weeks ago".

Pure; `now` is passed in, and all days are days in UTC. English, and ISO dates. A memory kept at that time is a likelier
answer; which memories are found at all does not depend on it.
"""

import calendar
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name} | {"sept": 9}
_DAYS = {name.lower(): number for number, name in enumerate(calendar.day_name)}
_COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10}
_UNIT_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}

_MONTH = f"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})"
_DAY = r"(?P<day>[12]?[0-9]|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})"
_COUNT = rf"(?P<count>[0-9]{{1,3}}|{'|'.join(_COUNTS)}|couple of|few)"
_UNIT = r"(?P<unit>day|week|month|year)s?"
# "may" and "march" are words too: a month alone needs a word before it that says so.
_BEFORE = r"(?:in|during|since|of|from|last|this|early|mid|late|until|before|after)[ -]"


class When(Struct, frozen=True, kw_only=True):
    """A span of days, or what a date has in common with the days that are meant. `words` are the question's own."""

    words: str
    begin: date | None = None
    end: date | None = None  # its last day
    year: int | None = None
    month: int | None = None
    day: int | None = None

    def holds(self, moment: datetime) -> bool:
        day = moment.astimezone(UTC).date()
        if self.begin is not None and self.end is not None:
            return self.begin <= day <= self.end
        return all(
            wanted is None or wanted == found
            for wanted, found in ((self.year, day.year), (self.month, day.month), (self.day, day.day))
        )


def named(text: str, now: datetime) -> When | None:
    """The first time that `text` names; null if it names none."""
    today = now.astimezone(UTC).date()
    found = list(_found(text, today))
    if not found:
        return None
    first, _ = min(found, key=lambda each: each[0].start())
    # Readers stand from the exact to the vague: "of October" is also the beginning of "of October 13th, 2023".
    return next(when for match, when in found if match.start() < first.end())


def _found(text: str, today: date) -> Iterator[tuple[re.Match[str], When]]:
    for pattern, read in _READERS:
        for match in pattern.finditer(text):
            if (when := read(match, today)) is not None:
                yield match, when
                break


def _date(match: re.Match[str], _: date) -> When | None:
    parts = match.groupdict()
    month = parts.get("month")
    year, day = (int(parts[name]) if parts.get(name) else None for name in ("year", "day"))
    number = None if month is None else int(month) if month.isdecimal() else _MONTHS[month.lower()]
    if number is not None and not 1 <= number <= 12:
        return None
    return When(words=" ".join(match[0].split()), year=year, month=number, day=day)


def _near(match: re.Match[str], today: date) -> When:
    day = _back(today, {"today": 0, "yesterday": 1}[match[1].lower()])
    return When(words=match[0], begin=day, end=day)


def _ago(match: re.Match[str], today: date) -> When:
    """About then: half a unit to either side."""
    unit = _UNIT_DAYS[match["unit"].lower()]
    day = _back(today, _count(match["count"]) * unit)
    return When(words=match[0], begin=_back(day, unit // 2), end=min(today, day + timedelta(days=unit // 2)))


def _within(match: re.Match[str], today: date) -> When:
    days = _count(match["count"]) * _UNIT_DAYS[match["unit"].lower()]
    return When(words=match[0], begin=_back(today, days), end=today)


def _calendar(match: re.Match[str], today: date) -> When:
    """This or last week (from Monday), month or year."""
    first = {
        "week": _back(today, today.weekday()),
        "month": today.replace(day=1),
        "year": today.replace(month=1, day=1),
    }
    unit = match["unit"].lower()
    if match["which"].lower() == "this":
        return When(words=match[0], begin=first[unit], end=today)
    end = _back(first[unit], 1)
    begin = {"week": _back(end, 6), "month": end.replace(day=1), "year": end.replace(month=1, day=1)}[unit]
    return When(words=match[0], begin=begin, end=end)


def _weekday(match: re.Match[str], today: date) -> When:
    """The latest one before today."""
    back = (today.weekday() - _DAYS[match["name"].lower()] - 1) % 7 + 1
    day = _back(today, back)
    return When(words=match[0], begin=day, end=day)


def _back(day: date, days: int) -> date:
    return day - timedelta(days=min(days, (day - date.min).days))


def _count(word: str) -> int:
    word = word.lower()
    return int(word) if word.isdecimal() else _COUNTS.get(word, 3 if word == "few" else 2)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], When | None]], ...] = (
    (_compiled(rf"{_YEAR}-(?P<month>[01][0-9])(?:-(?P<day>[0-3][0-9]))?"), _date),
    (_compiled(rf"{_DAY} (?:of )?{_MONTH}\.?,?(?: {_YEAR})?"), _date),
    (_compiled(rf"{_MONTH}\.? {_DAY},?(?: {_YEAR})?"), _date),
    (_compiled(rf"{_MONTH}\.?,? (?:of )?{_YEAR}"), _date),
    (_compiled(rf"{_BEFORE}{_MONTH}"), _date),
    (_compiled(rf"(?:in|during|since|of|from) {_YEAR}"), _date),
    (_compiled(r"(today|yesterday)"), _near),
    (_compiled(rf"{_COUNT} {_UNIT} ago"), _ago),
    (_compiled(rf"(?:last|past) {_COUNT} {_UNIT}"), _within),
    (_compiled(r"(?P<which>this|last) (?P<unit>week|month|year)"), _calendar),
    (_compiled(rf"(?:on|last) (?P<name>{'|'.join(_DAYS)})"), _weekday),
)
