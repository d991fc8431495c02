"""What was changed, as people read it: the history of a memory, what was taken back, what waits to be decided. Pure."""

from datetime import UTC, datetime, tzinfo

from memory_cli.render import ID_DIGITS, differing, mark, one_line, short_id, when
from memory_core.changes import History, Review, TrashReport, UndoReport
from memory_core.counting import agreeing, memories
from memory_core.types import Memory, PurgeReport

_FAR_AHEAD = datetime.max.replace(tzinfo=UTC)


def purge_text(report: PurgeReport) -> str:
    if report.matched == 0:
        return "Nothing fits; nothing to purge"
    if report.dry_run:
        them = agreeing(report.matched, "it", "them")
        return f"{memories(report.matched)} would go to the trash; add --yes to move {them} there"
    return f"Moved {memories(report.purged)} to the trash; `claude-memory undo {report.batch_id}` brings all back"


def history_text(history: History, zone: tzinfo | None = None) -> str:
    """A block a revision, the latest first: number, time, what was done and by whom, and the text where it changed."""
    blocks = []
    for place, one in enumerate(history.revisions):
        before = history.revisions[place + 1].memory if place + 1 < len(history.revisions) else None
        who = ", ".join(part for part in (one.client_id, one.key and f"key {one.key}", one.batch_id) if part)
        head = f"{one.revision}  {when(one.at, zone)}  {one.action.value}{f'  ({one_line(who)})' if who else ''}"
        lines = [head, f"   because {one_line(one.reason)}"] if one.reason else [head]
        lines += [f"   {line}" for line in _changed(before, one.memory, zone)]
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def _changed(before: Memory | None, after: Memory, zone: tzinfo | None) -> list[str]:
    if before is None:
        return [one_line(after.content)]
    names = [name for name in Memory.__struct_fields__ if name not in ("updated_at", "revision")]
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return [
        one_line(after.content) if name == "content" else f"{name}: {_shown(getattr(after, name), zone)}"
        for name in changed
    ]


def _shown(value: object, zone: tzinfo | None) -> str:
    if isinstance(value, datetime):
        return when(value, zone)
    return one_line(", ".join(value) if isinstance(value, tuple) else str("none" if value in (None, ()) else value))


def undo_text(report: UndoReport) -> str:
    text = f"Undid {report.action.value} of {memories(report.undone)}"
    if report.changed_since:
        shown = ", ".join(memory_id[:ID_DIGITS] for memory_id in report.changed_since[:10])
        text += f"; {memories(len(report.changed_since))} changed since then stayed: {shown}"
    if report.aliases:
        means = agreeing(len(report.aliases), "means again what it", "mean again what they")
        text += f", and {one_line(', '.join(report.aliases))} {means} did"
    return f"{text}; `claude-memory undo {report.batch_id}` takes that back"


def review_text(found: Review) -> str:
    parts = []
    for pair in found.pairs:
        newer, older = short_id(pair.newer), short_id(pair.older)
        parts.append(
            f"{newer}  {when(pair.newer.created_at)}  {one_line(pair.newer.content)}\n"
            f"{older}  {when(pair.older.created_at)}  {one_line(pair.older.content)}\n"
            f"          {pair.similarity:.2f} alike; {differing(pair.differences)}"
        )
    if found.overdue:
        lines = [f"{short_id(one)}  {mark(one, _FAR_AHEAD)}  {one_line(one.content)}" for one in found.overdue]
        parts.append("\n".join(["To be looked at again", *lines]))
    return "\n\n".join(parts)


def trash_text(report: TrashReport) -> str:
    if report.matched == 0:
        return "Nothing lies in the trash that long"
    if report.dry_run:
        return f"{memories(report.matched)} would be removed for good; add --yes to do it"
    return f"Removed {memories(report.removed)} for good"
