"""Which backups may go. Pure: knows neither clocks nor files."""

from collections.abc import Sequence

from memory_core.backups import Backup, BackupState, newest_first

KEEP = 7
WEEKS = 4


def expendable(backups: Sequence[Backup], *, keep: int, made: str) -> list[Backup]:
    """What may go now that `made` was found good: all but the newest `keep`, and before those the last of four weeks.

    The weeks are the latest that have a backup, by the calendar. Only verified ones count: those that are not, or are
    broken, go once they are older than the newest `keep` verified ones, and never make another go.
    """
    good = newest_first([backup for backup in backups if backup.state is BackupState.VERIFIED])
    newest = good[: max(keep, 1)]
    kept = {made, *(backup.name for backup in newest), *_of_weeks(good[len(newest) :])}
    # A clock that was set back gives the newest backup an old name: what is older than it is not old.
    complete = len(newest) >= keep
    oldest = min((backup.name for backup in newest), default=made)
    return [
        backup
        for backup in backups
        if backup.name not in kept and (backup.state is BackupState.VERIFIED or (complete and backup.name < oldest))
    ]


def _of_weeks(good: Sequence[Backup]) -> list[str]:
    """The newest of each of the latest weeks; `good` is newest first."""
    of_week: dict[tuple[int, int], str] = {}
    for backup in good:
        year, week, _ = backup.created_at.isocalendar()
        of_week.setdefault((year, week), backup.name)
    return list(of_week.values())[:WEEKS]
