"""Commands about what happened: history, undo; what waits for a decision: review; and what was thrown away: trash."""

from typing import Annotated

from cyclopts import App, Group, Parameter
from msgspec import UNSET

from memory_cli.change_words import history_text, review_text, trash_text, undo_text
from memory_cli.commands import keeping
from memory_cli.options import Global, Here, Id, Limit, Reason, because, flag
from memory_cli.render import memory_in_full, short_id
from memory_core.changes import Action, Decision, ReviewQuery, Settled, Settlement, TrashQuery, UndoRequest
from memory_core.types import ListQuery

_ACTIONS = frozenset(action.value for action in Action)
"""What the names of batches begin with; ids may have hyphens too."""


async def history(memory_id: Id, /, *, session: Here) -> None:
    """Show every state of a memory, the latest first: what was done, when, by whom and why."""
    async with session.memories() as store:
        found = await store.history(memory_id)
    session.out.give(found, history_text(found))


async def undo(
    target: Annotated[
        str | None,
        Parameter(help="The id of a memory or of a batch; without it, this machine's last change that is no import."),
    ] = None,
    /,
    *,
    reason: Reason = None,
    session: Here,
) -> None:
    """Take a change back; a purge, an import or a merge as a whole. Undoing that brings it back again."""
    if target is None:
        asked = UndoRequest()
    elif target.partition("-")[0] in _ACTIONS:
        asked = UndoRequest(batch_id=target)
    else:
        asked = UndoRequest(memory_id=target)
    async with session.memories() as store:
        report = await store.undo(asked, by=because(reason))
    if not session.out.as_json:
        session.out.memories(report.sample, project_id=session.project_id)
    session.out.give(report, undo_text(report))


review = App(
    name="review",
    help="Decide about memories that say nearly the same, and about those to be looked at again.",
    help_epilogue="",
    group_commands=Group("Commands"),
)
trash = App(
    name="trash",
    help="What was deleted, purged or has expired, until it is removed for good.",
    help_epilogue="",
    group_commands=Group("Commands"),
)


@review.default
@review.command(name="list")
async def list_(*, limit: Limit = 20, everywhere: Global = False, session: Here) -> None:
    """Show what waits for a decision."""
    project = UNSET if session.project_id is None or everywhere else session.project_id
    async with session.memories() as store:
        found = await store.review(ReviewQuery(limit=limit, project_id=None if project is UNSET else project))
    session.out.give(found, review_text(found) or "Nothing waits for a decision")
    if found.open > len(found.pairs) and not session.out.as_json:
        session.out.note(f"{found.open:,} pairs wait in all")
    if found.pairs and not session.out.as_json:
        session.out.note("decide with: claude-memory review merge|supersede|keep ID OTHER")


@review.command
async def merge(
    keep: Id,
    other: Id,
    /,
    *,
    content: Annotated[str | None, Parameter(help="The text of both; else that of the first.")] = None,
    reason: Reason = None,
    session: Here,
) -> None:
    """Make one of two: the first gets the tags of both, the other is superseded by it."""
    settled = await _settled(
        session, Settlement(keep=keep, other=other, decision=Decision.MERGE, content=content), reason
    )
    session.out.give(settled, f"{memory_in_full(settled.memory)}\n\n{_taken_back(settled)}")
    session.out.left_out(settled.redacted)


@review.command
async def supersede(keep: Id, other: Id, /, *, reason: Reason = None, session: Here) -> None:
    """Let the first take the place of the other, which leaves search."""
    settled = await _settled(session, Settlement(keep=keep, other=other, decision=Decision.SUPERSEDE), reason)
    session.out.give(settled, f"{short_id(settled.memory)} supersedes the other; {_taken_back(settled)}")


@review.command(name="keep")
async def keep_both(one: Id, other: Id, /, *, session: Here) -> None:
    """Both are right; do not ask again."""
    settled = await _settled(session, Settlement(keep=one, other=other, decision=Decision.KEEP_BOTH), None)
    session.out.give(settled, "Both stay")


async def _settled(session: Here, asked: Settlement, reason: str | None) -> Settled:
    async with session.memories() as store:
        return await store.settle(asked, by=because(reason))


def _taken_back(settled: Settled) -> str:
    return f"`claude-memory undo {settled.batch_id}` takes that back"


@trash.default
@trash.command(name="list")
async def list_trash(*, limit: Limit = 20, everywhere: Global = False, session: Here) -> None:
    """Show what lies in the trash, the newest memories first."""
    everything = everywhere or session.project_id is None
    query = ListQuery(limit=limit, trashed=True, project_id=session.project_id or UNSET, global_search=everything)
    async with session.memories() as store:
        page = await store.list(query)
    if session.out.as_json:
        session.out.json(page)
        return
    session.out.memories(page.memories, project_id=session.project_id)
    if not page.memories:
        session.out.note("the trash is empty")
    elif page.next_cursor is not None:
        session.out.note(f"there is more; claude-memory list --trash --cursor {page.next_cursor}")


trash.command(keeping.restore, name="restore")


@trash.command
async def empty(
    *,
    older_than: Annotated[int, Parameter(name="--older-than-days", help="Only what has lain there so long.")] = 0,
    yes: Annotated[bool, flag("Do it.", ["--yes", "-y"])] = False,
    session: Here,
) -> None:
    """Show what lies in the trash of all projects; with --yes, remove it for good, its history too."""
    async with session.memories() as store:
        report = await store.empty_trash(TrashQuery(older_than_days=older_than, dry_run=not yes))
    if report.dry_run and not session.out.as_json:
        session.out.memories(report.sample, project_id=session.project_id)
    session.out.give(report, trash_text(report))
