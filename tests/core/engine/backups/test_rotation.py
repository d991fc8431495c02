"""Which backups go: properties over any history, and what a year of daily backups leaves."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from memory_core.backups import Backup, BackupState
from memory_core.engine.backups.rotation import WEEKS, expendable
from memory_core.engine.backups.shelf import new_name

START = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)  # a Monday


def backup(hours: int, state: BackupState = BackupState.VERIFIED) -> Backup:
    at = START + timedelta(hours=hours)
    return Backup(name=new_name(at), state=state, created_at=at, bytes=1)


HISTORIES = st.lists(
    st.tuples(st.integers(0, 24 * 90), st.sampled_from(BackupState)), min_size=1, unique_by=lambda each: each[0]
).map(lambda drawn: [backup(hours, state) for hours, state in drawn])


@given(HISTORIES, st.integers(1, 10), st.data())
def test_the_newest_good_ones_and_the_one_just_made_always_stay(
    backups: list[Backup], keep: int, data: st.DataObject
) -> None:
    made = data.draw(st.sampled_from(backups)).name
    gone = {old.name for old in expendable(backups, keep=keep, made=made)}
    good = sorted((b.name for b in backups if b.state is BackupState.VERIFIED), reverse=True)

    assert made not in gone
    assert gone.isdisjoint(good[:keep])
    assert len(set(good) - gone) <= keep + WEEKS + 1, "and no more than that"


@given(HISTORIES, st.integers(1, 10))
def test_one_that_is_not_known_to_be_good_never_makes_another_go(backups: list[Backup], keep: int) -> None:
    good = [each for each in backups if each.state is BackupState.VERIFIED]
    made = backup(-1)

    with_all = expendable([*backups, made], keep=keep, made=made.name)
    without = expendable([*good, made], keep=keep, made=made.name)

    assert [each for each in with_all if each.state is BackupState.VERIFIED] == without


@given(HISTORIES, st.integers(1, 10))
def test_what_stays_once_stays_if_nothing_is_added(backups: list[Backup], keep: int) -> None:
    made = backups[0].name
    gone = expendable(backups, keep=keep, made=made)

    assert expendable([each for each in backups if each not in gone], keep=keep, made=made) == []


def test_a_year_of_daily_backups_leaves_a_week_of_days_and_a_month_of_weeks() -> None:
    there: list[Backup] = []
    for day in range(365):
        there.append(backup(24 * day))
        gone = expendable(there, keep=7, made=there[-1].name)
        there = [each for each in there if each not in gone]

    days = [(each.created_at - START).days for each in there]
    assert days[-7:] == list(range(358, 365))
    assert [(START + timedelta(days=day)).strftime("%a") for day in days[:-7]] == ["Sun", "Sun", "Sun", "Mon"]
    assert 365 - days[0] > 21


def test_names_sort_as_the_moments_do() -> None:
    moments = [START + timedelta(milliseconds=step) for step in (0, 1, 999, 1000, 60_000, 10**9)]

    assert [new_name(at) for at in moments] == sorted(new_name(at) for at in moments)
    assert new_name(START) == "20260105T030000.000Z"
