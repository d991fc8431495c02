"""Commands for the whole store: purge, backfill-embeddings."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from memory_cli.change_words import purge_text
from memory_cli.options import NO_FILTERS, Filters, Here, Reason, because, flag
from memory_cli.store_words import embedding_text
from memory_core.counting import counted, memories
from memory_core.errors import InvalidError, ModelUnavailableError
from memory_core.memories import Memories, Progress
from memory_core.types import EmbeddingState, EmbeddingStatus, PurgeQuery

_SLOWEST_POLL_S = 2.0  # 30 a minute, half of what a server allows one key


async def purge(
    *,
    filters: Filters = NO_FILTERS,
    older_than: Annotated[
        int | None, Parameter(name="--older-than-days", help="Only what is older than so many days.")
    ] = None,
    containing: Annotated[str | None, Parameter(help="Only what contains this text.")] = None,
    dry_run: Annotated[bool, flag("Show what would go, change nothing; so it is without --yes, too.")] = False,
    yes: Annotated[bool, flag("Do it.", ["--yes", "-y"])] = False,
    reason: Reason = None,
    session: Here,
) -> None:
    """Show every memory that fits; with --yes, move them to the trash. `undo` brings all of them back.

    Needs a filter: nobody empties a project by leaving one out. To mean a whole project, name it with -p.
    """
    names_project = session.names_project and not filters.everywhere
    if not (filters.narrow() or names_project or older_than is not None or containing is not None):
        raise InvalidError("purge needs a filter: -p PROJECT, --type, --tags, --older-than-days, --containing, …")
    query = PurgeQuery(
        older_than_days=older_than,
        content_contains=containing,
        dry_run=dry_run or not yes,
        **filters.scope(session),
    )
    async with session.memories() as store:
        report = await store.purge(query, by=because(reason))
    if session.out.as_json:
        session.out.json(report)
        return
    if report.dry_run:
        session.out.sample(report.sample, report.matched, project_id=session.project_id)
    session.out.say(purge_text(report))


async def backfill_embeddings(
    *, no_wait: Annotated[bool, flag("Start it, and leave the server to it.")] = False, session: Here
) -> None:
    """Embed whatever has no embedding yet, what failed before included, and wait for the end of it."""
    async with session.memories() as store:
        report = await store.backfill()
        _refuse_without_model(report.embedding)
        status, at_first = report.embedding, report.pending
        if not no_wait:
            with session.out.progress("Embedding") as progress:
                status = await _settled(store, at_first, progress)
    if no_wait:
        session.out.give(report, f"{memories(at_first)} pending; `claude-memory status` says how many are left")
        return
    done = max(at_first - status.pending, 0)
    session.out.give(
        status,
        f"Embedded {memories(done)}; {status.failed:,} failed, {counted(status.pending, 'has', 'have')} no embedding",
    )
    if status.failed:
        raise ModelUnavailableError(f"{memories(status.failed)} could not be embedded; the server's log says why")


async def _settled(store: Memories, at_first: int, progress: Progress) -> EmbeddingStatus:
    """The status once nothing is pending but what failed."""
    pause_s = 0.1
    while True:
        status = (await store.health()).embedding
        _refuse_without_model(status)
        progress(max(at_first - status.pending, 0), max(at_first, status.pending))
        if status.state is EmbeddingState.READY and status.pending <= status.failed:
            return status
        pause_s = min(pause_s * 2, _SLOWEST_POLL_S)
        await asyncio.sleep(pause_s)


def _refuse_without_model(status: EmbeddingStatus) -> None:
    if status.state in (EmbeddingState.OFF, EmbeddingState.UNAVAILABLE):
        raise ModelUnavailableError(f"nothing can be embedded here: embeddings are {embedding_text(status)}")
